"""The record of what every run did: `sync_runs`, and `dead_letters` for what could not be loaded."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import connection as Postgres  # noqa: N812
from psycopg2.extras import RealDictCursor, execute_values

if TYPE_CHECKING:
    # showing what runs did does not wait for the source and dlt
    from ingestion.sources.github.pull_requests import DeadLetter
    from ingestion.sources.github.reports import Report

TABLES = """
create schema if not exists {dataset};
create table if not exists {dataset}.sync_runs (
    run_id text not null,
    repository text not null,
    step text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    status text not null,
    listed bigint,
    hydrated bigint,
    deleted bigint,
    row_count bigint,
    requests bigint,
    points bigint,
    waited_seconds double precision,
    error text,
    -- no process of the machine: the number of the advisory lock that the run holds as long as it lives
    process_id bigint not null,
    primary key (run_id, repository, step)
);
create table if not exists {dataset}.dead_letters (
    repository_id bigint not null,
    repository text not null,
    pull_request_id bigint not null,
    pull_request_node_id text not null,
    pull_request_number bigint,
    entity text not null,
    reason text not null,
    payload text not null,
    run_id text not null,
    set_aside_at timestamptz not null default now()
);
"""
ADVISORY_CLASS = 0x52554E53
"""Advisory locks of runs under way, by which a later run tells a killed one from one that still works."""


@dataclass(frozen=True)
class LedgerRow:
    """One step of one repository's run, as stored; what it did is None while it runs, and if it was killed."""

    run_id: str
    repository: str
    step: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    listed: int | None
    hydrated: int | None
    deleted: int | None
    row_count: int | None
    requests: int | None
    points: int | None
    waited_seconds: float | None
    error: str | None


class Ledger:
    """Writes one run's rows.

    Args:
        connection: in autocommit mode; its end releases the mark that the run is alive.
        dataset: the schema.
    """

    def __init__(self, connection: Postgres, dataset: str) -> None:
        self._connection = connection
        self._dataset = sql.Identifier(dataset)
        self.run_id = uuid.uuid4().hex[:12]
        self._mark = int(self.run_id[:7], 16)
        self._names: set[str] = set()

    def open(self, repositories: Iterable[str]) -> None:
        """Make the tables if need be, close the rows of killed runs, and note that this run begins."""
        with self._connection.cursor() as cursor:
            cursor.execute(self._format(TABLES))
            cursor.execute("select pg_advisory_lock(%s, %s)", (ADVISORY_CLASS, self._mark))
            cursor.execute(self._format("select distinct process_id from {dataset}.sync_runs where status = 'running'"))
            for (mark,) in cursor.fetchall():
                cursor.execute("select pg_try_advisory_lock(%s, %s)", (ADVISORY_CLASS, mark))
                if cursor.fetchone()[0] and mark != self._mark:  # type: ignore[index]
                    cursor.execute(
                        self._format(
                            "update {dataset}.sync_runs set status = 'killed', error = 'ended without a word; the next "
                            "run went on' where status = 'running' and process_id = %s"
                        ),
                        (mark,),
                    )
                    cursor.execute("select pg_advisory_unlock(%s, %s)", (ADVISORY_CLASS, mark))
            for repository in dict.fromkeys(repositories):
                self._names.add(repository)
                cursor.execute(
                    self._format(
                        "insert into {dataset}.sync_runs (run_id, repository, step, started_at, status, process_id) "
                        "values (%s, %s, 'list', now(), 'running', %s)"
                    ),
                    (self.run_id, repository, self._mark),
                )

    def close(self, report: "Report") -> None:
        """Write a repository's steps in place of the row that said it runs."""
        # a repository asked for under two names is two reports, whose rows stay apart
        is_taken = report.repository in self._names - {report.asked_for}
        name = report.asked_for if is_taken else report.repository
        self._names.add(name)
        with self._connection.cursor() as cursor:
            cursor.execute(
                self._format(
                    "delete from {dataset}.sync_runs where run_id = %s and repository = %s and status = 'running'"
                ),
                (self.run_id, report.asked_for),
            )
            execute_values(
                cursor,
                self._format(
                    "insert into {dataset}.sync_runs (run_id, repository, step, started_at, finished_at, status, "
                    "listed, hydrated, deleted, row_count, requests, points, waited_seconds, error, process_id) "
                    "values %s"
                ).as_string(cursor),
                [
                    (
                        self.run_id, name, step.name, step.started_at, step.finished_at, report.status,
                        step.listed, step.hydrated, step.deleted, step.rows, step.spent.requests, step.spent.points,
                        round(step.spent.waited_seconds, 3), report.error, self._mark,
                    )
                    for step in report.steps
                ],
            )  # fmt: skip

    def fail(self, error: str) -> None:
        """End with an error whatever still runs."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                self._format(
                    "update {dataset}.sync_runs set status = 'failed', finished_at = now(), error = %s "
                    "where run_id = %s and status = 'running'"
                ),
                (error, self.run_id),
            )

    def set_aside(self, letters: "Sequence[DeadLetter]") -> None:
        """Keep what cannot be loaded, in place of what earlier runs kept of the same pull requests."""
        if not letters:
            return
        with self._connection.cursor() as cursor:
            self._forget(cursor, [letter.pull_request_id for letter in letters])
            execute_values(
                cursor,
                self._format(
                    "insert into {dataset}.dead_letters (repository_id, repository, pull_request_id, "
                    "pull_request_node_id, pull_request_number, entity, reason, payload, run_id) values %s"
                ).as_string(cursor),
                [
                    (
                        letter.repository_id, letter.repository, letter.pull_request_id, letter.node_id, letter.number,
                        letter.entity,
                        letter.reason, letter.payload, self.run_id,
                    )
                    for letter in letters
                ],
            )  # fmt: skip

    def loaded(self, pull_request_ids: Iterable[int]) -> None:
        """Forget what was set aside of pull requests that are loaded whole now."""
        with self._connection.cursor() as cursor:
            self._forget(cursor, list(pull_request_ids))

    def _forget(self, cursor: Any, pull_request_ids: list[int]) -> None:
        if pull_request_ids:
            cursor.execute(
                self._format("delete from {dataset}.dead_letters where pull_request_id = any(%s)"), (pull_request_ids,)
            )

    def _format(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(dataset=self._dataset)


def recent(connection: Postgres, dataset: str, limit: int) -> list[LedgerRow]:
    """The newest rows of the ledger, newest first; empty if nothing was ever run."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute("select to_regclass(%s) is not null as found", (f"{dataset}.sync_runs",))
        if not cursor.fetchone()["found"]:  # type: ignore[index]
            return []
        cursor.execute(
            sql.SQL(
                "select run_id, repository, step, started_at, finished_at, status, listed, hydrated, deleted, "
                "row_count, requests, points, waited_seconds, error from {} order by started_at desc limit %s"
            ).format(sql.Identifier(dataset, "sync_runs")),
            (limit,),
        )
        return [LedgerRow(**row) for row in cursor.fetchall()]
