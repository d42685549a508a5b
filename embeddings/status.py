"""Documents in the marts against entities in Milvus, per repository."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import ledger as ledgers
from embeddings import rows
from embeddings.changes import Changes
from embeddings.collections import COLLECTIONS, Collection
from embeddings.ledger import Ledger
from embeddings.lexical import LexicalIndex
from embeddings.store import Store, literal


@dataclass(frozen=True)
class RepositoryStatus:
    """One repository in one collection.

    Attributes:
        documents: how many the marts have.
        entities: how many Milvus has.
        refused: how many of the documents the model refuses to embed.
        changed: how many of them a sync would embed, write or index again.
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
    LexicalIndex(connection, collection).prepare()
    connection.commit()
    documents = rows.count_by_repository(connection, collection)
    name = store.alias_target(collection.alias)
    known = Ledger(connection, name).count_by_repository() if name else {}
    changed = _changed_by_repository(connection, collection, name, list(documents)) if name else {}
    repositories = [
        RepositoryStatus(
            repo_name,
            documents=documents.get(repo_name, 0),
            entities=store.count(name, f"repo_name == {literal(repo_name)}") if name else 0,
            refused=known.get(repo_name, (0, 0))[1],
            changed=changed.get(repo_name, 0),
        )
        for repo_name in sorted({*documents, *known})
    ]
    model, finished_at = ledgers.last_sync(connection, collection.alias)
    return CollectionStatus(collection.alias, name, model, finished_at, repositories)


def _changed_by_repository(
    connection: PsycopgConnection, collection: Collection, name: str, repositories: list[str]
) -> Counter[str]:
    """Repository → documents that were synced otherwise than they are now; the new ones are counted apart."""
    found = Counter(
        change.document.repo_name
        for change in Changes(connection, collection, name).read(repositories)
        if change.entry is not None and (change.is_new_text or change.is_new_record or change.is_new_to_the_index)
    )
    connection.commit()
    return found
