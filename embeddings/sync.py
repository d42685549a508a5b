"""Marts → Milvus: what is new or changed is embedded, what has left is deleted, the rest is not touched.

In each batch Postgres (ledger and lexical index, one transaction) is committed only when Milvus has acknowledged; a
sync that is killed anywhere leaves at most one batch to repeat.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import ledger as ledgers
from embeddings import rows
from embeddings.changes import Change, Changes
from embeddings.collections import PR_INDEX, Collection
from embeddings.documents import Document
from embeddings.encoders import Encoder, Vector
from embeddings.encoders.base import encode_views
from embeddings.ledger import Entry, Ledger, SyncReport
from embeddings.lexical import LexicalIndex
from embeddings.prose import cut_bytes
from embeddings.store import Store

logger = logging.getLogger(__name__)

DELETE_ROWS = 1000
# as many labels as a pull request can have on GitHub
LABELS = 100

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Estimate:
    """What a sync of one collection would do.

    Attributes:
        collection: the alias.
        documents: documents in the marts.
        embed: documents whose text would be embedded.
        tokens: tokens of those; of a server's model, an estimate.
        cost_usd: what they cost; None if no price is known.
    """

    collection: str
    documents: int
    embed: int
    tokens: int
    cost_usd: float | None


class CollectionSync:
    """The sync of one collection.

    Args:
        collection: which.
        store: Milvus.
        encoder: the model.
        reader: a connection that reads the marts.
        writer: a connection that writes the ledger and the lexical index.
        batch_size: documents in a batch.
    """

    def __init__(
        self,
        collection: Collection,
        store: Store,
        encoder: Encoder,
        reader: PsycopgConnection,
        writer: PsycopgConnection,
        batch_size: int | None = None,
    ) -> None:
        self.collection = collection
        self._store = store
        self._encoder = encoder
        self._reader = reader
        self._writer = writer
        self._batch_size = batch_size or encoder.batch_size
        self._lexical = LexicalIndex(writer, collection)

    def run(
        self, repository: str | None = None, *, full_refresh: bool = False, advance: Advance = lambda _: None
    ) -> SyncReport:
        """Bring the collection and its lexical index in line with the marts.

        Args:
            repository: only this one; all, if the collection must be filled anew.
            full_refresh: embed everything again, into a new collection that takes the old one's place at the end.
            advance: told how many documents were dealt with.

        Raises:
            PlimsollError: the repository is unknown, or a service failed.
        """
        started_at, started = datetime.now(UTC), time.monotonic()
        usage = self._encoder.usage
        calls, tokens = usage.calls, usage.tokens
        ledgers.prepare(self._writer)
        self._lexical.prepare()
        current = self._store.alias_target(self.collection.alias)
        name = self._name(current, full_refresh)
        self._check(repository, Ledger(self._writer, name))
        report = SyncReport(self.collection.alias, name, self._encoder.model)
        # before the collection is made: a kill between the two must not leave one that nobody knows
        ledgers.record_collection(self._writer, self.collection, name, self._encoder.model, self._encoder.dimension)
        self._writer.commit()

        self._store.create(self.collection, name, self._encoder.dimension)
        ledger = Ledger(self._writer, name)
        reconcile(self._store, ledger)
        self._writer.commit()

        counts = rows.count_by_repository(self._reader, self.collection)
        repositories = self._repositories(counts, ledger, repository, is_new=name != current)
        report.documents = sum(counts.get(repo_name, 0) for repo_name in repositories)
        changes = Changes(self._reader, self.collection, name)
        pending = changes.count_by_repository(repositories)
        leaving = ledger.texts(changes.gone(repositories)) if pending else {}
        # no lock on the marts is held while anything is embedded: dbt may be about to replace them
        self._reader.commit()
        advance(report.documents - sum(pending.values()))
        for repo_name in pending:
            self._sync_repository(ledger, repo_name, changes, leaving, report, advance)
        self._delete(ledger, changes.gone(repositories), report)
        self._reader.commit()

        has_written = bool(pending) or report.deleted > 0
        if has_written:
            # servers let a client wait that asks for a second one within ten seconds
            self._store.flush(name)
        if name != current:
            self._store.switch_alias(self.collection.alias, name)
        self._drop_others(name, current)
        report.calls, report.tokens = usage.calls - calls, usage.tokens - tokens
        report.cost_usd = self._encoder.price(report.tokens)
        report.seconds = time.monotonic() - started
        ledgers.record_sync(self._writer, report, started_at)
        self._writer.commit()
        if has_written:
            self._lexical.tidy()
        return report

    def estimate(self, repository: str | None = None, *, full_refresh: bool = False) -> Estimate:
        """What `run` would embed, without embedding or writing anything, but for tables that are missing."""
        ledgers.prepare(self._writer)
        self._lexical.prepare()
        current = self._store.alias_target(self.collection.alias)
        name = self._name(current, full_refresh)
        counts = rows.count_by_repository(self._reader, self.collection)
        ledger, changes = Ledger(self._writer, name), Changes(self._reader, self.collection, name)
        self._check(repository, ledger)
        repositories = self._repositories(counts, ledger, repository, is_new=name != current)
        # making a table locks it, and the other connection reads it
        self._writer.commit()
        leaving = ledger.texts(changes.gone(repositories))
        self._writer.commit()
        embed = tokens = 0
        for change in changes.read(repositories):
            if change.is_new_text and change.document.content_sha256 not in leaving:
                embed += 1
                tokens += self._encoder.count_tokens(change.document.views)
        self._reader.commit()
        documents = sum(counts.get(repo_name, 0) for repo_name in repositories)
        return Estimate(self.collection.alias, documents, embed, tokens, self._encoder.price(tokens))

    def _name(self, current: str | None, full_refresh: bool) -> str:
        """The collection to fill: the one in use, else one that an earlier sync left unfinished, else a new one.

        Only collections that this warehouse has made: another's would lose all that these marts do not have.
        """
        model, dimension = self._encoder.model, self._encoder.dimension
        if not full_refresh:
            present = self._store.collections()
            usable = [
                name
                for name in ledgers.own_collections(self._writer, self.collection, model, dimension)
                if name in present and self.collection.is_of(name, model, dimension)
            ]
            if usable:
                return current if current in usable else usable[0]
        return f"{self.collection.base_name(model, dimension)}_{secrets.token_hex(4)}"

    def _repositories(
        self, counts: Mapping[str, int], ledger: Ledger, repository: str | None, *, is_new: bool
    ) -> list[str]:
        known = {*counts, *ledger.count_by_repository(), *self._lexical.repositories()}
        if repository is None:
            return sorted(known)
        if is_new:
            logger.warning("%s is filled anew, so all repositories are synced", self.collection.alias)
            return sorted(known)
        return [name for name in known if name.lower() == repository.lower()]

    def _check(self, repository: str | None, ledger: Ledger) -> None:
        """Refuse a repository that is nowhere, before anything is made."""
        if repository is None:
            return
        # not this collection's alone: the pull requests of one may change no file
        in_marts = rows.count_by_repository(self._reader, PR_INDEX)
        known = {*in_marts, *ledger.count_by_repository(), *self._lexical.repositories()}
        if repository.lower() not in map(str.lower, known):
            raise rows.no_such_repository(repository)

    def _sync_repository(
        self,
        ledger: Ledger,
        repo_name: str,
        changes: Changes,
        leaving: Mapping[str, str],
        report: SyncReport,
        advance: Advance,
    ) -> None:
        batch: list[Change] = []
        for change in changes.read([repo_name]):
            batch.append(change)
            if len(batch) >= self._batch_size:
                self._write(ledger, repo_name, batch, leaving, report)
                advance(len(batch))
                batch = []
        self._write(ledger, repo_name, batch, leaving, report)
        advance(len(batch))

    def _write(
        self,
        ledger: Ledger,
        repo_name: str,
        batch: Sequence[Change],
        leaving: Mapping[str, str],
        report: SyncReport,
    ) -> None:
        # a document whose text is as it was takes its own vector, and one of a repository that was renamed that of the
        # entity under the former name, which is deleted at the end
        holders = {change.document.id: change.document.id for change in batch if change.is_new_record}
        for change in batch:
            if change.is_new_text and change.document.content_sha256 in leaving:
                holders[change.document.id] = leaving[change.document.content_sha256]
        kept = self._vectors_held(ledger.name, holders)
        pending = [change.document for change in batch if change.is_new_text or change.is_new_record]
        embedded = self._embed([document for document in pending if document.id not in kept])
        now = int(time.time())
        entities, entries = [], []
        for change in batch:
            document, refusal = change.document, change.entry.refusal if change.entry else None
            if document.id in kept or document.id in embedded:
                vector, embedded_at = kept.get(document.id) or (embedded[document.id], now)
                refusal = "the model refuses this text" if vector is None else None
                if vector is not None:
                    entities.append(self._entity(document, vector, embedded_at))
            entries.append(
                Entry(document.id, document.content_sha256, document.record_sha256, refusal, stamp=change.stamp)
            )
        refused = [id for id, vector in embedded.items() if vector is None]
        # Milvus and Postgres work at the same time; the commit waits until Milvus has acknowledged
        with ThreadPoolExecutor(max_workers=1) as pool:
            acknowledged = pool.submit(self._write_entities, ledger.name, entities, refused)
            self._lexical.write([change.document for change in batch if change.is_new_to_the_index])
            ledger.record(repo_name, entries)
            acknowledged.result()
        self._writer.commit()
        report.rewritten += len(kept)
        report.refused += len(refused)
        report.embedded += len(entities) - len(kept)

    def _write_entities(self, name: str, entities: Sequence[Mapping[str, Any]], refused: Sequence[str]) -> None:
        # a document that is refused now may have been embedded with an earlier text
        self._store.delete(name, refused)
        self._store.upsert(name, entities)

    def _embed(self, documents: Sequence[Document]) -> dict[str, Vector | None]:
        vectors = encode_views(self._encoder, [document.views for document in documents])
        return {document.id: vector for document, vector in zip(documents, vectors, strict=True)}

    def _vectors_held(self, name: str, holders: Mapping[str, str]) -> dict[str, tuple[Sequence[float], int]]:
        """Id → the vector that Milvus has for its holder, and when it was made."""
        if not holders:
            return {}
        found = {
            entity["id"]: (entity["vector"], entity["embedded_at"])
            for entity in self._store.get(name, sorted(set(holders.values())), ["id", "vector", "embedded_at"])
        }
        return {id: found[holder] for id, holder in holders.items() if holder in found}

    def _entity(self, document: Document, vector: Sequence[float] | Vector, embedded_at: int) -> dict[str, Any]:
        values = {
            **document.fields,
            "id": document.id,
            "vector": vector,
            "repo_name": document.repo_name,
            "text": document.text,
            "content_sha256": document.content_sha256,
            "record_sha256": document.record_sha256,
            "embedding_model": self._encoder.model,
            "embedded_at": embedded_at,
        }
        for each in self.collection.fields:
            if each.kind == "text":
                values[each.name] = cut_bytes(values[each.name], each.max_bytes)
            elif each.kind == "texts":
                values[each.name] = [cut_bytes(value, each.max_bytes) for value in values[each.name][:LABELS]]
        return values

    def _delete(self, ledger: Ledger, ids: Sequence[str], report: SyncReport) -> None:
        for start in range(0, len(ids), DELETE_ROWS):
            batch = ids[start : start + DELETE_ROWS]
            self._store.delete(ledger.name, batch)
            self._lexical.remove(batch)
            ledger.forget(batch)
            self._writer.commit()
        report.deleted += len(ids)

    def _drop_others(self, name: str, before: str | None) -> None:
        """Remove this warehouse's collections of other models and of syncs that were given up."""
        own, present = ledgers.own_collections(self._writer, self.collection), self._store.collections()
        if before is not None and before not in own:
            logger.warning(
                "%s led to %s, which this warehouse has not made: it is left there; "
                "each warehouse needs a Milvus database of its own",
                self.collection.alias,
                before,
            )
        others = [other for other in own if other in present and other != name]
        for other in others:
            self._store.drop(other)
        ledgers.forget_collections(self._writer, self.collection, others, present)
        self._writer.commit()


