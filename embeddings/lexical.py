"""The lexical leg: BM25 over postings that are kept in Postgres, beside the marts that its filters are about.

Milvus' own BM25 differs between Lite and a server and takes half a second at 60,000 entities in Lite; PostgreSQL's
`ts_rank` knows no rarity of words; a library's index must be rebuilt for every change and copied to every machine.
Postings in a table are exactly as new as the last sync, are filtered by SQL, and need no start-up.
"""

import hashlib
import inspect
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812
from psycopg2.extras import execute_values

from embeddings import words
from embeddings.collections import FILE_CHANGES, Collection
from embeddings.documents import Document
from embeddings.ledger import SCHEMA
from embeddings.words import terms

# tuned on real questions, see the evaluation; k1 and b are BM25's usual ones
K1 = 1.2
B = 0.75
WEIGHTS = {"title": 3.0, "branch": 2.0, "conversation": 0.25}
# the hash of what makes a document into terms: when that changes, every document is indexed again
CODE = hashlib.sha256(f"{inspect.getsource(words)}{WEIGHTS}".encode()).hexdigest()
# under a filter, so many times the wanted number of best documents are looked at first
LOOKED_AT = 10
# of the terms that were asked for, so many postings are kept in memory, 48 MB: those of frequent words come again and
# again, and are most of what Postgres would have to send
KEPT_POSTINGS = 4_000_000
# a posting as Postgres sends it
POSTING = np.dtype([("document", ">i4"), ("frequency", ">f4"), ("length", ">f4")])


@dataclass(frozen=True)
class Condition:
    """A filter in SQL.

    Attributes:
        sql: a condition on `documents` and the mart's rows; empty for none.
        parameters: its parameters.
    """

    sql: str = ""
    parameters: tuple[object, ...] = ()


