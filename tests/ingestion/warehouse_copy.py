"""What the raw tables hold, in a form that two runs can be compared by."""

from contextlib import closing
from datetime import datetime
from typing import Any

from ingestion import DATASET
from ingestion.sources.github import tables
from warehouse.postgres import connect
from warehouse.settings import Settings

# when a run noticed something differs from run to run; that it noticed must not
NOTICED = ("deleted_at", "unreadable_at")

Contents = dict[str, list[tuple[Any, ...]]]


def contents(settings: Settings) -> Contents:
    """Returns the rows of every raw table in an order of their own, without the columns that are dlt's."""
    found: Contents = {}
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        for table in tables.TABLES:
            columns = ", ".join(f"{name} is not null" if name in NOTICED else name for name in table.columns)
            cursor.execute(f"select {columns} from {DATASET}.{table.name}")
            found[table.name] = sorted(cursor.fetchall(), key=repr)
    return found


def differences(one: Contents, other: Contents) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """Returns what either side has alone, per table; empty if they are equal. Doubled rows count."""
    found = {}
    for name in one:
        left, right = one[name], other[name]
        if left != right:
            found[name] = {
                "only in the first": [row for row in left if left.count(row) > right.count(row)][:3],
                "only in the second": [row for row in right if right.count(row) > left.count(row)][:3],
            }
    return found


def query(settings: Settings, text: str, *values: Any) -> list[tuple[Any, ...]]:
    """Returns the rows of a query."""
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall())


def execute(settings: Settings, text: str) -> None:
    """Runs and commits a statement."""
    with closing(connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(text)


def newest_load(settings: Settings) -> datetime | None:
    """Returns when dlt last finished a load; None if it never did."""
    return query(settings, f"select max(inserted_at) from {DATASET}._dlt_loads")[0][0]  # type: ignore[no-any-return]
