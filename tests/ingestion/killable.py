"""A run of the ingestion in a process of its own, made to be killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Postgres  # noqa: N812

from ingestion.loading import Selection, load, working_folder
from ingestion.sources.github import extraction
from ingestion.sources.github.reports import Options
from tests.github_api import GitHubDouble, sample
from warehouse.settings import Settings, load_settings

PACKAGE = 12
POLL_SECONDS = 0.002
PATIENCE_SECONDS = 120
SESSIONS = """select count(*) from pg_stat_activity
              where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""
WRITING = "state = 'active' and query ~* '^\\s*(insert|delete|update|copy|create|alter|begin|commit)'"

Trigger = Callable[[], bool]


def load_in_small_packages(values: dict[str, Any]) -> None:
    """Loads the sample organisation, a few pull requests a package, so that there is much to interrupt."""
    Settings.model_config["env_file"] = None
    extraction.PACKAGE_PULL_REQUESTS = PACKAGE
    load(load_settings(**values), Selection(owners=(sample.LOGIN,)), Options(workers=2, batch_size=2, reconcile=True))


def enter_working_folders(home: Path, times: int) -> None:
    """Begins and ends a run's folder again and again."""
    for _ in range(times):
        with working_folder(home) as folder:
            (folder / "package").write_text("")
            assert (folder / ".lock").exists()


def start(settings: Settings, api: GitHubDouble, token: str) -> BaseProcess:
    """Starts a run over the double."""
    values = {
        "PLIMSOLL_HOME": settings.home,
        "pgdatabase": settings.database.dbname,
        "github_api_url": api.url,
        "github_graphql_url": api.graphql_url,
        "github_token": token,
    }
    return begin(load_in_small_packages, values)


def begin(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Starts a process."""
    # children are forked from a process that has imported everything and has no threads
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def kill_when(process: BaseProcess, trigger: Trigger) -> bool:
    """Kills a run, without a chance to clean up, as soon as the trigger says so.

    Returns:
        Whether it was killed; False if it had ended before.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.is_alive() and not trigger():
        assert time.monotonic() < deadline, "the run neither ended nor came to the point at which to kill it"
        time.sleep(POLL_SECONDS)
    was_alive = process.is_alive()
    if was_alive and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return was_alive and process.exitcode == -signal.SIGKILL


def after_requests(api: GitHubDouble, operations: tuple[str, ...], number: int) -> Trigger:
    """Returns a trigger for when so many requests of these operations have come in from now on."""
    begun = len(api.log)

    def is_due() -> bool:
        return sum(request.operation in operations for request in api.log[begun:]) >= number

    return is_due


def after_writes(connection: Postgres, number: int) -> Trigger:
    """Returns a trigger for when a load was seen to be under way so many times.

    Args:
        connection: a connection to the database that is loaded into.
        number: how many times.
    """
    seen = 0

    def is_due() -> bool:
        nonlocal seen
        seen += sessions(connection, WRITING) > 0
        return seen >= number

    return is_due


def sessions(connection: Postgres, condition: str = "true") -> int:
    """Returns how many other sessions the database has."""
    with connection.cursor() as cursor:
        cursor.execute(f"{SESSIONS} and {condition}")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def wait_for_the_end_of_sessions(connection: Postgres) -> None:
    """Waits until Postgres has noticed that the killed process is gone."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sessions(connection):
        assert time.monotonic() < deadline, "Postgres does not end the session of a killed run"
        time.sleep(POLL_SECONDS)