class LexicalIndex:
    """The postings of one collection.

    Args:
        connection: the warehouse; the caller commits.
        collection: whose documents.
        schema: where the tables are.

    Attributes:
        documents: the table of documents, one row each with its `id`, `repo_name`, `content_sha256` and
            `words_sha256`.
    """

    def __init__(self, connection: PsycopgConnection, collection: Collection, schema: str = SCHEMA) -> None:
        self._connection = connection
        self._collection = collection
        self.documents = f"{schema}.{collection.alias}_documents"
        self._postings = f"{schema}.{collection.alias}_postings"
        self._changes = f"{schema}.{collection.alias}_changes"
        self._size: tuple[int, float] | None = None
        self._kept: dict[str, np.ndarray] = {}
        self._change: tuple[int] | None = None

    def prepare(self) -> None:
        """Make the tables unless they are there."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"""
                create table if not exists {self.documents} (
                    document integer generated always as identity primary key,
                    id text not null unique,
                    repo_name text not null,
                    pr_number integer not null,
                    file_path text not null,
                    length real not null,
                    content_sha256 text not null,
                    words_sha256 text not null
                );
                create index if not exists {self._collection.alias}_documents_by_pull_request
                    on {self.documents} (repo_name, pr_number);
                create table if not exists {self._postings} (
                    term text not null,
                    document integer not null,
                    frequency real not null,
                    length real not null,
                    primary key (term, document) include (frequency, length)
                );
                create index if not exists {self._collection.alias}_postings_by_document on {self._postings} (document);
                create table if not exists {self._changes} (number bigint not null);
                insert into {self._changes} select 0 where not exists (select from {self._changes});
            """)

    def repositories(self) -> set[str]:
        """The repositories that have documents."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"select distinct repo_name from {self.documents}")
            return {row[0] for row in cursor.fetchall()}

    def write(self, documents: Sequence[Document]) -> None:
        """Write documents, in place of those with the same ids."""
        if not documents:
            return
        self.remove([document.id for document in documents])
        counted = [(document, _frequencies(document)) for document in documents]
        rows = [
            (
                document.id,
                document.repo_name,
                document.fields["pr_number"],
                document.fields["file_path"],
                sum(frequencies.values()),
                document.content_sha256,
                words_sha256(document),
            )
            for document, frequencies in counted
        ]
        with self._connection.cursor() as cursor:
            numbers = dict(
                execute_values(
                    cursor,
                    f"insert into {self.documents} "
                    "(id, repo_name, pr_number, file_path, length, content_sha256, words_sha256) "
                    "values %s returning id, document",
                    rows,
                    page_size=1000,
                    fetch=True,
                )
            )
            postings = io.StringIO()
            for document, frequencies in counted:
                number, length = numbers[document.id], sum(frequencies.values())
                for term, frequency in frequencies.items():
                    # terms are letters and digits: nothing in them needs escaping
                    postings.write(f"{term}\t{number}\t{frequency:g}\t{length:g}\n")
            postings.seek(0)
            cursor.copy_expert(f"copy {self._postings} (term, document, frequency, length) from stdin", postings)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove the documents with these ids."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"update {self._changes} set number = number + 1")
            cursor.execute(
                f"""
                with gone as (delete from {self.documents} where id = any(%s) returning document)
                delete from {self._postings} where document in (select document from gone)
                """,
                (list(ids),),
            )

    def tidy(self) -> None:
        """Let searches read the index alone after many changes; outside a transaction."""
        self._connection.autocommit = True
        try:
            with self._connection.cursor() as cursor:
                # to vacuum a row is visible to all only once its commit is on disk, or one that came soon after it,
                # such as vacuum's own
                cursor.execute("set synchronous_commit to on")
                cursor.execute(f"vacuum (analyze) {self.documents}, {self._postings}")
                cursor.execute("reset synchronous_commit")
        finally:
            self._connection.autocommit = False

    def search(
        self, query_terms: Iterable[str], condition: Condition, limit: int, *, needs_all: bool = False
    ) -> list[tuple[str, float]]:
        """The documents that match best: (id, BM25 score), best first.

        Args:
            query_terms: the terms; one that is in no document counts nothing.
            condition: what the documents must meet.
            limit: how many documents at most.
            needs_all: only documents with every one of the terms.
        """
        wanted = list(dict.fromkeys(query_terms))
        if not wanted:
            return []
        documents, scores, matches = self._scores(wanted)
        if needs_all:
            documents, scores = documents[matches == len(wanted)], scores[matches == len(wanted)]
        ranking = np.argsort(-scores, kind="stable")
        if condition.sql:
            # most filters leave enough of the best; only where they do not, all that they leave is looked up
            best = _first(ranking, scores, limit * LOOKED_AT)
            ids = self._ids(documents[best], condition)
            if len(ids) < limit and len(best) < len(ranking):
                ids = self._ids(None, condition)
            ranking = ranking[np.isin(documents[ranking], list(ids))]
        ranking = _first(ranking, scores, limit)
        if not condition.sql:
            ids = self._ids(documents[ranking])
        found = zip(documents[ranking].tolist(), scores[ranking].tolist(), strict=True)
        return sorted(
            ((ids[document], score) for document, score in found if document in ids),
            key=lambda each: (-each[1], each[0]),
        )[:limit]

    def _scores(self, wanted: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(the numbers of all documents with any of the terms, ascending; their BM25 scores; how many they have)."""
        in_all, mean_length = self._measured()
        of_terms = self._postings_of(wanted)
        in_term = np.array([len(postings) for postings in of_terms])
        rarity = np.log(1 + (in_all - in_term + 0.5) / (in_term + 0.5))
        postings = np.concatenate(of_terms)
        frequency, length = postings["frequency"].astype(float), postings["length"].astype(float)
        weight = np.repeat(rarity, in_term)
        scores = weight * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length / mean_length))
        documents, places = np.unique(postings["document"].astype(int), return_inverse=True)
        return documents, np.bincount(places, weights=scores), np.bincount(places)

    def _postings_of(self, wanted: Sequence[str]) -> list[np.ndarray]:
        """The postings of each of these terms.

        There may be thousands: as one value a term they come twice as fast as in rows. Each term is looked up by
        the index, in a subquery of its own: many at once the planner takes for most of the table, and reads it whole.
        """
        query = f"""
            select (
                select string_agg(int4send(document) || float4send(frequency) || float4send(length), '')
                from {self._postings} as postings
                where postings.term = wanted.term
            )
            from unnest(%s) with ordinality as wanted (term, place)
            order by wanted.place
        """
        missing = [term for term in wanted if term not in self._kept]
        found = {term: self._kept[term] for term in wanted if term in self._kept}
        if missing:
            with self._connection.cursor() as cursor:
                cursor.execute(query, (missing,))
                packed = [np.frombuffer(each or b"", POSTING) for (each,) in cursor.fetchall()]
            found |= zip(missing, packed, strict=True)
            if sum(map(len, self._kept.values())) + sum(map(len, packed)) > KEPT_POSTINGS:
                self._kept.clear()
            self._kept |= found
        return [found[term] for term in wanted]

    def _ids(self, documents: np.ndarray | None, condition: Condition = Condition()) -> dict[int, str]:
        """Number → id of those among the documents, or among all if None, that meet a condition."""
        joins, conditions, parameters = "", [], []
        if documents is not None:
            conditions.append("documents.document = any(%s)")
            parameters.append(documents.tolist())
        if condition.sql:
            same_file = "and documents.file_path = mart.file_path" if self._collection is FILE_CHANGES else ""
            joins = f"""
                inner join marts.{self._collection.mart} as mart
                    on documents.repo_name = mart.repo_name and documents.pr_number = mart.pr_number {same_file}
            """
            conditions.append(condition.sql)
            parameters += condition.parameters
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"select documents.document, documents.id from {self.documents} as documents {joins} "
                f"where {' and '.join(conditions)}",
                parameters,
            )
            return dict(cursor.fetchall())

    def _measured(self) -> tuple[int, float]:
        """(documents, their mean length), counted again if the index has changed, for a search may stay open for days.

        Whether it has is asked every time, for counting takes 16 ms at 50,000 documents. What is kept of the postings
        is dropped then, too.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(f"select number from {self._changes}")
            change = cursor.fetchone()
            if self._size is None or change != self._change:
                self._kept.clear()
                cursor.execute(f"select count(*), coalesce(nullif(avg(length), 0), 1) from {self.documents}")
                self._size, self._change = cursor.fetchone() or (0, 1.0), change
        return self._size


def _first(ranking: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    """The first of a ranking, with all that score as the last of them: which of these stay is decided by their ids."""
    if count >= len(ranking):
        return ranking
    return ranking[: np.searchsorted(-scores[ranking], -scores[ranking[count - 1]], side="right")]


def words_sha256(document: Document) -> str:
    """A hash of what the index holds of a document: it decides whether it must be indexed again."""
    parts = {**document.parts, **document.context}
    # plain text holds no such separator
    return hashlib.sha256("\x1f".join((CODE, *parts, *parts.values())).encode("utf-8", errors="replace")).hexdigest()


def _frequencies(document: Document) -> Counter[str]:
    """Term → how often it occurs, a word of a weightier part counting more than once."""
    frequencies: Counter[str] = Counter()
    for part, text in (*document.parts.items(), *document.context.items()):
        weight = WEIGHTS.get(part, 1.0)
        for term in terms(text):
            frequencies[term] += weight  # type: ignore[assignment]
    return frequencies
