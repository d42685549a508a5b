"""dbt as a program of ours: the one in this environment, on the warehouse of the settings."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from warehouse.settings import ROOT, Settings

PROJECT = ROOT / "dbt_project"


def command(*arguments: str) -> list[str]:
    """The command line of dbt with arguments; run it with `environment` in the repository's root."""
    # the program beside this Python: .venv/bin need not be on the PATH
    return [str(Path(sys.executable).parent / "dbt"), *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """The process environment under which dbt, and our own commands, use the warehouse of the settings.

    What `.env` says is in it: dbt does not read that file.
    """
    values = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    # nothing that profiles.yml finds by itself: with other variables than last time dbt parses the whole project again
    if "PLIMSOLL_HOME" in values or settings.home != Settings.model_fields["home"].default:
        values["PLIMSOLL_HOME"] = str(settings.home)
    connection = settings.database.environment()
    if settings.database.is_embedded:
        connection = {"PGDATABASE": settings.database.dbname} if settings.pgdatabase else {}
        values.pop("PGHOST", None)
    # the PG variables say the same, and whoever reads these would have to take them apart again
    for name in ("DATABASE_URL", "SUPABASE_DB_URL"):
        values.pop(name, None)
    return values | connection


def run(settings: Settings, arguments: Sequence[str]) -> int:
    """Run dbt in the foreground; its exit code."""
    return subprocess.run(command(*arguments), cwd=ROOT, env=environment(settings), check=False).returncode
