"""What the extraction costs: requests, points, processor time, time under latency, rows a second into Postgres.

    python -m tests.benchmarks.bench_ingest --pull-requests 10000

Beside each figure stand those of two other ways to get the same data: a reader that asks REST for each pull request's
lists, and our own requests with dlt's default path, which loads rows one by one. GitHub is the tests' double, in a
process of its own, or any server that speaks GitHub's API, with `--api-url` and `--repo`.
"""

import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import dlt
import httpx
import orjson
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from ingestion import DATASET
from ingestion.ledger import Ledger
from ingestion.loading import Loader, Outcome, Selection, load, open_pipeline
from ingestion.raw_store import RawStore
from ingestion.sources.github import tables
from ingestion.sources.github.access import connect_to_github
from ingestion.sources.github.client import Answer, GitHubClient
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.extraction import Extraction
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.packages import Package
from ingestion.sources.github.reports import Options, Report
from tests.benchmarks.rest_reader import HEADERS, read_by_rest
from tests.databases import database
from tests.github_api import GitHubDouble, Limits, sample
from tests.github_api.model import PullRequest
from warehouse import postgres
from warehouse.cli import run
from warehouse.errors import PlimsollError
from warehouse.settings import ROOT, Settings, load_settings

WORKERS = 8
LATENCY_SECONDS = 0.3
CHANGED = 100
REPOSITORY = f"{sample.LOGIN}/quayside"
SAMPLE = 500
"""Pull requests that the slower ways read and load; what one costs them does not depend on how many there are."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: what was measured, with its unit.
        value: what was seen.
        target: what is promised; None where nothing is.
        at_least: whether the target is the least, and not the most.
        rest: the same for a reader of REST that reads all again in every run and loads row by row.
        rows: the same for our requests with dlt's default path, which loads row by row.
    """

    name: str
    value: float
    target: float | None = None
    at_least: bool = False
    rest: float | None = None
    rows: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pull-requests", type=click.IntRange(50), default=10_000, show_default=True, help="How many to make.")
