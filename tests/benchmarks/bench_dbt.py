"""How long dbt takes over N pull requests, and how long analysts wait for an answer.

    python -m tests.benchmarks.bench_dbt --pull-requests 1000000

Everything runs in databases of its own beside the warehouse, made by `raw_bulk` and dropped afterwards. Times are those
of whole dbt processes on the wall clock, start-up included.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.benchmarks import raw_bulk
from warehouse.cli import run
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import ROOT, load_settings

CHANGED = 1_000
QUERY_RUNS = 5
WITHOUT_TESTS = ("build", "--exclude-resource-type", "test", "unit_test")


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: the measurement.
        unit: its unit.
        target: the most it should be.
    """

    name: str
    value: float
    unit: str
    target: float

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target


class Bench:
    """dbt over one database of made-up pull requests.

    Args:
        pull_requests: how many.
        folder: for dbt's target folder.
    """

    def __init__(self, pull_requests: int, folder: Path) -> None:
        self.scale = raw_bulk.Scale(pull_requests)
        self.database = f"plimsoll_bench_{pull_requests}"
        self.target = folder / self.database
        self.settings = load_settings(pgdatabase=self.database)

    @contextmanager
    def warehouse(self, *, keep: bool) -> Iterator[None]:
        """The database with its raw rows; dropped at the end unless `keep`, reused if it is there with them."""
        with closing(connect(load_settings(), autocommit=True)) as administrator, administrator.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (self.database,))
            if cursor.fetchone() is None:
                cursor.execute(f"create database {self.database}")
                with closing(connect(self.settings)) as connection, connection:
                    raw_bulk.load(connection, self.scale)
                cursor.execute("checkpoint")
            try:
                yield
            finally:
                if not keep:
                    cursor.execute(f"drop database {self.database} with (force)")

    def dbt(self, *arguments: str, repository: str = "") -> float:
        """Run one dbt command, its analyses about one repository if one is named; return its wall-clock seconds."""
        variables = {"as_of_date": f"{raw_bulk.UNTIL:%Y-%m-%d}"} | ({"repo_name": repository} if repository else {})
        command = [
            sys.executable, "-m", "dbt.cli.main", "--quiet", "--no-use-colors", *arguments,
            "--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT),
            "--target-path", str(self.target), "--log-path", str(self.target),
            "--vars", json.dumps(variables),
        ]  # fmt: skip
        environment = {**os.environ, **self.settings.database.environment(), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        started = time.perf_counter()
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if result.returncode:
            said = (result.stdout + result.stderr).strip()
            raise PlimsollError(f"dbt {arguments[0]} failed: {said[-2000:]}", where=self.database)
        return seconds

    def full_build(self) -> float:
        """Seconds of a full build."""
        return self.dbt(*WITHOUT_TESTS, "--full-refresh")

    def incremental_build(self) -> float:
        """Seconds of a build after a thousand pull requests changed."""
        with closing(connect(self.settings)) as connection, connection:
            raw_bulk.change(connection, self.scale, CHANGED)
        return self.dbt(*WITHOUT_TESTS)

    def data_tests(self) -> float:
        """Seconds of all data tests."""
        return self.dbt("test", "--exclude-resource-type", "unit_test")

    def parse(self) -> float:
        """Seconds of a parse in which nothing changed."""
        self.dbt("parse")
        return self.dbt("parse")

    def slowest_models(self) -> dict[str, float]:
        """Seconds of the ten slowest nodes of the last dbt command."""
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        times = {result["unique_id"].split(".", 2)[2]: result["execution_time"] for result in results}
        return dict(sorted(times.items(), key=lambda item: -item[1])[:10])

    def queries(self, repository: str = "") -> dict[str, float]:
        """Milliseconds of each analysis, warm: the median of a few runs after one that is not counted."""
        self.dbt("compile", "--select", "resource_type:analysis", repository=repository)
        answers = {}
        with closing(connect(self.settings)) as connection, connection.cursor() as cursor:
            for path in sorted((self.target / "compiled" / "plimsoll" / "analyses").glob("*.sql")):
                statement = path.read_text()
                times = []
                for _ in range(QUERY_RUNS + 1):
                    started = time.perf_counter()
                    cursor.execute(statement)
                    cursor.fetchall()
                    times.append(1000 * (time.perf_counter() - started))
                answers[path.stem] = statistics.median(times[1:])
        return answers

    def busiest_repository(self) -> str:
        """The repository with the most pull requests."""
        with closing(connect(self.settings)) as connection, connection.cursor() as cursor:
            cursor.execute("select repo_name from marts.repo_prs group by 1 order by count(*) desc, 1 limit 1")
            [name] = cursor.fetchone()
        return str(name)


def measure(pull_requests: int, folder: Path, *, keep: bool) -> tuple[list[Figure], dict[str, dict[str, float]]]:
    """Measure everything; return the figures and, behind them, the times of single models and queries."""
    smaller = Bench(max(1, pull_requests // 10), folder)
    with smaller.warehouse(keep=keep):
        small = smaller.full_build()
    bench = Bench(pull_requests, folder)
    with bench.warehouse(keep=keep):
        full = bench.full_build()
        details = {"full build, seconds": bench.slowest_models()}
        incremental = bench.incremental_build()
        details["incremental build, seconds"] = bench.slowest_models()
        tests = bench.data_tests()
        details["data tests, seconds"] = bench.slowest_models()
        details["queries over all repositories, milliseconds"] = bench.queries()
        # what a team asks is about its repository; the busiest one is the hardest
        queries = details["queries, milliseconds"] = bench.queries(bench.busiest_repository())
        parse = bench.parse()
    figures = [
        Figure("full build without tests", full, "s", 240),
        Figure(f"growth from {pull_requests // 10:,} pull requests", full / small, "×", 12),
        Figure(f"incremental build after {CHANGED:,} changes", incremental, "s", 25),
        Figure("the same, of the full build", 100 * incremental / full, "%", 10),
        Figure("data tests", tests, "s", 120),
        Figure(f"the {len(queries)} analyst queries, median", statistics.median(queries.values()), "ms", 50),
        Figure("the slowest of them", max(queries.values()), "ms", 500),
        Figure("dbt parse, partial", parse, "s", 4),
    ]
    return figures, details


def show(figures: list[Figure], details: dict[str, dict[str, float]], pull_requests: int) -> None:
    """Print the figures beside their targets, and what is behind them."""
    console = Console()
    table = Table(title=f"dbt over {pull_requests:,} pull requests")
    for heading in ("figure", "measured", "target", ""):
        table.add_column(heading, justify="left" if heading in ("figure", "") else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            f"≤ {figure.target:,.0f} {figure.unit}",
            "met" if figure.is_met else "missed",
        )
    console.print(table)
    for title, values in details.items():
        console.print(f"{title}: " + ", ".join(f"{name} {value:,.1f}" for name, value in values.items()))


@click.command()
@click.option("--pull-requests", type=click.IntRange(10), default=100_000, show_default=True)
@click.option("--keep", is_flag=True, help="Keep the databases, and use them again next time.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too."
)
def main(pull_requests: int, keep: bool, json_path: Path | None) -> None:
    """Measure dbt over made-up pull requests."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        figures, details = measure(pull_requests, Path(folder), keep=keep)
    show(figures, details, pull_requests)
    if json_path:
        measured = [{**asdict(figure), "is_met": figure.is_met} for figure in figures]
        json_path.write_text(
            json.dumps({"pull_requests": pull_requests, "figures": measured, "details": details}, indent=2)
        )


if __name__ == "__main__":
    run(main, "python -m tests.benchmarks.bench_dbt")
