"""dbt as a program of ours: the one in this environment, on the warehouse of the settings."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from warehouse import postgres
from warehouse.errors import PlimsollError
from warehouse.settings import ROOT, Settings

PROJECT = ROOT / "dbt_project"
BUILD_LOCK = int.from_bytes(b"plimsoll", "big")
"""Advisory lock of a build: two of one database must not overlap."""


def command(*arguments: str) -> list[str]:
    """The command line of dbt with arguments; run it with `environment` in the repository's root."""
    # the program beside this Python: .venv/bin need not be on the PATH
    return [str(Path(sys.executable).parent / "dbt"), *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """The process environment under which dbt uses the warehouse of the settings.

    What `.env` says is in it: dbt does not read that file. It is not for our own commands, which do: to them the URL
    that is taken out here would come back from there.
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


def build(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `dbt build` in the foreground, one build of a database at a time.

    dbt cannot see to it itself: it closes the connection of its hooks before it builds the first model.

    Args:
        settings: say which database.
        arguments: further arguments of `dbt build`.

    Returns:
        dbt's exit code.

    Raises:
        PlimsollError: another build of this database is under way, nothing was loaded into it, or it cannot be reached.
    """
    with closing(postgres.connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('raw_github.pull_requests') is not null")
        if cursor.fetchone() != (True,):
            # a line for each table that is missing, and for each that is built of it, would say less
            raise PlimsollError(
                "there is nothing to build from: nothing was loaded yet",
                where=str(settings.database),
                remedy="Run python -m ingestion github --repo owner/name",
            )
        cursor.execute("select pg_try_advisory_lock(%s)", (BUILD_LOCK,))
        if cursor.fetchone() != (True,):
            raise PlimsollError(
                "another build is under way", where=str(settings.database), remedy="Let it finish, then run this again"
            )
        line = command("build", "--project-dir", str(PROJECT), *arguments)
        process = subprocess.Popen(line, cwd=ROOT, env=environment(settings))
        try:
            return process.wait()
        except KeyboardInterrupt:
            # dbt got it, too: the lock holds until it has cancelled its queries
            process.wait()
            raise
