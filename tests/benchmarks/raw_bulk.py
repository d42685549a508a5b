"""Raw GitHub tables for any number of pull requests, made inside Postgres in bulk.

Loading a million pull requests through the API double would take hours; the dbt benchmark only needs their shape. So
the rows are computed by `raw_bulk.sql`: about 5 files, 3 commits, 2 reviews and 3 comments each, one author in a
hundred writing half of them, 2,000 repositories at a million.

    python -m tests.benchmarks.raw_bulk --pull-requests 10000
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from psycopg2 import extensions

from ingestion.raw_store import INDEXES
from ingestion.sources.github import tables
from warehouse.cli import run
from warehouse.postgres import connect

SCRIPT = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
FIRST_LOAD = 1_760_000_000
PULL_REQUESTS_PER_LOAD = 5_000
TYPES = {"bigint": "bigint", "text": "text", "bool": "boolean", "timestamp": "timestamp with time zone"}


@dataclass(frozen=True)
class Scale:
    """How large the made-up organisation is.

    Attributes:
        pull_requests: how many the first load holds.
    """

    pull_requests: int

    @property
    def repositories(self) -> int:
        """One in 500 pull requests, at least 2."""
        return max(2, self.pull_requests // 500)

    @property
    def authors(self) -> int:
        """One in 50 pull requests, at least 20."""
        return max(20, self.pull_requests // 50)

    @property
    def heavy_authors(self) -> int:
        """The one in a hundred who write half of the pull requests."""
        return max(1, self.authors // 100)


def create_tables(connection: extensions.connection) -> None:
    """Drop and create the raw schema with the columns that the loader would make.

    Args:
        connection: an open Postgres connection; the caller commits.
    """
    statements = ["drop schema if exists raw_github cascade", "create schema raw_github"]
    for table in tables.TABLES:
        columns = [f'"{name}" {TYPES[kind]}' for name, kind in table.columns.items()]
        statements.append(
            f"create table raw_github.{table.name} ({', '.join(columns)}, _dlt_load_id text, _dlt_id text)"
        )
    statements.append(
        "create table raw_github._dlt_loads (load_id text, schema_name text, status bigint, "
        "inserted_at timestamp with time zone, schema_version_hash text)"
    )
    connection.cursor().execute("; ".join(statements))


def load(connection: extensions.connection, scale: Scale) -> None:
    """Fill new raw tables with the first load of `scale`.

    Args:
        connection: an open Postgres connection; the caller commits.
        scale: how much to make.
    """
    create_tables(connection)
    cursor = connection.cursor()
    _insert_accounts(cursor, scale)
    _begin(cursor, scale)
    cursor.execute(
        f"insert into bulk_selection select i, 0, ({FIRST_LOAD} + i / {PULL_REQUESTS_PER_LOAD}) || '.5' "
        f"from generate_series(1, {scale.pull_requests}) as i"
    )
    cursor.execute(SCRIPT)
    for name, (table, column) in INDEXES.items():
        cursor.execute(f"create index {name} on raw_github.{table} ({column})")
    cursor.execute("; ".join(f"analyze raw_github.{loaded.name}" for loaded in tables.TABLES))


def change(connection: extensions.connection, scale: Scale, count: int, round_number: int = 1) -> None:
    """Load a later state of `count` pull requests, the way the loader merges it.

    Three in ten are new. Of the others every child row is replaced, and one in a hundred is found deleted.

    Args:
        connection: an open Postgres connection; the caller commits.
        scale: the scale of the first load.
        count: how many pull requests change.
        round_number: from 1, one higher each time: which pull requests change, and how, depends on it.
    """
    cursor = connection.cursor()
    load_id = f"{FIRST_LOAD + 10_000_000 + round_number}.5"
    new = count * 3 // 10
    first_new = scale.pull_requests + (round_number - 1) * new + 1
    _begin(cursor, scale)
    cursor.execute(
        "insert into bulk_numbers select id - 9000000000, number, repository_id from raw_github.pull_requests "
        "where id <= 9000000000 + %s and deleted_at is null order by hashint8extended(id, %s) limit %s",
        (scale.pull_requests, round_number, count - new),
    )
    cursor.execute(
        "insert into bulk_selection select i, %s, %s from (select i from bulk_numbers union all "
        "select generate_series(%s, %s)) as chosen (i)",
        (round_number, load_id, first_new, first_new + new - 1),
    )
    for table in tables.CHILDREN:
        cursor.execute(
            f"delete from raw_github.{table.name} where pull_request_id in (select 9000000000 + i from bulk_numbers)"
        )
    cursor.execute("delete from raw_github.pull_requests where id in (select 9000000000 + i from bulk_numbers)")
    cursor.execute(SCRIPT)
    cursor.execute(
        "update raw_github.pull_requests set deleted_at = %s where id in "
        "(select 9000000000 + i from bulk_numbers where i %% 100 = 0)",
        (UNTIL + timedelta(hours=round_number),),
    )


def _begin(cursor: extensions.cursor, scale: Scale) -> None:
    cursor.execute(
        "drop table if exists bulk_scale, bulk_selection, bulk_numbers; "
        "create temporary table bulk_selection (i bigint, revision bigint, load_id text); "
        "create temporary table bulk_numbers (i bigint, number bigint, repository_id bigint)"
    )
    cursor.execute(
        "create temporary table bulk_scale as select %s::bigint as repositories, %s::bigint as authors, "
        "%s::bigint as heavy_authors, %s::timestamptz as until",
        (scale.repositories, scale.authors, scale.heavy_authors, UNTIL),
    )


def _insert_accounts(cursor: extensions.cursor, scale: Scale) -> None:
    load_id = f"{FIRST_LOAD}.5"
    cursor.execute(
        "insert into raw_github.repositories (id, node_id, name_with_owner, owner_login, name, url, is_private, "
        "is_archived, is_fork, primary_language, default_branch, created_at, updated_at, pushed_at, "
        "_dlt_load_id, _dlt_id) "
        "select 400000 + r, 'R_' || r, 'org-' || r %% 40 || '/service-' || r, 'org-' || r %% 40, 'service-' || r, "
        "'https://github.com/org-' || r %% 40 || '/service-' || r, false, r %% 17 = 3, r %% 29 = 3, 'Python', 'main', "
        "%(until)s::timestamptz - interval '6 years', %(until)s, %(until)s, %(load)s, 'repository' || r "
        "from generate_series(0, %(repositories)s - 1) as r",
        {"until": UNTIL, "load": load_id, "repositories": scale.repositories},
    )
    cursor.execute(
        "insert into raw_github.users (id, node_id, login, type, name, avatar_url, url, deleted_at, "
        "_dlt_load_id, _dlt_id) "
        "select 5000000 + u, 'U_' || u, case when u %% 50 = 7 then 'robot-' else 'dev-' end || u, "
        "case when u %% 50 = 7 then 'Bot' else 'User' end, case when u %% 3 > 0 then 'Developer ' || u end, "
        "'https://avatars.githubusercontent.com/u/' || u, 'https://github.com/dev-' || u, "
        "case when u %% 997 = 5 then %(until)s::timestamptz end, %(load)s, 'user' || u "
        "from generate_series(0, %(authors)s - 1) as u",
        {"until": UNTIL, "load": load_id, "authors": scale.authors},
    )


@click.command()
@click.option("--pull-requests", type=click.IntRange(1), default=10_000, show_default=True)
@click.option(
    "--change", "changed", type=click.IntRange(1), help="Change this many pull requests of an earlier load instead."
)
@click.option(
    "--round", "round_number", type=click.IntRange(1), default=1, show_default=True, help="Which round of changes."
)
def main(pull_requests: int, changed: int | None, round_number: int) -> None:
    """Fill raw_github of the configured Postgres with made-up pull requests."""
    with connect() as connection:
        if changed:
            change(connection, Scale(pull_requests), changed, round_number)
        else:
            load(connection, Scale(pull_requests))
        connection.commit()


if __name__ == "__main__":
    run(main, "python -m tests.benchmarks.raw_bulk")
