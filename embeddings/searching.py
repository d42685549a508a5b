"""A query → pull requests or file changes, best first."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Literal, Self, TypeVar

import psycopg2
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import routes, rows
from embeddings.collections import COLLECTIONS, FILE_CHANGES, PR_INDEX, Collection
from embeddings.direct import answer, is_on
from embeddings.documents import pull_request_document
from embeddings.encoders import Encoder, choose
from embeddings.encoders.base import HURRIED
from embeddings.filters import Filters
from embeddings.fusion import DENSE_WEIGHT, fuse
from embeddings.ledger import is_of
from embeddings.lexical import LexicalIndex
from embeddings.passages import best_passage
from embeddings.prose import cut_bytes, plain
from embeddings.routes import Route
from embeddings.store import Store, literal
from embeddings.words import query_terms, terms
from warehouse import postgres
from warehouse.errors import EXIT_USAGE, PlimsollError
from warehouse.settings import Settings, load_settings

Answer = TypeVar("Answer")
Kind = Literal["pr", "file"]
KINDS: dict[str, Collection] = {"pr": PR_INDEX, "file": FILE_CHANGES}
# how deep each leg looks before they are fused: on real questions 50 to 100 does equally well, and Milvus Lite reads
# every hit whole
DEPTH = 50
# Milvus gives no more than 16,384
MOST_RESULTS = 10_000
# beyond this a query's words add nothing, and a book pasted by mistake must not be searched word by word
QUERY_BYTES = 8_000
# how long the collection behind an alias is taken for the same: asking takes as long as a good part of a search
ALIAS_SECONDS = 1.0
EVERYTHING = Filters()
# in the C locale: in Turkish the small letter of I is another
NAME_QUERIES = {
    "repo_name": """
        select repo_name from marts.repo_prs where lower(repo_name collate "C") = lower(%(name)s collate "C") limit 1
    """,
    # a bot is called by its login with or without what the marts add to it
    "author": """
        select username from marts.authors
        where lower(username collate "C") in (lower(%(name)s collate "C"), lower(%(name)s collate "C") || '[bot]')
        order by length(username) limit 1
    """,
    "language": """
        select language from marts.file_changes where lower(language collate "C") = lower(%(name)s collate "C") limit 1
    """,
}
NAMED = {"repo_name": "repository", "author": "author", "language": "language"}
# \m and \M are the beginning and the end of a word
IN_A_TITLE = r"select exists (select from marts.repo_prs where title ~* ('\m' || %s || '\M'))"
NO_WORD_FOUND = "None of these words was found; these are the nearest in meaning"
NOT_ALL_FOUND = "Nothing has all of these words; these come nearest"
NOT_SYNCED = "Run python -m embeddings sync"


@dataclass(frozen=True)
class SearchResult:
    """One pull request or file change that was found.

    Attributes:
        score: 0–1, comparable within one search only.
        passage: the part of its text that matches the query best.
        risk_score: 0–10, of the pull request, or of the file.
        file_path: the file; None for a pull request.
        route: how it was found: direct, lexical, dense or hybrid.
    """

    score: float
    url: str
    title: str
    author: str
    merged_at: datetime | None
    risk_score: float
    passage: str
    repo_name: str
    pr_number: int
    file_path: str | None
    route: str

    def to_json(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        values = asdict(self)
        values["merged_at"] = self.merged_at.astimezone(UTC).isoformat() if self.merged_at else None
        return values


@dataclass(frozen=True)
class SearchAnswer:
    """The results, best first, and how they were found.

    Attributes:
        explanation: for people, a line per step.
        note: what to know of the results, for people: what of the query or the filters the marts do not know, or that
            none of its words occur; empty for nothing.
    """

    route: str
    results: list[SearchResult]
    explanation: list[str]
    note: str = ""


def search(
    query: str,
    *,
    kind: Kind = "pr",
    filters: Filters = EVERYTHING,
    limit: int = 10,
    settings: Settings | None = None,
) -> list[SearchResult]:
    """Find pull requests, or file changes, by what they are about.

    Args:
        query: words in any language, a pull request's number or URL, `@login`, or a path.
        kind: `pr` or `file`.
        filters: what to narrow it to.
        limit: how many results at most.
        settings: where the warehouse and Milvus are; read from the environment if None.

    Raises:
        PlimsollError: nothing was synced yet, or a service failed.
    """
    with Searcher.open(settings or load_settings()) as searcher:
        return searcher.search(query, kind=kind, filters=filters, limit=limit).results


class Searcher:
    """A search that stays open for many queries, of several threads if need be.

    Args:
        settings: where everything is.
        connection: the warehouse.
    """

    def __init__(self, settings: Settings, connection: PsycopgConnection) -> None:
        self._settings = settings
        self._use(connection)
        self._store: Store | None = None
        self._encoder: Encoder | None = None
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._opening = Lock()
        self._names: dict[str, tuple[str, float]] = {}

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect to the warehouse; Milvus and the model are opened by the first query that needs them."""
        return cls(settings, postgres.connect(settings, autocommit=True))

    def _use(self, connection: PsycopgConnection) -> None:
        self._connection = connection
        self._lexical_indexes = {
            alias: LexicalIndex(connection, collection) for alias, collection in COLLECTIONS.items()
        }

    def __enter__(self) -> Self:
        """Nothing to do: it is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._pool.shutdown()
        self._connection.close()
        if self._store is not None:
            self._store.close()

    def search(self, query: str, *, kind: Kind = "pr", filters: Filters = EVERYTHING, limit: int = 10) -> SearchAnswer:
        """Answer a query; see `search`."""
        return self._answered(lambda: self._search(query, kind, filters, limit), limit)

    def _answered(self, ask: Callable[[], SearchAnswer], limit: int) -> SearchAnswer:
        """What `ask` finds; once more on a new connection if the warehouse was restarted since the last search."""
        if not 1 <= limit <= MOST_RESULTS:
            raise PlimsollError(f"the limit is {limit}", remedy=f"Ask for 1 to {MOST_RESULTS:,} results")
        used = self._connection
        try:
            return ask()
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            raise PlimsollError("nothing has been embedded yet", remedy=NOT_SYNCED) from None
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            if not used.closed:
                raise postgres.explained(error) from None
        with self._opening:
            # unless another thread has done so
            if self._connection is used:
                self._use(postgres.connect(self._settings, autocommit=True))
        return ask()

    def _search(self, query: str, kind: Kind, filters: Filters, limit: int) -> SearchAnswer:
        collection = KINDS.get(kind)
        if collection is None:
            raise PlimsollError(f"there is nothing of kind {kind!r}", remedy=f"Ask for {' or '.join(KINDS)}")
        query = cut_bytes(query.replace("\x00", " "), QUERY_BYTES).strip()
        if not query:
            raise PlimsollError("the query is empty", remedy="Say what to look for", exit_code=EXIT_USAGE)
        explanation: list[str] = []
        route = routes.choose(query, lambda word: self._is_login(word, explanation))
        explanation.append(f"route {route.name}: {route.reason}")
        try:
            filters = with_stored_names(self._connection, filters)
            if route.author is not None:
                author = with_stored_names(self._connection, Filters(author=route.author)).author
                route = replace(route, author=author)
        except UnknownNameError as error:
            return SearchAnswer(route.name, [], [*explanation, str(error)], str(error))
        if route.name == "direct":
            rows_found = answer(self._connection, collection, route, filters, limit)
            if rows_found or route.is_certain:
                explanation.append(f"answered by the marts in SQL: {len(rows_found)} rows")
                is_missing = not rows_found and route.number is not None and filters == EVERYTHING
                note = "the marts have no such pull request" if is_missing else ""
                return SearchAnswer("direct", _direct_results(collection, rows_found, route), explanation, note)
            explanation.append("the marts have nothing of that name")
            route = routes.in_words(query)
            explanation.append(f"route {route.name}: {route.reason}")
        return self._ranked(collection, query, route, filters, limit, explanation)

    def similar(self, repo_name: str, number: int, *, filters: Filters = EVERYTHING, limit: int = 10) -> SearchAnswer:
        """The pull requests that are most like a given one, itself left out.

        Raises:
            PlimsollError: it is not in the collection.
        """
        return self._answered(lambda: self._similar(repo_name, number, filters, limit), limit)

    def _similar(self, repo_name: str, number: int, filters: Filters, limit: int) -> SearchAnswer:
        with suppress(UnknownNameError):
            repo_name = with_stored_names(self._connection, Filters(repo_name=repo_name)).repo_name or repo_name
        id = f"{repo_name}#{number}"
        found = self._asked(PR_INDEX, lambda name: self.store.get(name, [id], ["id", "vector"]))
        if not found:
            if rows.rows_by_key(self._connection, PR_INDEX, [_key(id)]):
                raise PlimsollError("the pull request is not among the vectors", where=id, remedy=NOT_SYNCED)
            raise PlimsollError("the marts have no such pull request", where=id, remedy="Check its number and name")
        explanation = [f"route dense: the vectors nearest to that of {id}"]
        try:
            filters = with_stored_names(self._connection, filters)
        except UnknownNameError as error:
            return SearchAnswer("dense", [], [*explanation, str(error)], str(error))
        expression = " and ".join(part for part in (filters.expression(), f"id != {literal(id)}") if part)
        depth = max(DEPTH, limit)
        nearest = self._asked(PR_INDEX, lambda name: self.store.search(name, found[0]["vector"], expression, depth))
        # opposite vectors have a cosine of -1, the same ones by rounding a little more than 1
        hits = [(hit, min(max(cosine, 0.0), 1.0)) for hit, cosine in nearest]
        results = self._results(PR_INDEX, hits, "dense", self._text(id), filters, limit)
        return SearchAnswer("dense", results, explanation)

    def _text(self, id: str) -> str:
        """A pull request's title and body; empty if it has left the marts."""
        for row in rows.rows_by_key(self._connection, PR_INDEX, [_key(id)]):
            parts = pull_request_document(row).parts
            return "\n".join(parts.get(part, "") for part in ("title", "body"))
        return ""

    @property
    def store(self) -> Store:
        """Milvus, opened when it is first needed."""
        with self._opening:
            if self._store is None:
                self._store = Store.open(self._settings)
            return self._store

    @property
    def encoder(self) -> Encoder:
        """The model, loaded when it is first needed."""
        with self._opening:
            if self._encoder is None:
                self._encoder = choose(self._settings, HURRIED)
            return self._encoder

    def _is_login(self, word: str, explanation: list[str]) -> bool:
        """Whether a word is a login and no word of a title, as `docs` or `release` may be."""
        try:
            with_stored_names(self._connection, Filters(author=word))
        except UnknownNameError:
            return False
        with self._connection.cursor() as cursor:
            rows.execute(cursor, IN_A_TITLE, (re.escape(word),))
            (is_word,) = cursor.fetchone() or (False,)
        if is_word:
            explanation.append(f"{word} is a login and a word of titles: write @{word} for what this person opened")
        return not is_word

    def _ranked(
        self, collection: Collection, query: str, route: Route, filters: Filters, limit: int, explanation: list[str]
    ) -> SearchAnswer:
        named_terms = ", ".join(dict.fromkeys(terms(query))) or "(none)"
        # whole layers, see below
        depth = math.ceil(limit / DEPTH) * DEPTH
        index, condition = self._lexical_indexes[collection.alias], filters.condition(collection)
        if route.name == "lexical":
            lexical = self._pool.submit(
                index.search, terms(query), condition, depth, needs_all=route.is_phrase
            ).result()
            if lexical:
                explanation.append(f"lexical: {len(lexical)} documents for the terms {named_terms}")
                hits = fuse(lexical, [])
                return SearchAnswer(
                    "lexical", self._results(collection, hits, "lexical", query, filters, limit), explanation
                )
            explanation.append(f"lexical: no document has the terms {named_terms}")
        # the lexical leg is Postgres' work: it runs while the query is embedded and Milvus searches
        pending = self._pool.submit(index.search, query_terms(query), condition, depth)
        dense = self._dense(collection, query, filters, depth)
        lexical = pending.result()
        name = "hybrid" if lexical else "dense"
        explanation.append(f"lexical: {len(lexical)} documents for the terms {named_terms}")
        explanation.append(f"dense: {len(dense)} documents by {self.encoder.model}")
        if lexical:
            explanation.append(f"fused: the best of each leg is 1, dense counts {DENSE_WEIGHT:g} times")
        fused = fuse(lexical[:DEPTH], dense[:DEPTH])
        # more results must not change the first ones: what is deeper comes after them, layer by layer
        for start in range(DEPTH, depth, DEPTH):
            layer, first = slice(start, start + DEPTH), {id for id, _ in fused}
            fused += [(id, 0.0) for id, _ in fuse(lexical[layer], dense[layer]) if id not in first]
        results = self._results(collection, fused, name, query, filters, limit)
        note = NO_WORD_FOUND if not lexical else NOT_ALL_FOUND if route.is_phrase else ""
        return SearchAnswer(name, results, explanation, note if results else "")

    def _dense(self, collection: Collection, query: str, filters: Filters, depth: int) -> list[tuple[str, float]]:
        # before the query is embedded, for which a server may want money
        self._collection_name(collection)
        vector = self.encoder.encode([query])[0]
        if vector is None:
            return []
        return self._asked(
            collection, lambda name: self.store.search(name, vector.tolist(), filters.expression(), depth)
        )

    def _asked(self, collection: Collection, ask: Callable[[str], Answer]) -> Answer:
        """What `ask` says of the collection behind the alias, whose name it is given."""
        name = self._collection_name(collection)
        try:
            return ask(name)
        except PlimsollError:
            # a sync may have put another in its place since it was looked up
            self._names.clear()
            if self._collection_name(collection) == name:
                raise
            return ask(self._collection_name(collection))

    def _collection_name(self, collection: Collection) -> str:
        """The collection behind the alias, which must be of the model that embeds the query."""
        known, looked_up = self._names.get(collection.alias, ("", 0.0))
        if known and time.monotonic() - looked_up < ALIAS_SECONDS:
            return known
        name = self.store.alias_target(collection.alias)
        if name is None:
            raise PlimsollError(f"the collection {collection.alias} does not exist yet", remedy=NOT_SYNCED)
        # asked once of each, since the lexical leg keeps the connection busy
        if name != known and not is_of(self._connection, collection, name, self.encoder.model, self.encoder.dimension):
            raise PlimsollError(
                f"the collection {collection.alias} was not embedded with {self.encoder.model}",
                remedy=f"{NOT_SYNCED}, or set EMBEDDING_MODEL to the model that was used",
            )
        self._names[collection.alias] = name, time.monotonic()
        return name

    def _results(
        self,
        collection: Collection,
        hits: Sequence[tuple[str, float]],
        route: str,
        query: str,
        filters: Filters,
        limit: int,
    ) -> list[SearchResult]:
        """The first hits with what the marts know of them now.

        Milvus knows what was so at the last sync: what has left the marts since, or meets the filters no more, drops
        out, and those behind it move up.
        """
        condition = filters.condition(collection)
        results: list[SearchResult] = []
        for start in range(0, len(hits), limit):
            part = hits[start : start + limit]
            found = {}
            for row in rows.rows_by_key(
                self._connection, collection, [_key(id) for id, _ in part], condition.sql, condition.parameters
            ):
                document = rows.SOURCES[collection.alias].document(row)
                found[document.id] = (row, best_passage(document, query))
            results += [
                _result(collection, found[id][0], score, route, found[id][1]) for id, score in part if id in found
            ]
            if len(results) >= limit:
                break
        return results[:limit]