def reconcile(store: Store, ledger: Ledger) -> bool:
    """Correct the ledger by what Milvus holds, if their counts differ.

    They do after a kill, and nearly always when either of them was restored, moved or emptied by hand. As many entities
    with other texts are not noticed: reading them all takes as long as a good part of a sync.

    Returns:
        Whether it was corrected.
    """
    held = sum(held for held, _ in ledger.count_by_repository().values())
    if store.count(ledger.name) == held:
        return False
    logger.info("%s and its ledger differ: reading what Milvus holds", ledger.name)
    ledger.clear()
    fields = ("id", "repo_name", "content_sha256", "record_sha256")
    by_repository: dict[str, list[Entry]] = {}
    for entity in store.read(ledger.name, "", fields):
        entry = Entry(entity["id"], entity["content_sha256"], entity["record_sha256"])
        by_repository.setdefault(entity["repo_name"], []).append(entry)
    for repo_name, entries in by_repository.items():
        ledger.record(repo_name, entries)
    return True


def total_documents(connection: PsycopgConnection, collections: Iterable[Collection], repository: str | None) -> int:
    """How many documents a sync will look at, for its progress bar."""
    counts = [rows.count_by_repository(connection, collection) for collection in collections]
    connection.commit()
    return sum(
        number
        for count in counts
        for name, number in count.items()
        if repository is None or name.lower() == repository.lower()
    )
