"""Documents in the marts against entities in Milvus, per repository."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import ledger as ledgers
from embeddings import rows
from embeddings.collections import COLLECTIONS, Collection
from embeddings.ledger import Ledger
from embeddings.store import Store, literal


@dataclass(frozen=True)
class RepositoryStatus:
    """One repository in one collection.

    Attributes:
        documents: how many the marts have.
        entities: how many Milvus has.
        refused: how many of the documents the model refuses to embed.
        changed: how many would be embedded or written again by a sync.
    """

    repo_name: str
    documents: int
    entities: int
    refused: int
    changed: int

    @property
    def has_drift(self) -> bool:
        """Whether a sync has something to do."""
        return self.documents != self.entities + self.refused or self.changed > 0


@dataclass(frozen=True)
class CollectionStatus:
    """One collection.

    Attributes:
        name: the collection behind the alias; None before the first sync.
        model: the model of the last sync.
        last_sync: when the last finished sync ended.
    """

    collection: str
    name: str | None
    model: str | None
    last_sync: datetime | None
    repositories: list[RepositoryStatus] = field(default_factory=list)

    @property
    def has_drift(self) -> bool:
        """Whether a sync has something to do."""
        return any(repository.has_drift for repository in self.repositories)

    def to_json(self) -> dict[str, Any]:
        """The status as plain values for JSON."""
        return {
            "collection": self.collection,
            "name": self.name,
            "model": self.model,
            "last_sync": self.last_sync.astimezone(UTC).isoformat() if self.last_sync else None,
            "drift": self.has_drift,
            "repositories": [
                {
                    "repo_name": each.repo_name,
                    "documents": each.documents,
                    "entities": each.entities,
                    "refused": each.refused,
                    "changed": each.changed,
                    "drift": each.has_drift,
                }
                for each in self.repositories
            ],
        }


def status(store: Store, connection: PsycopgConnection) -> list[CollectionStatus]:
    """The status of every collection."""
    ledgers.prepare(connection)
    return [_collection_status(store, connection, collection) for collection in COLLECTIONS.values()]


def _collection_status(store: Store, connection: PsycopgConnection, collection: Collection) -> CollectionStatus:
    documents = rows.count_by_repository(connection, collection)
    name = store.alias_target(collection.alias)
    known = Ledger(connection, name).count_by_repository() if name else {}
    repositories = [
        _repository_status(store, connection, collection, name, repo_name, known.get(repo_name, (0, 0))[1])
        for repo_name in sorted({*documents, *known})
    ]
    model, finished_at = ledgers.last_sync(connection, collection.alias)
    return CollectionStatus(collection.alias, name, model, finished_at, repositories)


def _repository_status(
    store: Store,
    connection: PsycopgConnection,
    collection: Collection,
    name: str | None,
    repo_name: str,
    refused: int,
) -> RepositoryStatus:
    entries = Ledger(connection, name).of_repository(repo_name) if name else {}
    documents = changed = 0
    for document in rows.documents_of_repository(connection, collection, repo_name):
        documents += 1
        entry = entries.get(document.id)
        changed += entry is not None and (
            entry.content_sha256 != document.content_sha256
            or (entry.refusal is None and entry.record_sha256 != document.record_sha256)
        )
    connection.commit()
    entities = store.count(name, f"repo_name == {literal(repo_name)}") if name else 0
    return RepositoryStatus(repo_name, documents, entities, refused, changed)