class UnknownNameError(Exception):
    """A filter names what the marts know in no case, so that nothing can be found."""


def with_stored_names(connection: PsycopgConnection, filters: Filters) -> Filters:
    """The filters with names spelt as the marts spell them, for on GitHub they are the same in any case.

    Raises:
        UnknownNameError: the marts know no such repository, author or language; it says which.
    """
    names = {}
    for name, query in NAME_QUERIES.items():
        if (wanted := getattr(filters, name)) is not None:
            wanted = plain(cut_bytes(wanted, QUERY_BYTES))
            if name == "author":
                # as on GitHub
                wanted = wanted.removeprefix("@")
            with connection.cursor() as cursor:
                rows.execute(cursor, query, {"name": wanted})
                row = cursor.fetchone()
            if row is None:
                raise UnknownNameError(f"the marts know no {NAMED[name]} {wanted!r}")
            names[name] = row[0]
    return replace(filters, **names)


def _key(id: str) -> tuple[Any, ...]:
    """`owner/name#number[:path]` → (repo_name, pr_number[, file_path])."""
    repo_name, _, rest = id.partition("#")
    number, separator, path = rest.partition(":")
    return (repo_name, int(number), path) if separator else (repo_name, int(number))


def _direct_results(collection: Collection, found: Sequence[Mapping[str, Any]], route: Route) -> list[SearchResult]:
    document = rows.SOURCES[collection.alias].document
    results = []
    for row in found:
        passage = best_passage(document(row), "")
        if route.path is not None and collection is PR_INDEX:
            passage = next((path for path in row["file_paths"] or [] if is_on(path, route.path)), passage)
        results.append(_result(collection, row, 1.0, "direct", passage))
    return results


def _result(collection: Collection, row: Mapping[str, Any], score: float, route: str, passage: str) -> SearchResult:
    return SearchResult(
        score=round(score, 4),
        url=row["url"],
        title=row["title"],
        author=row["author"],
        merged_at=row["merged_at"],
        risk_score=float(row["risk_score"]),
        passage=passage,
        repo_name=row["repo_name"],
        pr_number=row["pr_number"],
        file_path=row["file_path"] if collection is FILE_CHANGES else None,
        route=route,
    )
