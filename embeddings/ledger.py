"""What Milvus is known to hold, kept in Postgres: comparing 60,000 hashes takes Milvus seconds and Postgres none.

A row is written after Milvus has acknowledged the entity, so a sync that is killed between the two repeats a batch and
never misses one. Milvus' own count is held against the ledger at every sync; if they differ, the ledger is read anew.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812
from psycopg2.extras import execute_values

from embeddings.collections import Collection
from warehouse.errors import PlimsollError

SCHEMA = "search"
# a collection may be in a Milvus that is not the one in use now; one that was not synced for so long is given up
KEPT_DAYS = 90
DDL = f"""
create schema if not exists {SCHEMA};

create table if not exists {SCHEMA}.entities (
    collection text not null,
    id text not null,
    repo_name text not null,
    content_sha256 text not null,
    record_sha256 text not null,
    refusal text,
    stamp text,
    primary key (collection, id)
);
create index if not exists entities_by_repository on {SCHEMA}.entities (collection, repo_name);
comment on table {SCHEMA}.entities is
    'One row per entity that Milvus has acknowledged; with a refusal, per document that the model refuses to embed.';
comment on column {SCHEMA}.entities.stamp is 'Hash of the row that it was made of; null when that is not known.';

create table if not exists {SCHEMA}.collections (
    name text primary key,
    alias text not null,
    model text not null,
    dimension integer not null,
    created_at timestamptz not null default now()
);
comment on table {SCHEMA}.collections is
    'One row per collection that this warehouse has made, in whichever Milvus; written before the collection is.';

create table if not exists {SCHEMA}.syncs (
    collection text not null,
    name text not null,
    model text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    embedded bigint not null,
    rewritten bigint not null,
    deleted bigint not null,
    refused bigint not null,
    calls bigint not null,
    tokens bigint not null,
    cost_usd double precision
);
comment on table {SCHEMA}.syncs is 'One row per finished sync of a collection.';
"""


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of one entity.

    Attributes:
        refusal: why the model refuses the document; None for one that Milvus holds.
        stamp: the hash of the marts' row; None when that is not known.
    """

    id: str
    content_sha256: str
    record_sha256: str
    refusal: str | None = None
    stamp: str | None = None


@dataclass
class SyncReport:
    """What the sync of one collection did.

    Attributes:
        collection: the alias.
        name: the collection behind it.
        documents: documents in the marts.
        embedded: documents whose text was embedded.
        rewritten: entities written with a vector that was there: of their own, for a changed field, or of the one that
            they replace.
        deleted: entities removed.
        refused: documents that the model refuses to embed, set aside until their text changes.
        calls, tokens, cost_usd: what embedding took.
        seconds: how long it all took.
    """

    collection: str
    name: str
    model: str
    documents: int = 0
    embedded: int = 0
    rewritten: int = 0
    deleted: int = 0
    refused: int = 0
    calls: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0


