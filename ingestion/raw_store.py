"""What the raw tables in Postgres already hold: the memory that makes a run incremental and resumable."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from psycopg2 import sql
from psycopg2.extensions import connection as Postgres  # noqa: N812
from psycopg2.extras import RealDictCursor

from ingestion.sources.github import tables
from ingestion.sources.github.pull_requests import Entry
from ingestion.sources.github.shaping import Row
from ingestion.sources.github.tables import Table

LOCK_CLASS = 0x504C494D
"""Advisory locks of repositories: this number, and the repository's id folded to 32 bits."""

INDEXES = {
    # dbt makes the children's, by the same names, where tables were loaded by other means
    **{f"{table.name}_of_pull_request": (table.name, "pull_request_id") for table in tables.CHILDREN},
    "pull_requests_by_id": ("pull_requests", "id"),
    "pull_requests_of_repository": ("pull_requests", "repository_id"),
    "users_by_id": ("users", "id"),
    "repositories_by_id": ("repositories", "id"),
}

NAMES_AND_ADDRESSES = [
    (table, column)
    for table in (tables.PULL_REQUESTS, *tables.CHILDREN)
    for column in table.columns
    if column in ("url", "issue_url", "head_repository", "issue_repository")
]
"""Columns that a repository's name is part of."""


