"""Every static check: Python's style and types, the SQL's style, the dbt project's conventions.

`python -m tests.lint` runs all of them, says what each found, and ends with 1 if any found something.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.benchmarks import raw_bulk
from warehouse import dbt, postgres
from warehouse.settings import ROOT, load_settings

BIN = Path(sys.executable).parent


def main() -> int:
    """Run the checks; the exit code."""
    # the templater and the manifest need a warehouse to speak to; a throw-away one, never the user's
    with tempfile.TemporaryDirectory(prefix="plimsoll-lint-") as folder:
        home = Path(folder).resolve()
        home.chmod(0o755)
        settings = load_settings(PLIMSOLL_HOME=home, DATABASE_URL=None, SUPABASE_DB_URL=None, PGHOST=None)
        # what the SQL says can be known only against tables: the models ask for them while they are compiled
        with closing(postgres.connect(settings)) as connection:
            raw_bulk.create_tables(connection)
            connection.commit()
        environment = dbt.environment(settings)
        checks = {
            "ruff": [BIN / "ruff", "check", "."],
            "ruff format": [BIN / "ruff", "format", "--check", "--quiet", "."],
            "mypy": [BIN / "mypy"],
            "dbt build": [
                *dbt.command("--quiet", "--warn-error", "build", "--empty", "--project-dir", str(dbt.PROJECT)),
                "--exclude-resource-type", "test", "unit_test",
            ],
            "dbt-bouncer": [
                BIN / "dbt-bouncer", "run", "--config-file", str(dbt.PROJECT / "dbt-bouncer.yml"),
            ],
            "sqlfluff": [BIN / "sqlfluff", "lint", "--disable-progress-bar", "--nocolor", "dbt_project"],
        }  # fmt: skip
        try:
            return max(_passes(name, [str(part) for part in command], environment) for name, command in checks.items())
        finally:
            postgres.stop(settings)


def _passes(name: str, command: list[str], environment: dict[str, str]) -> int:
    started = time.monotonic()
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    verdict = "ok" if result.returncode == 0 else "FAILED"
    sys.stdout.write(f"{name:<12} {verdict} ({time.monotonic() - started:.1f} s)\n")
    if result.returncode:
        sys.stdout.write(result.stdout + result.stderr)
    sys.stdout.flush()
    return int(result.returncode != 0)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
