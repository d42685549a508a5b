"""Backup and restore of the whole database, with the programs that come with the embedded Postgres."""

import os
import subprocess
from pathlib import Path

from warehouse import postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings


def dump(settings: Settings, file: Path) -> None:
    """Write the database into a file, compressed.

    Raises:
        PlimsollError: it could not be written; nothing is left behind then.
    """
    postgres.connect(settings).close()
    partial = file.with_name(f"{file.name}.partial")
    try:
        _run(settings, ["pg_dump", "--format=custom", "--file", str(partial)])
        partial.replace(file)
    except OSError as error:
        raise PlimsollError(f"cannot write {file} ({error.strerror})", remedy="Name another file") from None
    finally:
        partial.unlink(missing_ok=True)


def restore(settings: Settings, file: Path) -> None:
    """Fill an empty database from a file, all of it or nothing.

    Raises:
        PlimsollError: the database holds a warehouse already, or the file could not be restored.
    """
    if not file.exists():
        raise PlimsollError(f"there is no file {file}", remedy="Name one that `dump` wrote")
    with postgres.connect(settings) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regnamespace('raw_github') is not null or to_regnamespace('marts') is not null")
        if cursor.fetchone()[0]:  # type: ignore[index]
            raise PlimsollError(
                "the database holds a warehouse already",
                where=str(settings.database),
                remedy="Restore into an empty one",
            )
    connection.close()
    script = _run(settings, ["pg_restore", "--no-owner", "--no-privileges", "--file", "-", str(file)])
    # a setting that servers before PostgreSQL 17 do not know, and that changes nothing
    script = b"\n".join(line for line in script.split(b"\n") if not line.startswith(b"SET transaction_timeout"))
    _run(settings, ["psql", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1"], script)


def _run(settings: Settings, command: list[str], script: bytes | None = None) -> bytes:
    program, *arguments = command
    result = subprocess.run(
        [str(postgres.binaries() / program), *arguments],
        env={**os.environ, **settings.database.environment()},
        input=script,
        capture_output=True,
        check=False,
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise PlimsollError(
            f"{program} failed: {said[-1] if said else 'it said nothing'}", where=str(settings.database)
        )
    return result.stdout
