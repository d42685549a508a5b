"""Backup and restore of the whole database, with the programs that come with the embedded Postgres."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import IO

from warehouse import postgres
from warehouse.errors import PlimsollError, cause
from warehouse.settings import Settings


def dump(settings: Settings, file: Path) -> None:
    """Write the database into a file, compressed.

    Raises:
        PlimsollError: it could not be written; nothing is left behind then.
    """
    postgres.connect(settings).close()
    partial = file.with_name(f"{file.name}.partial")
    try:
        _write(settings, partial)
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
    with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regnamespace('raw_github') is not null or to_regnamespace('marts') is not null")
        if cursor.fetchone()[0]:  # type: ignore[index]
            raise PlimsollError(
                "the database holds a warehouse already",
                where=str(settings.database),
                remedy="Restore into an empty one",
            )
    _replay(settings, file)


def _write(settings: Settings, file: Path) -> None:
    program = [str(postgres.binaries() / "pg_dump"), "--format=custom", "--file", str(file)]
    with tempfile.TemporaryFile() as said:
        if subprocess.run(program, env=_environment(settings), stderr=said, check=False).returncode:
            raise _failure(settings, "pg_dump", said)


def _replay(settings: Settings, file: Path) -> None:
    """Hand a backup's SQL to psql as it is read, in one transaction: it may be larger than the memory."""
    read = [str(postgres.binaries() / "pg_restore"), "--no-owner", "--no-privileges", "--file", "-", str(file)]
    write = [str(postgres.binaries() / "psql"), "-X", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(read, stdout=subprocess.PIPE, stderr=said) as reader,
        subprocess.Popen(
            write, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=_environment(settings)
        ) as writer,
    ):
        has_stopped = False
        try:
            _copy_sql(reader.stdout, writer.stdin)  # type: ignore[arg-type]
        except BrokenPipeError:
            # psql ends at the first error
            has_stopped = True
            reader.kill()
        except BaseException:
            # at the end of its input it would commit what has come so far
            writer.kill()
            reader.kill()
            raise
        if reader.wait() and not has_stopped:
            writer.kill()
            raise _failure(settings, "pg_restore", said)
        writer.communicate()
        if writer.returncode:
            raise _failure(settings, "psql", said)


def _copy_sql(source: IO[bytes], target: IO[bytes]) -> None:
    # a setting among the first lines that servers before PostgreSQL 17 do not know, and that changes nothing
    for line in source:
        if line.startswith(b"SET transaction_timeout"):
            break
        target.write(line)
    shutil.copyfileobj(source, target)


def _environment(settings: Settings) -> Mapping[str, str]:
    return {**os.environ, **settings.database.environment()}


def _failure(settings: Settings, program: str, said: IO[bytes]) -> PlimsollError:
    said.seek(0)
    reason = cause(said.read().decode(errors="replace"))
    return PlimsollError(f"{program} failed: {reason}", where=str(settings.database))
