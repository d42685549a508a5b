"""Databases of the embedded server that tests may fill and throw away."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from warehouse.postgres import connect
from warehouse.settings import Settings, load_settings

EMPTY = "template1"
SPARE = "emptied"
# what was dropped stays in the catalogue until it is vacuumed, and makes it slow
USES = 20
used: Counter[Path] = Counter()


@contextmanager
def database(home: Path, name: str, *, template: str = EMPTY) -> Iterator[Settings]:
    """Makes a database for the length of a `with` block.

    An empty one is kept, emptied, for the next: making one takes 300 files, dropping them slows down the next 300.

    Args:
        home: the data folder of the embedded server.
        name: the database's name.
        template: the database to copy; nobody may be connected to it.

    Yields:
        Settings that point at it.
    """
    made = load_settings(PLIMSOLL_HOME=home, pgdatabase=name)
    with closing(connect(load_settings(PLIMSOLL_HOME=home), autocommit=True)) as administrator:
        cursor = administrator.cursor()
        cursor.execute("select 1 from pg_database where datname = %s", (SPARE,))
        if template == EMPTY and cursor.fetchone():
            cursor.execute(f'alter database "{SPARE}" rename to "{name}"')
        else:
            cursor.execute(f'create database "{name}" template "{template}"')
        yield made
        cursor.execute("select 1 from pg_database where datname = %s", (SPARE,))
        used[home] += 1
        if template == EMPTY and used[home] % USES and not cursor.fetchone():
            _empty(made)
            cursor.execute(f'alter database "{name}" rename to "{SPARE}"')
        else:
            cursor.execute(f'drop database "{name}" with (force)')


def _empty(made: Settings) -> None:
    """Ends all sessions of a database and drops all that it holds."""
    with closing(connect(made, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        cursor.execute("select quote_ident(nspname) from pg_namespace where nspname !~ '^(pg_|information_schema$)'")
        for (schema,) in cursor.fetchall():
            cursor.execute(f"drop schema {schema} cascade")
        cursor.execute("create schema public authorization pg_database_owner; grant usage on schema public to public")