class RawStore:
    """The raw tables of one dataset.

    A pull request counts as known only if the package that brought its row was loaded to the end, as dlt's own
    `_dlt_loads`
    says: a kill between two tables of a package leaves rows that are read again.

    Args:
        connection: in autocommit mode; used by several threads. Locks live as long as it does.
        dataset: the schema.
    """

    is_blind = False

    def __init__(self, connection: Postgres, dataset: str) -> None:
        self._connection = connection
        self._dataset = dataset

    def exists(self, table: str) -> bool:
        """Whether a table is there."""
        with self._connection.cursor() as cursor:
            cursor.execute("select to_regclass(%s) is not null", (f"{self._dataset}.{table}",))
            return bool(cursor.fetchone()[0])  # type: ignore[index]

    def state_version(self, pipeline: str) -> str | None:
        """What tells the stored state of a pipeline from any other of it; None where no load has left one."""
        if not self.exists("_dlt_pipeline_state"):
            return None
        query = sql.SQL(
            "select version_hash from {} where pipeline_name = %s and _dlt_load_id in "
            "(select load_id from {} where status = 0) order by _dlt_load_id desc limit 1"
        ).format(self._name("_dlt_pipeline_state"), self._name("_dlt_loads"))
        with self._connection.cursor() as cursor:
            cursor.execute(query, (pipeline,))
            row = cursor.fetchone()
        return str(row[0]) if row else None

    def repository(self, name: str) -> Row | None:
        """The row of a repository, by its name as stored, without regard to case; of several, that which has it now."""
        named = sql.SQL(
            'lower(name_with_owner collate "C") = lower(%s collate "C") '
            "order by unreadable_at is not null, _dlt_load_id desc"
        )
        found = self._select(tables.REPOSITORIES, named, (name,))
        return found[0] if found else None

    def known_repositories(self, ids: Sequence[int]) -> set[int]:
        """Those of some repositories, by their ids, that have a row."""
        return {row["id"] for row in self._select(tables.REPOSITORIES, sql.SQL("id = any(%s)"), (list(ids),))}

    def missing_repositories(self, owner: str, listed: Sequence[int]) -> list[str]:
        """The names of an owner's readable repositories that are not among those listed."""
        missing = sql.SQL(
            'lower(owner_login collate "C") = lower(%s collate "C") and unreadable_at is null and id <> all(%s)'
        )
        rows = self._select(tables.REPOSITORIES, missing, (owner, list(listed)))
        return [row["name_with_owner"] for row in rows]

    def pull_requests(self, repository_id: int, *, with_patches: bool = False) -> dict[int, datetime]:
        """Database id to `updated_at` of those whose rows are complete and which GitHub still had.

        Args:
            repository_id: the repository's database id.
            with_patches: leave out those that were read without patches.
        """
        if not self.exists("pull_requests"):
            return {}
        query = sql.SQL(
            "select id, updated_at from {} where repository_id = %(id)s and deleted_at is null and _dlt_load_id in "
            "(select load_id from {} where status = 0)"
        ).format(self._name("pull_requests"), self._name("_dlt_loads"))
        if with_patches:
            query += sql.SQL(
                " and id not in (select pull_request_id from {} where repository_id = %(id)s and patch_status is null)"
            ).format(self._name("pull_request_files"))
        with self._connection.cursor() as cursor:
            cursor.execute(query, {"id": repository_id})
            return dict(cursor.fetchall())

    def ids(self, repository_id: int) -> dict[int, bool]:
        """Database id of every pull request that has a row, be it of a killed load, to whether GitHub still had it."""
        if not self.exists("pull_requests"):
            return {}
        query = sql.SQL("select id, deleted_at is null from {} where repository_id = %s").format(
            self._name("pull_requests")
        )
        with self._connection.cursor() as cursor:
            cursor.execute(query, (repository_id,))
            return dict(cursor.fetchall())

    def to_retry(self, repository_id: int) -> list[Entry]:
        """Pull requests of which something was set aside."""
        if not self.exists("dead_letters"):
            return []
        query = sql.SQL(
            "select distinct pull_request_node_id, pull_request_id from {} where repository_id = %s order by 2"
        ).format(self._name("dead_letters"))
        with self._connection.cursor() as cursor:
            cursor.execute(query, (repository_id,))
            return [Entry(node_id, number, "") for node_id, number in cursor.fetchall() if node_id]

    def rows(self, table: Table, ids: Sequence[int]) -> list[Row]:
        """Rows of a table by their ids."""
        if not ids:
            return []
        return self._select(table, sql.SQL("id = any(%s)"), (list(ids),))

    def accounts(self) -> Mapping[int, Row]:
        """Every account's row by its id."""
        return {row["id"]: row for row in self._select(tables.USERS, sql.SQL("true"), ())}

    def lock(self, repository_id: int) -> bool:
        """Claim a repository for as long as the connection lives; False if another run has it."""
        with self._connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, _folded(repository_id)))
            return bool(cursor.fetchone()[0])  # type: ignore[index]

    def rename(self, before: Row, after: Row) -> None:
        """Give the rows of a renamed or transferred repository its new name and addresses.

        GitHub gives them so from now on, and no list tells of it: `updatedAt` stays. Addresses under the old name lead
        elsewhere once another repository takes it. Done again it changes nothing.

        Args:
            before: the repository's row as stored.
            after: its row as GitHub has it now.
        """
        with self._connection.cursor() as cursor:
            for table, column in NAMES_AND_ADDRESSES:
                if not self.exists(table.name):
                    continue
                query = sql.SQL(
                    "update {table} set {column} = %(new)s || substr({column}, length(%(old)s) + 1) where "
                    "repository_id = %(id)s and ({column} = %(old)s or starts_with({column}, %(old)s || '/'))"
                ).format(table=self._name(table.name), column=sql.Identifier(column))
                key = "url" if column.endswith("url") else "name_with_owner"
                cursor.execute(query, {"old": before[key], "new": after[key], "id": after["id"]})

    def mark_deleted(self, repository_id: int) -> int:
        """Note of every pull request of a repository that GitHub has it no more; of how many that is news."""
        if not self.exists("pull_requests"):
            return 0
        query = sql.SQL("update {} set deleted_at = now() where repository_id = %s and deleted_at is null")
        with self._connection.cursor() as cursor:
            cursor.execute(query.format(self._name("pull_requests")), (repository_id,))
            return int(cursor.rowcount)

    def prepare(self) -> None:
        """Index what every run looks up; dlt makes none of these."""
        with self._connection.cursor() as cursor:
            for index, (table, column) in INDEXES.items():
                cursor.execute(
                    sql.SQL("create index if not exists {} on {} ({})").format(
                        sql.Identifier(index), self._name(table), sql.Identifier(column)
                    )
                )

    def _select(self, table: Table, condition: sql.SQL, values: tuple[object, ...]) -> list[Row]:
        if not self.exists(table.name):
            return []
        query = sql.SQL("select {} from {} where {}").format(
            sql.SQL(", ").join(map(sql.Identifier, table.columns)), self._name(table.name), condition
        )
        with self._connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(query, values)
            return [dict(row) for row in cursor.fetchall()]

    @cache  # noqa: B019
    def _name(self, table: str) -> sql.Identifier:
        return sql.Identifier(self._dataset, table)


def _folded(number: int) -> int:
    """A 64-bit id as a signed 32-bit number."""
    folded = (number ^ (number >> 32)) & 0xFFFFFFFF
    return folded - 2**32 if folded >= 2**31 else folded
