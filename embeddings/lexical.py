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
        self._size: tuple[int, float] | None = None
        self._newest: tuple[int] | None = None

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
                create index if not exists {self._collection.alias}_documents_by_repository
                    on {self.documents} (repo_name);
                create table if not exists {self._postings} (
                    term text not null,
                    document integer not null,
                    frequency real not null,
                    length real not null,
                    primary key (term, document) include (frequency, length)
                );
                create index if not exists {self._collection.alias}_postings_by_document on {self._postings} (document);
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
        self._size = None
        with self._connection.cursor() as cursor:
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

    def search(self, query_terms: Iterable[str], condition: Condition, limit: int) -> list[tuple[str, float]]:
        """The documents that match best: (id, BM25 score), best first."""
        wanted = list(dict.fromkeys(query_terms))
        if not wanted:
            return []
        if not condition.sql:
            return self._ranked(wanted, limit)
        # most filters leave enough of the best; only where they do not, all that they leave is looked up first
        found, looked_at = self._met_by_the_best(wanted, condition, limit)
        if len(found) == limit or looked_at < limit * LOOKED_AT:
            return found
        return self._ranked(wanted, limit, condition)

    def _ranked(self, wanted: Sequence[str], limit: int, condition: Condition = Condition()) -> list[tuple[str, float]]:
        """The best of all documents, or of those that meet a condition."""
        restriction = ""
        if condition.sql:
            # not a join, for which the planner would have to guess how many documents these are
            restriction = (
                f"and (postings.document in (select documents.document from {self._matching(condition)})) is true"
            )
        scores, parameters = self._scores(wanted, restriction, condition.parameters)
        query = f"""
            {scores},

            best as (select document, score from scores order by score desc, document limit %s)

            select documents.id, best.score
            from best
            inner join {self.documents} as documents on best.document = documents.document
            order by best.score desc, documents.id
        """
        with self._connection.cursor() as cursor:
            cursor.execute(query, (*parameters, limit))
            return [(id, float(score)) for id, score in cursor.fetchall()]

    def _met_by_the_best(
        self, wanted: Sequence[str], condition: Condition, limit: int
    ) -> tuple[list[tuple[str, float]], int]:
        """(those among the best that meet a condition, among how many they were)."""
        scores, parameters = self._scores(wanted)
        query = f"""
            {scores},

            best as materialized (select document, score from scores order by score desc, document limit %s),

            looked_at as (select count(*) as number from best),

            found as (
                select documents.id, best.document, best.score
                from best
                inner join {self._matching(condition, "best.document = documents.document")}
                order by best.score desc, best.document
                limit %s
            )

            select looked_at.number, found.id, found.score
            from looked_at
            left join found on true
            order by found.score desc, found.id
        """
        with self._connection.cursor() as cursor:
            cursor.execute(query, (*parameters, limit * LOOKED_AT, *condition.parameters, limit))
            found = cursor.fetchall()
        return [(id, float(score)) for _, id, score in found if id is not None], found[0][0]

    def _scores(
        self, wanted: Sequence[str], restriction: str = "", restricted_by: Sequence[object] = ()
    ) -> tuple[str, tuple[object, ...]]:
        """(CTEs that end with `scores`, their parameters): document and BM25 score.

        Each term is looked up by the index, in a subquery of its own: many at once the planner takes for most of the
        table, and reads it whole.
        """
        documents, mean_length = self._measure()
        query = f"""
            with counted as materialized (
                select
                    wanted.term,
                    (select count(*) from {self._postings} as postings where postings.term = wanted.term) as documents
                from unnest(%s) as wanted (term)
            ),

            weights as materialized (
                select term, cast(ln(1 + (%s - documents + 0.5) / (documents + 0.5)) as double precision) as rarity
                from counted
            ),

            scores as (
                select
                    hits.document,
                    sum(
                        weights.rarity * hits.frequency * ({K1} + 1)
                        / (hits.frequency + {K1} * (1 - {B} + {B} * hits.length / %s))
                    ) as score
                from weights
                cross join lateral (
                    select postings.document, postings.frequency, postings.length
                    from {self._postings} as postings
                    where postings.term = weights.term {restriction}
                    offset 0
                ) as hits
                group by hits.document
            )
        """
        return query, (list(wanted), documents, mean_length, *restricted_by)

    def _matching(self, condition: Condition, joined_on: str = "") -> str:
        """Documents and mart rows that meet a condition, to stand after `from`, or after `join` with what it is on."""
        same_file = "and documents.file_path = mart.file_path" if self._collection is FILE_CHANGES else ""
        return f"""{self.documents} as documents {f"on {joined_on}" if joined_on else ""}
            inner join marts.{self._collection.mart} as mart
                on documents.repo_name = mart.repo_name and documents.pr_number = mart.pr_number {same_file}
            where {condition.sql}
        """

    def _measure(self) -> tuple[int, float]:
        """(documents, their mean length), counted again when there are new ones, for a search may stay open for days.

        That alone is asked every time, for counting takes 16 ms at 50,000 documents. Every write takes new numbers;
        documents that only went change the scores of all alike.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(f"select max(document) from {self.documents}")
            newest = cursor.fetchone()
            if self._size is None or newest != self._newest:
                cursor.execute(f"select count(*), coalesce(nullif(avg(length), 0), 1) from {self.documents}")
                self._size, self._newest = cursor.fetchone() or (0, 1.0), newest
        return self._size


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
