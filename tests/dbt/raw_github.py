"""Raw rows written in Python, the way the loader would have merged them.

A test states what matters to it and leaves the rest to defaults:

    raw.repository(10, "acme/harbour")
    raw.user(1, "ann")
    raw.pull_request(100, number=1, author_id=1, created_at="2024-01-10 09:00", files=[{"path": "src/a.py"}])
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg2 import extensions, extras

from ingestion.sources.github import tables

Row = dict[str, Any]

REPOSITORY_ID = 10
DEFAULTS: dict[str, Row] = {
    "repositories": {"is_private": False, "is_archived": False, "is_fork": False, "default_branch": "main"},
    "users": {"type": "User"},
    "pull_requests": {
        "repository_id": REPOSITORY_ID,
        "title": "A change",
        "state": "OPEN",
        "is_draft": False,
        "author_association": "MEMBER",
        "base_ref_name": "main",
    },
    "pull_request_files": {"change_type": "MODIFIED", "additions": 10, "deletions": 0},
    "pull_request_commits": {"message": "wip", "parents_count": 1},
    "pull_request_reviews": {"state": "APPROVED", "body": ""},
    "pull_request_review_threads": {"subject_type": "LINE", "is_resolved": False, "is_outdated": False},
    "pull_request_review_comments": {"body": "Why?", "is_minimized": False},
    "pull_request_comments": {"body": "Thanks", "is_minimized": False},
    "pull_request_labels": {"color": "ededed"},
    "pull_request_events": {},
}
# the keyword of pull_request() that holds a child table's rows
COLUMNS = {table.name: table.columns.keys() for table in tables.TABLES}
CHILDREN = {table.name.removeprefix("pull_request_"): table for table in tables.CHILDREN}


class RawGithub:
    """Writer of `raw_github` in one database.

    Args:
        connection: an open connection; every call commits.
    """

    def __init__(self, connection: extensions.connection) -> None:
        self.connection = connection

    def repository(self, repository_id: int, name_with_owner: str, **columns: Any) -> None:
        """Write one repository, in place of what is there with this id."""
        owner, name = name_with_owner.split("/")
        row = {"id": repository_id, "name_with_owner": name_with_owner, "owner_login": owner, "name": name, **columns}
        self._merge("repositories", row)

    def user(self, user_id: int, login: str, **columns: Any) -> None:
        """Write one account, in place of what is there with this id."""
        self._merge("users", {"id": user_id, "login": login, **columns})

    def pull_request(self, pull_request_id: int, **columns: Any) -> None:
        """Write one pull request with its children, in place of what is there with this id.

        Additions, deletions, changed files, state and every total follow from the rest unless they are given.

        Args:
            pull_request_id: GitHub's database id.
            columns: columns of `pull_requests`; and `files`, `commits`, `reviews`, `comments`, ... with lists of rows.
        """
        children = {name: list(columns.pop(name, ())) for name in CHILDREN}
        row = {"id": pull_request_id, **DEFAULTS["pull_requests"], **columns}
        row.setdefault("number", pull_request_id)
        row.setdefault("updated_at", row.get("merged_at") or row.get("closed_at") or row["created_at"])
        if row.get("merged_at"):
            row["closed_at"] = row.get("closed_at") or row["merged_at"]
            row["state"] = "MERGED"
        elif row.get("closed_at"):
            row["state"] = "CLOSED"
        files = [{**DEFAULTS["pull_request_files"], **file} for file in children["files"]]
        row.setdefault("additions", sum(file["additions"] for file in files))
        row.setdefault("deletions", sum(file["deletions"] for file in files))
        row.setdefault("changed_files", len(files))

        load_id = self._begin_load()
        with self.connection.cursor() as cursor:
            for name, table in CHILDREN.items():
                rows = [
                    {"pull_request_id": pull_request_id, "repository_id": row["repository_id"], **child}
                    for child in children[name]
                ]
                if table.total:
                    row.setdefault(table.total, len(rows))
                cursor.execute(f"delete from raw_github.{table.name} where pull_request_id = %s", (pull_request_id,))
                self._insert(cursor, table.name, rows, load_id)
            cursor.execute("delete from raw_github.pull_requests where id = %s", (pull_request_id,))
            self._insert(cursor, "pull_requests", [row], load_id)
        self.connection.commit()

    def summary(self, pull_request_id: int, summary: str, **columns: Any) -> None:
        """Write what the enrichment says of one pull request, in place of what is there."""
        row = {"pr_id": pull_request_id, "summary": summary, "content_sha256": "0" * 64, "model": "test", **columns}
        with self.connection.cursor() as cursor:
            cursor.execute(
                "create schema if not exists raw_enrichment; "
                "create table if not exists raw_enrichment.pull_requests (pr_id bigint, content_sha256 text, "
                "summary text, ai_feature boolean, ai_feature_confidence double precision, risk_notes text, "
                "model text, enriched_at timestamptz default clock_timestamp(), _dlt_load_id text, _dlt_id text)"
            )
            cursor.execute("delete from raw_enrichment.pull_requests where pr_id = %s", (pull_request_id,))
            cursor.execute(
                f"insert into raw_enrichment.pull_requests ({', '.join(row)}) values %s", (tuple(row.values()),)
            )
        self.connection.commit()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement, for what the loader would never write."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
        self.connection.commit()

    def _merge(self, table: str, row: Row) -> None:
        load_id = self._begin_load()
        with self.connection.cursor() as cursor:
            cursor.execute(f"delete from raw_github.{table} where id = %s", (row["id"],))
            self._insert(cursor, table, [row], load_id)
        self.connection.commit()

    def _begin_load(self) -> str:
        """A load id later than every other; dlt's are seconds since the epoch."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "insert into raw_github._dlt_loads "
                "select id::text, 'github', 0, to_timestamp(id::double precision), 'test' from "
                "(select coalesce(max(load_id::numeric), 1760000000.25) + 1 as id from raw_github._dlt_loads) as next "
                "returning load_id"
            )
            [load_id] = cursor.fetchone()
        return load_id

    @staticmethod
    def _insert(cursor: extensions.cursor, table: str, rows: Iterable[Row], load_id: str) -> None:
        rows = [{**DEFAULTS.get(table, {}), **row, "_dlt_load_id": load_id} for row in rows]
        if not rows:
            return
        for row in rows:
            row["_dlt_id"] = hashlib.md5(repr((table, sorted(row.items(), key=str))).encode()).hexdigest()
            unknown = row.keys() - COLUMNS[table] - {"_dlt_load_id", "_dlt_id"}
            if unknown:
                raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
        columns = sorted({column for row in rows for column in row})
        extras.execute_values(
            cursor,
            f"insert into raw_github.{table} ({', '.join(columns)}) values %s",
            [tuple(row.get(column) for column in columns) for row in rows],
        )
