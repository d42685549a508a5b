"""Databases of the embedded server that tests may fill and throw away."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from warehouse.postgres import connect
from warehouse.settings import Settings, load_settings


@contextmanager
def database(home: Path, name: str, *, template: str = "template1") -> Iterator[Settings]:
    """Makes a database for the length of a `with` block.

    Args:
        home: the data folder of the embedded server.
        name: the database's name.
        template: the database to copy; nobody may be connected to it.

    Yields:
        Settings that point at it.
    """
    with closing(connect(load_settings(PLIMSOLL_HOME=home), autocommit=True)) as administrator:
        cursor = administrator.cursor()
        cursor.execute(f'create database "{name}" template "{template}"')
        yield load_settings(PLIMSOLL_HOME=home, pgdatabase=name)
        cursor.execute(f'drop database "{name}" with (force)')