@contextmanager
def only_one(connection: PsycopgConnection, what: str) -> Iterator[None]:
    """Hold off others that do the same, on whichever machine, while this session lasts.

    Args:
        connection: the warehouse; its session holds the lock.
        what: what must be done by one at a time, `embeddings sync` or `embeddings enrich`.

    Raises:
        PlimsollError: another is running.
    """
    key = int.from_bytes(hashlib.sha256(f"plimsoll {what}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (key,))
        row = cursor.fetchone()
        connection.commit()
        if not row or not row[0]:
            raise PlimsollError(f"another {what} is running", remedy="Let it finish, then run this again")
        try:
            yield
        finally:
            # with a connection that broke its session is gone, and the lock with it
            if not connection.closed:
                # after an error the transaction must end before anything else is said
                connection.rollback()
                cursor.execute("select pg_advisory_unlock(%s)", (key,))
                connection.commit()


class Ledger:
    """The entities of one collection as Milvus acknowledged them.

    Args:
        connection: the warehouse; the caller commits.
        name: the collection's full name.
    """

    def __init__(self, connection: PsycopgConnection, name: str) -> None:
        self._connection = connection
        self.name = name

    def count_by_repository(self) -> dict[str, tuple[int, int]]:
        """Repository → (entities held, documents refused)."""
        query = f"""
            select repo_name, count(*) filter (where refusal is null), count(refusal)
            from {SCHEMA}.entities where collection = %s group by 1
        """
        with self._connection.cursor() as cursor:
            cursor.execute(query, (self.name,))
            return {repo_name: (held, refused) for repo_name, held, refused in cursor.fetchall()}

    def texts(self, ids: Sequence[str]) -> dict[str, str]:
        """Content hash → one of these ids whose text was embedded."""
        query = f"""
            select content_sha256, min(id) from {SCHEMA}.entities
            where collection = %s and id = any(%s) and refusal is null
            group by content_sha256
        """
        with self._connection.cursor() as cursor:
            cursor.execute(query, (self.name, list(ids)))
            return dict(cursor.fetchall())

    def record(self, repo_name: str, entries: Iterable[Entry]) -> None:
        """Write entries, in place of those with the same ids."""
        rows = [
            (self.name, entry.id, repo_name, entry.content_sha256, entry.record_sha256, entry.refusal, entry.stamp)
            for entry in entries
        ]
        query = f"""
            insert into {SCHEMA}.entities (
                collection, id, repo_name, content_sha256, record_sha256, refusal, stamp
            ) values %s
            on conflict (collection, id) do update set
                repo_name = excluded.repo_name, content_sha256 = excluded.content_sha256,
                record_sha256 = excluded.record_sha256, refusal = excluded.refusal,
                stamp = excluded.stamp
        """
        with self._connection.cursor() as cursor:
            execute_values(cursor, query, rows, page_size=1000)

    def forget(self, ids: Sequence[str]) -> None:
        """Remove the entries with these ids."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"delete from {SCHEMA}.entities where collection = %s and id = any(%s)", (self.name, list(ids))
            )

    def clear(self) -> None:
        """Remove every entry of the collection."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"delete from {SCHEMA}.entities where collection = %s", (self.name,))


def prepare(connection: PsycopgConnection) -> None:
    """Make the ledger's tables unless they are there."""
    with connection.cursor() as cursor:
        cursor.execute(DDL)
    connection.commit()


def record_collection(
    connection: PsycopgConnection, collection: Collection, name: str, model: str, dimension: int
) -> None:
    """Remember that a collection is this warehouse's own, unless that is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {SCHEMA}.collections (name, alias, model, dimension) values (%s, %s, %s, %s) "
            "on conflict (name) do nothing",
            (name, collection.alias, model, dimension),
        )


def own_collections(
    connection: PsycopgConnection, collection: Collection, model: str | None = None, dimension: int | None = None
) -> list[str]:
    """The names of the collections that this warehouse has made for an alias, newest first.

    Args:
        connection: the warehouse.
        collection: what is behind the alias.
        model: only those of this model; None for any.
        dimension: only those of this length; None for any.
    """
    query = f"""
        select name from {SCHEMA}.collections
        where alias = %s and model = coalesce(%s, model) and dimension = coalesce(%s, dimension)
        order by created_at desc, name
    """
    with connection.cursor() as cursor:
        cursor.execute(query, (collection.alias, model, dimension))
        return [row[0] for row in cursor.fetchall()]


def is_of(connection: PsycopgConnection, collection: Collection, name: str, model: str, dimension: int | None) -> bool:
    """Whether a collection's vectors are of this model and dimension; None for any.

    Names of models that differ only in case and punctuation give collections names that begin alike.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"select model, dimension from {SCHEMA}.collections where name = %s", (name,))
        made = cursor.fetchone()
    if made is None:
        # another warehouse has made it
        return collection.is_of(name, model, dimension)
    return bool(made[0] == model and dimension in (None, made[1]))


def forget_collections(
    connection: PsycopgConnection, collection: Collection, dropped: Sequence[str], present: Sequence[str]
) -> None:
    """Remove what is known of collections that are no more.

    Args:
        connection: the warehouse; the caller commits.
        collection: what is behind the alias.
        dropped: the names of those that were dropped.
        present: what Milvus has; of what it has not, those are given up that no sync has used for `KEPT_DAYS`.
    """
    unused = f"""
        delete from {SCHEMA}.collections as collections
        where
            alias = %(alias)s
            and (
                name = any(%(dropped)s)
                or name <> all(%(present)s)
                and created_at < now() - make_interval(days => {KEPT_DAYS})
                and not exists (
                    select from {SCHEMA}.syncs
                    where syncs.name = collections.name and finished_at > now() - make_interval(days => {KEPT_DAYS})
                )
            )
    """
    with connection.cursor() as cursor:
        cursor.execute(unused, {"alias": collection.alias, "dropped": list(dropped), "present": list(present)})
        cursor.execute(f"delete from {SCHEMA}.entities where collection not in (select name from {SCHEMA}.collections)")


def record_sync(connection: PsycopgConnection, report: SyncReport, started_at: datetime) -> None:
    """Write the row of a finished sync."""
    with connection.cursor() as cursor:
        # what is said to be done must be on disk, for which the embedded server's commits do not wait otherwise
        cursor.execute("set local synchronous_commit to on")
        cursor.execute(
            f"""
            insert into {SCHEMA}.syncs (
                collection, name, model, started_at, finished_at, embedded, rewritten, deleted, refused, calls, tokens,
                cost_usd
            ) values (%s, %s, %s, %s, now(), %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                report.collection,
                report.name,
                report.model,
                started_at,
                report.embedded,
                report.rewritten,
                report.deleted,
                report.refused,
                report.calls,
                report.tokens,
                report.cost_usd,
            ),
        )


def last_sync(connection: PsycopgConnection, name: str) -> tuple[str | None, datetime | None]:
    """(model, end) of the last finished sync of a collection, by its full name; Nones before the first."""
    query = f"select model, finished_at from {SCHEMA}.syncs where name = %s order by finished_at desc limit 1"
    with connection.cursor() as cursor:
        cursor.execute(query, (name,))
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (None, None)