@click.option("--api-url", help="A server that speaks GitHub's API, instead of the tests' double.")
@click.option("--repo", "repository", help="The repository to load from it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(pull_requests: int, api_url: str | None, repository: str | None, as_json: bool) -> None:
    """Measure the extraction."""
    if bool(api_url) != bool(repository):
        raise click.UsageError("--api-url and --repo go together.")
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        home = Path(folder).resolve()
        home.chmod(0o755)
        own = load_settings(PLIMSOLL_HOME=home)
        postgres.start(own)
        try:
            if api_url and repository:
                figures = _measure(home, api_url, repository, None)
            else:
                with _double(pull_requests, 0.0) as (near, _), _double(pull_requests, LATENCY_SECONDS) as (far, _):
                    figures = _measure(home, near, REPOSITORY, far)
        finally:
            postgres.stop(own)
    if as_json:
        click.echo(json.dumps([asdict(figure) | {"is_met": figure.is_met} for figure in figures], indent=2))
    else:
        _show(figures)


def _measure(home: Path, api_url: str, repository: str, far_url: str | None) -> list[Figure]:
    with database(home, "bench_ingest") as made:
        settings = _settings(made, api_url)
        before = time.process_time()
        cold = _load(settings, repository)
        cpu = time.process_time() - before
        again = _load(settings, repository)
    count = sum(step.hydrated for step in cold.steps)
    requests, points = _spent(cold, "requests") / count, _spent(cold, "points") / count
    unchanged = _spent(again, "requests")
    sampled = min(SAMPLE, count)
    rest, loading = _rest_cost(api_url, repository, sampled), _loading(home, api_url, repository, sampled)
    figures = [
        Figure("requests per pull request, cold", requests, 0.06, rest=rest.requests, rows=requests),
        # a request of REST counts one of 5,000 an hour, as a point does
        Figure("points per pull request, cold", points, 0.16, rest=rest.requests, rows=points),
        Figure("requests for an unchanged repository", unchanged, 1, rest=rest.requests * count, rows=unchanged),
        *([] if far_url is None else [_changes(home, rest.requests)]),
        Figure(
            "processor seconds per 1,000 pull requests", 1000 * cpu / count, 4,
            rest=1000 * (rest.processor_seconds + loading.row_by_row_processor_seconds),
            rows=1000 * (loading.extraction_processor_seconds + loading.row_by_row_processor_seconds),
        ),
        Figure(
            "rows a second into Postgres, extraction apart", loading.rows_a_second, 20_000, at_least=True,
            rest=loading.row_by_row_rows_a_second, rows=loading.row_by_row_rows_a_second,
        ),
    ]  # fmt: skip
    if far_url is not None:
        figures += _latency(home, far_url, repository, count, loading)
    return figures


def _load(settings: Settings, repository: str) -> Report:
    """Load a repository; whatever is not loaded to the end would make the figures worthless."""
    outcome = load(settings, Selection((repository,)), Options(workers=WORKERS))
    if not outcome.is_complete:
        raise PlimsollError(f"the repository could not be loaded: {outcome.reports[0].error}", where=repository)
    return outcome.reports[0]


def _settings(made: Settings, api_url: str) -> Settings:
    return made.model_copy(
        update={
            "github_token": load_settings(GITHUB_TOKEN="bench").github_token,
            "github_api_url": api_url,
            "github_graphql_url": f"{api_url}/graphql",
        }
    )


def _spent(report: Report, name: str) -> float:
    return float(sum(getattr(step.spent, name) for step in report.steps))


def _changes(home: Path, rest_requests: float) -> Figure:
    """Requests of a run that finds some pull requests changed; the double runs in this process to be changed.

    They are ordinary ones: lists longer than a page, of which the sample has every kind, take requests of their own.
    """
    rng = random.Random(CHANGED)
    with (
        GitHubDouble(sample.build(pull_requests=4 * CHANGED), limits=Limits(points=1_000_000)) as api,
        database(home, "bench_changes") as made,
    ):
        settings = _settings(made, api.url)
        _load(settings, REPOSITORY)
        found = api.organisation.repository(REPOSITORY)
        assert found is not None
        ordinary = [row for row in found.pull_requests.values() if not any(len(rows) > PAGE for rows in _lists(row))]
        for pull_request in rng.sample(ordinary, CHANGED):
            api.mutate.comment(pull_request, pull_request.author, "One more thing")
        requests = _spent(_load(settings, REPOSITORY), "requests")
        everything = rest_requests * len(found.pull_requests)
    name = f"requests after {CHANGED} pull requests changed"
    return Figure(name, requests, 2 + CHANGED / 25, rest=everything, rows=requests)


def _lists(row: PullRequest) -> Iterator[list[Any]]:
    yield from (row.files, row.commits, row.reviews, row.comments, row.events, row.review_threads)
    yield from (thread.comments for thread in row.review_threads)


def _latency(home: Path, api_url: str, repository: str, count: int, loading: "_Loading") -> list[Figure]:
    """The run's time under latency, from an empty database to the last row loaded, over that of the bare requests.

    Bare are the run's own requests sent again by as many workers, answers thrown away: what GitHub needs to answer is
    in both. Beside it stands the ratio to waiting alone, as if GitHub answered in no time. dlt's default path extracts
    first and loads then; what it and the REST reader need for all is reckoned from the pull requests sampled.
    """
    with database(home, "bench_latency") as made, _recorded() as bodies:
        whole = _timed(lambda: _load(_settings(made, api_url), repository))
    with database(home, "bench_latency") as made:
        extraction = _timed(lambda: _extracted(_settings(made, api_url), repository))
    sampled = min(SAMPLE, count)
    rest = _timed(lambda: read_by_rest(api_url, repository, sampled, WORKERS)) / sampled * count

    def fetch(body: bytes) -> None:
        client.post(f"{api_url}/graphql", content=body).read()

    with (
        httpx.Client(headers=HEADERS, timeout=60) as client,
        concurrent.futures.ThreadPoolExecutor(WORKERS) as pool,
    ):
        bare = _timed(lambda: list(pool.map(fetch, bodies)))
    waiting = len(bodies) * LATENCY_SECONDS / WORKERS
    row_by_row = loading.row_by_row_seconds * count
    name = f"time with {LATENCY_SECONDS * 1000:.0f} ms a request, over that of"
    return [
        Figure(
            f"{name} {what}", whole / seconds, target,
            rest=(rest + row_by_row) / seconds, rows=(extraction + row_by_row) / seconds,
        )
        for what, seconds, target in (("the bare requests", bare, 1.5), ("waiting alone", waiting, None))
    ]  # fmt: skip


@contextmanager
def _recorded() -> Iterator[list[bytes]]:
    """The bodies of the GraphQL requests made meanwhile, in order."""
    bodies: list[bytes] = []
    send = GitHubClient.graphql

    def record(self: GitHubClient, query: str, variables: Mapping[str, Any], **options: Any) -> Answer:
        bodies.append(orjson.dumps({"query": query, "variables": dict(variables)}))
        return send(self, query, variables, **options)

    with patch.object(GitHubClient, "graphql", record):
        yield bodies


@dataclass(frozen=True)
class _RestCost:
    """What reading one pull request by REST costs."""

    requests: float
    processor_seconds: float


def _rest_cost(api_url: str, repository: str, sampled: int) -> _RestCost:
    before = time.process_time()
    requests = read_by_rest(api_url, repository, sampled, WORKERS)
    return _RestCost(requests / sampled, (time.process_time() - before) / sampled)


@dataclass(frozen=True)
class _Loading:
    """What loading costs, our way and dlt's default way; seconds are those of one pull request."""

    rows_a_second: float
    extraction_processor_seconds: float
    row_by_row_rows_a_second: float
    row_by_row_seconds: float
    row_by_row_processor_seconds: float


def _loading(home: Path, api_url: str, repository: str, sampled: int) -> _Loading:
    """Loads all rows our way; row by row takes minutes over all of them, and is as fast over a sample."""
    with database(home, "bench_loading") as made, closing(postgres.connect(made, autocommit=True)) as connection:
        settings = _settings(made, api_url)
        before = time.process_time()
        packages = _extracted(settings, repository)
        extraction = (time.process_time() - before) / sum(package.count for package in packages)
        store, ledger = RawStore(connection, DATASET), Ledger(connection, DATASET)
        ledger.open([repository])
        with open_pipeline(settings) as pipeline:
            outcome = Outcome(ledger.run_id)
            loader = Loader(pipeline, store, ledger, connection, outcome)

            def load_all() -> None:
                for package in packages:
                    loader.load(package)

            ours = _timed(load_all)
        part = _rows_of(packages[0], sampled)
        before = time.process_time()
        theirs = _timed(lambda: _load_rows(settings, part))
        processor = time.process_time() - before
    return _Loading(
        rows_a_second=outcome.rows / ours,
        extraction_processor_seconds=extraction,
        row_by_row_rows_a_second=sum(map(len, part.values())) / theirs,
        row_by_row_seconds=theirs / sampled,
        row_by_row_processor_seconds=processor / sampled,
    )


def _extracted(settings: Settings, repository: str) -> list[Package]:
    """All that there is to load; nothing is loaded."""
    with (
        closing(postgres.connect(settings, autocommit=True)) as connection,
        connect_to_github(settings, max_in_flight=WORKERS) as client,
    ):
        store, options = RawStore(connection, DATASET), Options(workers=WORKERS)
        return list(Extraction(client, [Candidate(repository)], store, {}, options, threading.Event()).packages())


def _rows_of(package: Package, count: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of the package's first pull requests, as dictionaries by table."""
    found = [(table, rows) for table, rows in package.arrow_tables() if table == tables.PULL_REQUESTS or table.is_child]
    ids = next(rows for table, rows in found if table == tables.PULL_REQUESTS)["id"].slice(0, count)
    part = {}
    for table, rows in found:
        owners = rows["pull_request_id" if table.is_child else "id"]
        part[table.name] = [
            {name: value for name, value in row.items() if value is not None}
            for row in rows.filter(pc.is_in(owners, value_set=ids)).to_pylist()
        ]
    return part


def _timed(work: Any) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _load_rows(settings: Settings, rows: Mapping[str, list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench_rows",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(settings.database.dlt_url),
            dataset_name="bench_rows",
        )
        keys = {table.name: table.primary_key for table in tables.TABLES}
        pipeline.run(
            [
                dlt.resource(found, name=name, write_disposition="merge", primary_key=keys[name])
                for name, found in rows.items()
                if found
            ]
        )


@contextmanager
def _double(pull_requests: int, latency: float) -> Iterator[tuple[str, int]]:
    """The sample organisation, enlarged, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "url"
        command = [
            sys.executable, "-m", "tests.github_api", "--pull-requests", str(pull_requests), "--latency", str(latency),
            "--ready-file", str(ready),
        ]  # fmt: skip
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ)
        try:
            deadline = time.monotonic() + 300
            while not ready.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise PlimsollError("the double of GitHub's API did not start")
                time.sleep(0.1)
            yield ready.read_text().strip(), server.pid
        finally:
            server.terminate()
            server.wait()


def _show(figures: list[Figure]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("figure")
    for heading in ("seen", "target", "", "REST reader", "dlt, row by row"):
        table.add_column(heading, justify="right")
    for figure in figures:
        verdict = {None: "", True: "met", False: "missed"}[figure.is_met]
        target = "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {figure.target:,g}"
        seen, *others = (
            "" if value is None else f"{value:,.{4 if value < 1 else 2 if value < 1000 else 0}f}"
            for value in (figure.value, figure.rest, figure.rows)
        )
        table.add_row(figure.name, seen, target, verdict, *others)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    run(main, "python -m tests.benchmarks.bench_ingest")
