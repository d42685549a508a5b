"""Killed at any moment, and run again: the tables end as if it had never happened."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Postgres  # noqa: N812

from ingestion.loading import Loader
from ingestion.sources.github import extraction
from ingestion.sources.github.packages import Package
from tests.databases import database
from tests.github_api import GitHubDouble, Limits, Organisation, sample
from tests.github_api.model import PullRequest
from tests.ingestion import killable
from tests.ingestion.conftest import SMALL, TOKEN, at, at_command_line, run
from tests.ingestion.warehouse_copy import contents, differences, execute, query
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import Settings

READS = ("Hydrate", "HydrateWhole", "Follow", "Details")
MOST_ROUNDS = 18
Change = Callable[[GitHubDouble, int], None]


def write_nothing(api: GitHubDouble, number: int) -> None:
    """Leaves GitHub as it is."""


def write_a_little(api: GitHubDouble, number: int) -> None:
    """Changes twelve pull requests, and deletes one that nothing else ever touches."""
    rows = [row for repository in api.organisation.repositories() for row in repository.pull_requests.values()]
    rows.sort(key=lambda row: row.id)
    ordinary = [row for row in rows if len(row.commits) < 20 and len(row.comments) < 90]
    kept, doomed = ordinary[MOST_ROUNDS:], ordinary[0]
    for row in random.Random(number).sample(kept, 10):
        _change(api, row, number)
    api.mutate.delete(doomed)


def _change(api: GitHubDouble, row: PullRequest, number: int) -> None:
    if row.id.endswith(("A", "B", "C", "D", "E")):
        api.mutate.force_push(row, [f"Round {number}"], row.author)
    else:
        api.mutate.comment(row, row.author, f"Round {number}")


def triggers(rng: random.Random, api: GitHubDouble, watcher: Postgres) -> Iterator[killable.Trigger]:
    """Yields moments to kill a run at: while it lists, while it hydrates, and mostly while it loads."""
    while True:
        yield rng.choices(
            [
                killable.after_requests(api, ("List",), rng.choice((1, 2))),
                killable.after_requests(api, READS, rng.randrange(1, 10)),
                killable.after_writes(watcher, rng.randrange(1, 12)),
            ],
            weights=[1, 2, 4],
        )[0]


@pytest.mark.parametrize(
    ("change", "seed", "kills"),
    [
        pytest.param(write_nothing, 1, 9, id="from nothing"),
        pytest.param(write_a_little, 2, 11, id="with changes between"),
    ],
)
def test_killed_again_and_again_ends_as_if_never(
    home: Path, loaded_template: str, change: Change, seed: int, kills: int
) -> None:
    template = "template1" if change is write_nothing else loaded_template
    with (
        GitHubDouble(sample.build(pull_requests=SMALL), limits=Limits(points=100_000, latency=0.01)) as api,
        database(home, "killed", template=template) as killed,
        database(home, "undisturbed", template=template) as undisturbed,
        closing(connect(killed, autocommit=True)) as watcher,
    ):
        moments = triggers(random.Random(seed), api, watcher)
        killed_so_far = 0
        for number in range(MOST_ROUNDS):
            change(api, number)
            # a run that has little left to do may end before its moment comes
            killed_so_far += killable.kill_when(killable.start(killed, api, TOKEN), next(moments))
            killable.wait_for_the_end_of_sessions(watcher)
            if killed_so_far == kills:
                break
        assert killed_so_far == kills
        assert run(at(killed, api), reconcile=True).is_complete
        assert run(at(undisturbed, api), reconcile=True).is_complete
        assert differences(contents(undisturbed), contents(killed)) == {}
        # and there is nothing more to do
        assert run(at(killed, api), reconcile=True).pull_requests == 0
        assert query(killed, "select * from raw_github.sync_runs where status = 'running'") == []


def test_killed_run_repeats_at_most_a_package(home: Path, settings: Settings) -> None:
    with (
        GitHubDouble(sample.build(pull_requests=SMALL), limits=Limits(latency=0.01)) as api,
        closing(connect(settings, autocommit=True)) as watcher,
    ):
        total = sum(len(repository.pull_requests) for repository in api.organisation.repositories())
        process = killable.start(settings, api, TOKEN)

        def asked_for() -> set[str]:
            reads = [request for request in api.log if request.operation in ("Hydrate", "HydrateWhole")]
            return {node for request in reads for node in (request.variables or {})["ids"]}

        def half_is_loaded() -> bool:
            with watcher.cursor() as cursor:
                cursor.execute("select to_regclass('raw_github._dlt_loads') is not null")
                if cursor.fetchone() != (True,):
                    return False
                cursor.execute("select count(*) from raw_github._dlt_loads where schema_name = 'github'")
                row = cursor.fetchone()
                return row is not None and row[0] >= 3

        assert killable.kill_when(process, half_is_loaded)
        killable.wait_for_the_end_of_sessions(watcher)
        before = asked_for()
        api.log.clear()
        left = [path for path in (home / "dlt").rglob("*") if path.is_file()]
        assert left and not any(TOKEN.encode() in path.read_bytes() for path in left)
        assert run(at(settings, api)).is_complete
        assert len(before | asked_for()) == total
        assert len(before & asked_for()) <= killable.PACKAGE


def test_runs_that_begin_together_keep_their_folders(tmp_path: Path) -> None:
    abandoned = tmp_path / "dlt" / "run-of-a-killed-one"
    abandoned.mkdir(parents=True)
    runs = [killable.begin(killable.enter_working_folders, tmp_path, 300) for _ in range(4)]
    for each in runs:
        each.join()
    assert [each.exitcode for each in runs] == [0] * len(runs)
    assert list((tmp_path / "dlt").glob("run-*")) == []


def test_load_that_postgres_refuses_is_one_line_and_failed_in_the_ledger(settings: Settings, api: GitHubDouble) -> None:
    command = [sys.executable, "-m", "ingestion", "github", "--repo", "harbour-works/quayside"]
    environment = at_command_line(settings, api)
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "Traceback" not in first.stderr
    execute(settings, "alter table raw_github.pull_requests add check (title <> 'Refused')")
    repository = api.organisation.repository("harbour-works/quayside")
    assert repository is not None
    api.mutate.edit(next(iter(repository.pull_requests.values())), title="Refused")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "could not be loaded" in ended.stderr and "Failing row" not in ended.stderr
    text = """select status, finished_at is not null, error like %s from raw_github.sync_runs
              order by started_at desc limit 1"""
    assert query(settings, text, "%could not be loaded%") == [("failed", True, True)]


def test_connection_that_is_cut_ends_the_run_with_what_to_do(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Loader.load

    def cut(self: Loader, package: Package) -> None:
        cutting = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'plimsoll'"
        execute(loaded, f"{cutting} and datname = current_database() and pid <> pg_backend_pid()")
        load(self, package)

    monkeypatch.setattr(Loader, "load", cut)
    with pytest.raises(PlimsollError, match="connection to Postgres was lost.*then run again"):
        run(loaded, "harbour-works/quayside")


def test_load_that_fails_ends_the_run(
    settings: Settings, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Loader, package: Package) -> None:
        raise PlimsollError("the disk is full")

    monkeypatch.setattr(extraction, "PACKAGE_PULL_REQUESTS", 6)
    monkeypatch.setattr(Loader, "load", refuse)
    with GitHubDouble(organisation, limits=Limits(latency=0.02)) as api:
        with pytest.raises(PlimsollError, match="the disk is full"):
            run(at(settings, api), workers=1, batch_size=1)
        deadline = time.monotonic() + 10
        # a thread that waits for what nobody does any more would keep the process alive
        while left := [each for each in threading.enumerate() if each.name.startswith(("repository", "hydrate"))]:
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


def test_interrupt_finishes_the_package_in_hand_and_says_so(settings: Settings, organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(latency=0.5)) as api:
        command = [
            sys.executable,
            "-m",
            "ingestion",
            "github",
            "--org",
            sample.LOGIN,
            "--workers",
            "1",
            "--batch-size",
            "1",
        ]
        process = subprocess.Popen(
            command, env=at_command_line(settings, api), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + killable.PATIENCE_SECONDS
        while sum(request.operation in READS for request in api.log) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - interrupted < 45
        assert process.returncode == 130
        assert "Run the same command again" in errors
        assert "Traceback" not in errors and "StoppedError" not in errors
        api.limits.latency = 0
        assert run(at(settings, api)).is_complete
    statuses = query(settings, "select distinct status from raw_github.sync_runs where status <> 'done'")
    assert statuses == [("stopped",)]
