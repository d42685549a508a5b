"""How fast sync and search are, and what the lexical leg's alternatives would cost.

10,000 pull requests with five files and five comments each are made up from a vocabulary as skewed as real prose,
synced with the static model into Milvus Lite by the command line, and searched with the connection kept open; and once
more with a real server where the package `milvus` is installed (2.3.5, Linux on x86-64).
`MILVUS_URL` measures that server instead of Lite.

    python -m tests.benchmarks.bench_search --pull-requests 10000
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import bm25s
import click
import numpy as np
from psycopg2 import extensions
from rich.console import Console
from rich.table import Table

from embeddings.collections import FILE_CHANGES
from embeddings.filters import Filters
from embeddings.lexical import Condition, LexicalIndex
from embeddings.searching import Searcher
from embeddings.words import terms
from tests.embeddings import marts, milvus_server
from tests.embeddings.marts import Comment, File, PullRequest
from warehouse import cli, postgres
from warehouse.settings import Settings, load_settings

SEED = 20240120
VOCABULARY = 20_000
REPOSITORIES = 20
QUERIES = 100
LITE_MS, SERVER_MS = 150, 40
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"
SUFFIXES = (("py", "Python"), ("ts", "TypeScript"), ("md", "Markdown"), ("go", "Go"), ("sql", "SQL"))


@dataclass(frozen=True)
class Figure:
    """One measured figure, and what it should be."""

    name: str
    value: float
    unit: str
    target: float | None = None


class Prose:
    """Words and sentences as skewed as real ones: the second word half as frequent as the first."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._words = [self._word() for _ in range(VOCABULARY)]
        self._weights = np.cumsum(1 / (np.arange(VOCABULARY) + 10)).tolist()

    def _word(self) -> str:
        syllables = range(self.random.randint(1, 4))
        return "".join(self.random.choice(CONSONANTS) + self.random.choice(VOWELS) for _ in syllables)

    def words(self, count: int) -> str:
        """So many words."""
        return " ".join(self.random.choices(self._words, cum_weights=self._weights, k=count))


def made_up(count: int) -> Iterator[PullRequest]:
    """Pull requests with five files and five comments each."""
    prose = Prose(SEED)
    for number in range(1, count + 1):
        files = []
        for index in range(5):
            suffix, language = SUFFIXES[(number + index) % len(SUFFIXES)]
            path = f"{prose.words(1)}/{prose.words(1)}/{index}_{prose.words(1)}.{suffix}"
            files.append(File(path, prose.random.randint(1, 400), language))
        yield PullRequest(
            number,
            prose.words(prose.random.randint(4, 9)),
            repo_name=f"acme/repository-{number % REPOSITORIES}",
            body=". ".join(prose.words(prose.random.randint(5, 20)) for _ in range(prose.random.randint(0, 8))),
            author=f"author-{number % 97}",
            branch=prose.words(3).replace(" ", "-"),
            commits=[prose.words(6) for _ in range(3)],
            files=files,
            is_merged=number % 5 > 0,
            high_risk=number % 10 == 0,
            comments=[
                Comment(prose.words(prose.random.randint(5, 40)), author=f"author-{prose.random.randrange(97)}")
                for _ in range(5)
            ],
        )


@contextmanager
def warehouse(pull_requests: int) -> Iterator[Settings]:
    """A warehouse of its own with so many pull requests."""
    with tempfile.TemporaryDirectory() as home:
        # the embedded server runs as another account when we are root
        os.chmod(home, 0o755)
        settings = load_settings(PLIMSOLL_HOME=home)
        try:
            with closing(postgres.connect(settings)) as connection:
                marts.create(connection)
                marts.put(connection, made_up(pull_requests))
                connection.autocommit = True
                connection.cursor().execute("analyze")
            yield settings
        finally:
            postgres.stop(settings)


def sync(settings: Settings) -> tuple[float, float]:
    """Run the command line's sync; (seconds, the process's peak memory in MB)."""
    environment = {**os.environ, "PLIMSOLL_HOME": str(settings.home), "MILVUS_URL": settings.milvus_url or ""}
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "embeddings", "sync"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def latencies(search: Callable[[str], object], queries: list[str]) -> tuple[float, float]:
    """(median, 95th percentile) in milliseconds, warm."""
    for query in queries[:5]:
        search(query)
    seconds = []
    for query in queries:
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds) * 1000), float(np.percentile(seconds, 95) * 1000)


