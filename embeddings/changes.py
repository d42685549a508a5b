"""What differs between the marts and what was synced, decided in SQL: nothing that is unchanged leaves Postgres.

Every row of the marts has a stamp, a hash of all that its document is made of, and the ledger keeps the stamp that it
had when the entity was written. Only rows whose stamp differs are read and made into documents; the documents' own
hashes then tell whether a text has changed, or a field, or nothing that matters.
"""

import hashlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import documents, lexical, prose, rows
from embeddings.collections import Collection
from embeddings.documents import Document
from embeddings.ledger import SCHEMA, Entry
from embeddings.lexical import LexicalIndex, words_sha256

DIFFERING = f"""
with source as ({{source}}),

stamped as (
    select source.*, {{id}} as id, md5(%(code)s || cast(source as text)) as stamp from source
)

select {{columns}}
from stamped
left join {SCHEMA}.entities as entities on entities.collection = %(name)s and stamped.id = entities.id
left join {{indexed}} as indexed on stamped.id = indexed.id
where
    stamped.stamp is distinct from entities.stamp
    or entities.content_sha256 is distinct from indexed.content_sha256
"""
KNOWN = (
    "entities.id as known_id, entities.content_sha256 as known_content, entities.record_sha256 as known_record, "
    "entities.refusal as known_refusal, indexed.words_sha256 as indexed_words"
)
GONE = f"""
select known.id
from (
    select id, repo_name from {SCHEMA}.entities where collection = %(name)s
    union
    select id, repo_name from {{indexed}}
) as known
where
    known.repo_name = any(%(repositories)s)
    and not exists (select from marts.{{mart}} where {{id}} = known.id and {{is_whole}})
order by 1
"""


@dataclass(frozen=True)
class Change:
    """A document that was not synced as it is now.

    Attributes:
        stamp: the stamp of its row.
        entry: what the ledger knows of it; None for a new one.
        indexed_sha256: the hash of the words in the lexical index; None if it is not there.
    """

    document: Document
    stamp: str
    entry: Entry | None
    indexed_sha256: str | None

    @property
    def is_new_text(self) -> bool:
        """Whether it must be embedded."""
        return self.entry is None or self.entry.content_sha256 != self.document.content_sha256

    @property
    def is_new_record(self) -> bool:
        """Whether the entity must be written again with the vector that it has."""
        return (
            not self.is_new_text
            and self.entry is not None
            and self.entry.refusal is None
            and self.entry.record_sha256 != self.document.record_sha256
        )

    @property
    def is_new_to_the_index(self) -> bool:
        """Whether the lexical index must be written."""
        return self.indexed_sha256 != words_sha256(self.document)


class Changes:
    """What differs in one collection.

    Args:
        connection: the warehouse.
        collection: which.
        name: the collection's full name, by which the ledger knows it.
    """

    def __init__(self, connection: PsycopgConnection, collection: Collection, name: str) -> None:
        self._connection = connection
        self._collection = collection
        self._source = rows.SOURCES[collection.alias]
        self._indexed = LexicalIndex(connection, collection).documents
        self._name = name

    def count_by_repository(self, repositories: Sequence[str]) -> dict[str, int]:
        """Repository → how many rows differ; those with none are left out."""
        with self._connection.cursor() as cursor:
            query = self._query("stamped.repo_name, count(*)") + " group by 1"
            rows.execute(cursor, query, self._parameters(repositories))
            return dict(cursor.fetchall())

    def read(self, repositories: Sequence[str]) -> Iterator[Change]:
        """The documents of the rows that differ."""
        for row in rows.stream(
            self._connection, self._query(f"stamped.*, {KNOWN}"), self._parameters(repositories), "changes"
        ):
            entry = None
            if row["known_id"] is not None:
                entry = Entry(row["known_id"], row["known_content"], row["known_record"], row["known_refusal"])
            yield Change(self._source.document(row), row["stamp"], entry, row["indexed_words"])

    def gone(self, repositories: Sequence[str]) -> list[str]:
        """The ids that the ledger or the lexical index has and the marts have no more."""
        query = GONE.format(
            indexed=self._indexed, id=self._source.id, mart=self._collection.mart, is_whole=self._source.is_whole
        )
        with self._connection.cursor() as cursor:
            rows.execute(cursor, query, self._parameters(repositories))
            return [row[0] for row in cursor.fetchall()]

    def _query(self, columns: str) -> str:
        source = self._source.query.format(condition="repo_name = any(%(repositories)s)", is_entity="true")
        return DIFFERING.format(source=source, id=self._source.id, indexed=self._indexed, columns=columns)

    def _parameters(self, repositories: Sequence[str]) -> dict[str, object]:
        return {"name": self._name, "repositories": list(repositories), "code": CODE}


def _hash_of_code() -> str:
    """A hash of what makes rows into documents and terms: when that changes, every row is looked at again."""
    digest = hashlib.sha256(lexical.CODE.encode())
    for module in (rows, documents, prose):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()


CODE = _hash_of_code()
