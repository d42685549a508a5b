"""What the extraction costs: requests, points, processor time, time under latency, rows a second into Postgres.

    python -m tests.benchmarks.bench_ingest --pull-requests 10000

Beside each figure stand those of two other ways to read the same data: a reader that asks REST for each pull request's
lists, and dlt's default path, which loads rows one by one. GitHub is the tests' double, in a process of its own, or any
server that speaks GitHub's API, with `--api-url` and `--repo`.
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
from ingestion.sources.github.reports import Options, Report
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
ROW_BY_ROW = 5000
"""Rows of each table that dlt's default path loads."""
REST_SAMPLE = 200
"""Pull requests that the REST reader reads; its requests a pull request do not depend on how many there are."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: what was measured, with its unit.
        value: what was seen.
        target: what is promised; None where nothing is.
        at_least: whether the target is the least, and not the most.
        rest: the same for the REST reader; None where it makes no sense.
        rows: the same for dlt's default path; None where it makes no sense.
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
    rest = _rest_requests(api_url, repository)
    with database(home, "bench_ingest") as made:
        settings = _settings(made, api_url)
        before = time.process_time()
        cold = _load(settings, repository)
        cpu = time.process_time() - before
        again = _load(settings, repository)
    count = sum(step.hydrated for step in cold.steps)
    figures = [
        Figure("requests per pull request, cold", _spent(cold, "requests") / count, 0.06, rest=rest),
        Figure("points per pull request, cold", _spent(cold, "points") / count, 0.16),
        Figure("requests for an unchanged repository", _spent(again, "requests"), 1),
        *([] if far_url is None else [_changes(home)]),
        Figure("processor seconds per 1,000 pull requests", 1000 * cpu / count, 4),
        *_loading(home, api_url, repository),
    ]
    if far_url is not None:
        figures += _latency(home, far_url, repository)
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


def _changes(home: Path) -> Figure:
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
        report = _load(settings, REPOSITORY)
    return Figure(f"requests after {CHANGED} pull requests changed", _spent(report, "requests"), 2 + CHANGED / 25)


def _lists(row: PullRequest) -> Iterator[list[Any]]:
    yield from (row.files, row.commits, row.reviews, row.comments, row.events, row.review_threads)
    yield from (thread.comments for thread in row.review_threads)


def _latency(home: Path, api_url: str, repository: str) -> list[Figure]:
    """The run's time under latency, from an empty database to the last row loaded, over that of the bare requests.

    Bare are the run's own requests sent again by as many workers, answers thrown away: what GitHub needs to answer is
    in both. Beside it stands the ratio to waiting alone, as if GitHub answered in no time.
    """
    with database(home, "bench_latency") as made, _recorded() as bodies:
        whole = _timed(lambda: _load(_settings(made, api_url), repository))

    def fetch(body: bytes) -> None:
        client.post(f"{api_url}/graphql", content=body).read()

    with (
        httpx.Client(headers={"Authorization": "Bearer bench"}, timeout=60) as client,
        concurrent.futures.ThreadPoolExecutor(WORKERS) as pool,
    ):
        bare = _timed(lambda: list(pool.map(fetch, bodies)))
    name = f"time with {LATENCY_SECONDS * 1000:.0f} ms a request, over that of"
    return [
        Figure(f"{name} the bare requests", whole / bare, 1.5),
        Figure(f"{name} waiting alone", whole / (len(bodies) * LATENCY_SECONDS / WORKERS)),
    ]


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


def _loading(home: Path, api_url: str, repository: str) -> list[Figure]:
    """Rows a second into Postgres, extraction apart, our way and dlt's default way."""
    with database(home, "bench_loading") as made, closing(postgres.connect(made, autocommit=True)) as connection:
        settings = _settings(made, api_url)
        store, ledger = RawStore(connection, DATASET), Ledger(connection, DATASET)
        ledger.open([repository])
        with connect_to_github(settings, max_in_flight=WORKERS) as client, open_pipeline(settings) as pipeline:
            candidates, options = [Candidate(repository)], Options(workers=WORKERS)
            packages = list(Extraction(client, candidates, store, {}, options, threading.Event()).packages())
            outcome = Outcome(ledger.run_id)
            loader = Loader(pipeline, store, ledger, connection, outcome)
            seconds = _timed(lambda: [loader.load(package) for package in packages])
        ours = outcome.rows / seconds
        # row by row takes minutes over all of it, and is as fast over a part
        part = {
            table.name: [
                {name: value for name, value in row.items() if value is not None}
                for row in rows.slice(0, ROW_BY_ROW).to_pylist()
            ]
            for table, rows in packages[0].arrow_tables()
        }
        theirs = sum(map(len, part.values())) / _timed(lambda: _load_rows(settings, part))
    return [Figure("rows a second into Postgres, extraction apart", ours, 20_000, at_least=True, rows=theirs)]


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
        pipeline.run(
            [
                dlt.resource(found, name=name, write_disposition="merge", primary_key=tables.BY_NAME[name].primary_key)
                for name, found in rows.items()
                if found
            ]
        )


def _rest_requests(api_url: str, repository: str) -> float:
    """Requests a pull request of a reader that asks for each one's lists."""
    requests = 0
    with httpx.Client(base_url=api_url, headers={"Authorization": "Bearer bench"}, timeout=60) as client:

        def pages(path: str) -> Iterator[list[Any]]:
            nonlocal requests
            page = 1
            while True:
                found = client.get(path, params={"per_page": 100, "page": page, "state": "all"})
                requests += 1
                if found.status_code != httpx.codes.OK:
                    raise PlimsollError(f"{path} answers HTTP {found.status_code}", where=api_url)
                rows = found.json()
                yield rows
                if len(rows) < 100:
                    return
                page += 1

        numbers: list[int] = []
        for rows in pages(f"/repos/{repository}/pulls"):
            numbers += [row["number"] for row in rows]
            if len(numbers) >= REST_SAMPLE:
                break
        numbers = numbers[:REST_SAMPLE]
        for number in numbers:
            for path in (
                "pulls/{}/files",
                "pulls/{}/commits",
                "pulls/{}/reviews",
                "pulls/{}/comments",
                "issues/{}/comments",
            ):
                for _ in pages(f"/repos/{repository}/{path.format(number)}"):
                    pass
    return requests / len(numbers)


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
        others = ("" if value is None else f"{value:,.4g}" for value in (figure.rest, figure.rows))
        table.add_row(figure.name, f"{figure.value:,.4g}", target, verdict, *others)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    run(main, "python -m tests.benchmarks.bench_ingest")