def measure(settings: Settings) -> Iterator[Figure]:
    """Every figure, one after the other."""
    seconds, memory = sync(settings)
    yield Figure("first sync", seconds, "s", 120)
    yield Figure("peak memory of a sync", memory, "MB", 1200)
    yield Figure("second sync, nothing changed", sync(settings)[0], "s", 5)
    queries = made_up_queries()
    yield from searches(settings, queries, SERVER_MS if settings.milvus_url else LITE_MS)
    with closing(postgres.connect(settings, autocommit=True)) as connection:
        yield from lexical_alternatives(connection, queries)
    if milvus_server.is_installed() and not settings.milvus_url:
        with milvus_server.running(settings.home) as url:
            on_server = settings.model_copy(update={"milvus_url": url})
            yield Figure("Milvus server: first sync", sync(on_server)[0], "s")
            for figure in searches(on_server, queries, SERVER_MS):
                yield replace(figure, name=f"Milvus server: {figure.name}")


def made_up_queries() -> list[str]:
    """What is asked, of 2 to 8 words."""
    prose = Prose(SEED)
    return [prose.words(prose.random.randint(2, 8)) for _ in range(QUERIES)]


def searches(settings: Settings, queries: list[str], target: float) -> Iterator[Figure]:
    """How long a hybrid search takes, of either kind, with and without a filter."""
    with Searcher.open(settings) as searcher:
        for kind in ("pr", "file"):
            for name, filters in (("", Filters()), (", one repository", Filters(repo_name="acme/repository-3"))):
                median, p95 = latencies(
                    lambda query, kind=kind, filters=filters: searcher.search(query, kind=kind, filters=filters),
                    queries,
                )
                yield Figure(f"warm hybrid search, {kind}{name}: median", median, "ms")
                yield Figure(f"warm hybrid search, {kind}{name}: p95", p95, "ms", target)


def lexical_alternatives(connection: extensions.connection, queries: list[str]) -> Iterator[Figure]:
    """The lexical leg over the file changes as it is, as PostgreSQL's full text, and as a library's index in memory."""
    index = LexicalIndex(connection, FILE_CHANGES)
    yield Figure(
        "lexical, postings: p95", latencies(lambda q: index.search(terms(q), Condition(), 100), queries)[1], "ms"
    )
    with connection.cursor() as cursor:
        cursor.execute("""
            create temp table full_text as
            select documents.id, to_tsvector('english', replace(documents.id, '/', ' ') || ' ' || title) as words
            from search.file_changes_documents as documents
            inner join marts.repo_prs using (repo_name, pr_number);
            create index on full_text using gin (words);
            analyze full_text;
        """)
        full_text = """
            select id, ts_rank(words, query) from full_text, to_tsquery('english', %s) as query
            where words @@ query order by 2 desc limit 100
        """
        p95 = latencies(lambda q: cursor.execute(full_text, (" | ".join(q.split()),)), queries)[1]
        yield Figure("lexical, PostgreSQL's full text: p95", p95, "ms")
        cursor.execute("""
            select documents.id || ' ' || title from search.file_changes_documents as documents
            inner join marts.repo_prs using (repo_name, pr_number)
        """)
        texts = [row[0] for row in cursor.fetchall()]
    started = time.monotonic()
    library = bm25s.BM25()
    library.index([terms(text) for text in texts], show_progress=False)
    yield Figure("lexical, bm25s: making its index, for every change", time.monotonic() - started, "s")
    known = [query for query in queries if terms(query)]
    p95 = latencies(lambda q: library.retrieve([terms(q)], k=100, show_progress=False), known)[1]
    yield Figure("lexical, bm25s: p95", p95, "ms")


@click.command()
@click.option("--pull-requests", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures there, too.")
def main(pull_requests: int, json_path: Path | None) -> None:
    """Measure sync and search."""
    table = Table("figure", "measured", "target")
    figures = []
    with warehouse(pull_requests) as settings:
        for figure in measure(settings):
            click.echo(f"{figure.name}: {figure.value:,.1f} {figure.unit}", err=True)
            figures.append(figure)
            target = "" if figure.target is None else f"≤ {figure.target:,.0f} {figure.unit}"
            table.add_row(figure.name, f"{figure.value:,.1f} {figure.unit}", target)
    Console().print(table)
    document = json.dumps({"pull_requests": pull_requests, "figures": [asdict(figure) for figure in figures]}, indent=2)
    if json_path is None:
        click.echo(document)
    else:
        json_path.write_text(document)


if __name__ == "__main__":
    cli.run(main, "python -m tests.benchmarks.bench_search")
