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
        new: how many of the documents were never synced.
        changed: how many of them a sync would embed, write or index again.
        gone: how many were synced that the marts have no more.
    """

    repo_name: str
    documents: int
    entities: int
    refused: int
    new: int
    changed: int
    gone: int

    @property
    def has_drift(self) -> bool:
        """Whether a sync has something to do."""
        # as many new as gone leave the counts of Milvus and the marts equal
        return self.documents != self.entities + self.refused or self.new + self.changed + self.gone > 0


@dataclass(frozen=True)
class CollectionStatus:
    """One collection.

    Attributes:
        name: the collection behind the alias; None before the first sync.
        model: the model of the last sync.
        last_sync: when the last finished sync ended.
        next_model: the model that a sync would embed everything anew with; None if it is the collection's.
    """

    collection: str
    name: str | None
    model: str | None
    last_sync: datetime | None
    next_model: str | None = None
    repositories: list[RepositoryStatus] = field(default_factory=list)

    @property
    def has_drift(self) -> bool:
        """Whether a sync has something to do."""
        return self.next_model is not None or any(repository.has_drift for repository in self.repositories)

    def to_json(self) -> dict[str, Any]:
        """The status as plain values for JSON."""
        return {
            "collection": self.collection,
            "name": self.name,
            "model": self.model,
            "last_sync": self.last_sync.astimezone(UTC).isoformat() if self.last_sync else None,
            "next_model": self.next_model,
            "drift": self.has_drift,
            "repositories": [
                {
                    "repo_name": each.repo_name,
                    "documents": each.documents,
                    "entities": each.entities,
                    "refused": each.refused,
                    "new": each.new,
                    "changed": each.changed,
                    "gone": each.gone,
                    "drift": each.has_drift,
                }
                for each in self.repositories
            ],
        }


def status(
    store: Store, connection: PsycopgConnection, configured: tuple[str, int | None] | None = None
) -> list[CollectionStatus]:
    """The status of every collection.

    Args:
        store: Milvus.
        connection: the warehouse.
        configured: (model, dimension) that the next sync embeds with; None for those of the last.
    """
    ledgers.prepare(connection)
    return [_collection_status(store, connection, collection, configured) for collection in COLLECTIONS.values()]


def _collection_status(
    store: Store, connection: PsycopgConnection, collection: Collection, configured: tuple[str, int | None] | None
) -> CollectionStatus:
    lexical = LexicalIndex(connection, collection)
    lexical.prepare()
    connection.commit()
    documents = rows.count_by_repository(connection, collection)
    name = store.alias_target(collection.alias)
    known = Ledger(connection, name).count_by_repository() if name else {}
    repo_names = sorted({*documents, *known, *lexical.repositories()})
    new, changed, gone = Counter(documents), Counter[str](), Counter[str]()
    if name:
        new, changed, gone = _differences(connection, collection, name, repo_names)
    entities = _entities(store, name, repo_names) if name else {}
    repositories = [
        RepositoryStatus(
            repo_name,
            documents=documents.get(repo_name, 0),
            entities=entities.get(repo_name, 0),
            refused=known.get(repo_name, (0, 0))[1],
            new=new[repo_name],
            changed=changed[repo_name],
            gone=gone[repo_name],
        )
        for repo_name in sorted({*repo_names, *entities})
    ]
    model, finished_at = ledgers.last_sync(connection, name) if name else (None, None)
    is_other = (
        name is not None and configured is not None and not ledgers.is_of(connection, collection, name, *configured)
    )
    next_model = configured[0] if is_other and configured else None
    return CollectionStatus(collection.alias, name, model, finished_at, next_model, repositories)


def _entities(store: Store, name: str, repo_names: list[str]) -> dict[str, int]:
    """Repository → entities that Milvus has, of those that neither the marts nor the ledger know, too."""
    counts = {repo_name: store.count(name, f"repo_name == {literal(repo_name)}") for repo_name in repo_names}
    if store.count(name) == sum(counts.values()):
        return counts
    return dict(Counter(entity["repo_name"] for entity in store.read(name, "", ["id", "repo_name"])))


def _differences(
    connection: PsycopgConnection, collection: Collection, name: str, repositories: list[str]
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Repository → documents that are new, that were synced otherwise than they are now, and that are gone."""
    new, changed = Counter[str](), Counter[str]()
    changes = Changes(connection, collection, name)
    for change in changes.read(repositories):
        if change.entry is None:
            new[change.document.repo_name] += 1
        elif change.is_new_text or change.is_new_record or change.is_new_to_the_index:
            changed[change.document.repo_name] += 1
    # a repository's name has no such sign in it
    gone = Counter(id.partition("#")[0] for id in changes.gone(repositories))
    connection.commit()
    return new, changed, gone
