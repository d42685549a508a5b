"""The pipeline: packages of an extraction into `raw_github`, one after the other, each a load of its own."""

import fcntl
import logging
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import dlt

from ingestion import DATASET
from ingestion.copying import CopyConnection, CopyingPostgres
from ingestion.database import connected, in_short
from ingestion.ledger import Ledger
from ingestion.raw_store import LOCK_CLASS, RawStore
from ingestion.sources.github import package_source
from ingestion.sources.github.access import connect_to_github
from ingestion.sources.github.client import GitHubClient, NotFoundError
from ingestion.sources.github.extraction import Extraction
from ingestion.sources.github.owners import Candidate, repositories_of, selected
from ingestion.sources.github.packages import Package
from ingestion.sources.github.reports import Options, Progress, Report, Step
from warehouse import postgres
from warehouse.errors import EXIT_USAGE, PlimsollError, one_line
from warehouse.settings import Settings

logger = logging.getLogger(__name__)

PIPELINE = "github"
LOADING_LOCK = (LOCK_CLASS, 0)
"""Advisory lock around a load: all runs share dlt's staging tables and its state."""
_OWNER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_NAME = re.compile(rf"{_OWNER.pattern}/[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Selection:
    """Which repositories to load.

    Attributes:
        repositories: `owner/name`, each.
        owners: organisations or users with all their repositories.
        include: shell patterns; an owner's repository must match one, if there are any.
        exclude: shell patterns that an owner's repository must not match.
        archived: take an owner's archived repositories, too; those in the tables are taken anyway.
        forks: take an owner's forks, too; likewise.
    """

    repositories: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    archived: bool = False
    forks: bool = False


@dataclass
class Outcome:
    """What a run came to.

    Attributes:
        reports: per repository.
        pull_requests: loaded, whole.
        rows: loaded, of all tables.
        was_stopped: whether it was asked to end early.
    """

    run_id: str
    reports: list[Report] = field(default_factory=list)
    pull_requests: int = 0
    rows: int = 0
    was_stopped: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every repository is loaded to its end."""
        return not self.was_stopped and all(report.status in ("done", "partial") for report in self.reports)


def load(settings: Settings, selection: Selection, options: Options, progress: Progress | None = None) -> Outcome:
    """Load repositories into the raw tables.

    Interrupted once (Ctrl-C), it loads what it has in hand and ends; interrupted again, it ends at once. Either way,
    and after a kill, the next run does what is missing.

    Args:
        settings: where GitHub and Postgres are.
        selection: which repositories.
        options: how to run.
        progress: told what happens.

    Returns:
        What was done; failures of single repositories are in its reports.

    Raises:
        PlimsollError: nothing could be loaded at all.
    """
    stop = threading.Event()
    with (
        # threads share this connection; its locks end with it, however the process ends
        connected(settings) as connection,
        _stopping_at_interrupt(stop),
        open_pipeline(settings) as pipeline,
        connect_to_github(settings, stop=stop, max_in_flight=options.workers) as client,
    ):
        ledger, store = Ledger(connection, DATASET), RawStore(connection, DATASET)
        candidates, unreadable, probe = candidates_of(client, selection, store)
        names = [candidate.name for candidate in candidates]
        ledger.open([*names, *(report.repository for report in unreadable)])
        outcome = Outcome(ledger.run_id)
        if probe.listed:
            ledger.close(Report("*", status="done", steps=[probe]))
        for report in unreadable:
            ledger.close(report)
            outcome.reports.append(report)
        memory = Memory(pipeline, store)
        loader = Loader(pipeline, memory, store, ledger, connection, outcome)
        try:
            remembered = memory.restored()
            if options.keep_emails and not options.full_refresh and any(store.repository(name) for name in names):
                logger.warning(
                    "--with-emails keeps the addresses of what this run reads; add --full-refresh to read again what "
                    "did not change"
                )
            extraction = Extraction(client, candidates, store, remembered, options, stop, progress)
            for package in extraction.packages():
                loader.load(package)
        except Exception as error:
            ledger.fail(one_line(str(error)))
            raise
        if extraction.accounts is not None:
            ledger.close(Report("*", status="done", steps=[extraction.accounts]))
        outcome.was_stopped = any(report.status == "stopped" for report in outcome.reports)
        return outcome


def candidates_of(
    client: GitHubClient, selection: Selection, store: RawStore
) -> tuple[list[Candidate], list[Report], Step]:
    """The repositories to read, the owners that could not be read, and what looking cost.

    A repository of the tables that its owner no longer lists is among them: reading it tells what has become of it.
    """
    candidates = [Candidate(name) for name in selection.repositories]
    unreadable = []
    probe = Step("probe")
    for owner in selection.owners:
        try:
            found = list(repositories_of(client, owner, probe.spent))
        except NotFoundError as error:
            message = f"GitHub has no such organisation or user, or the token may not see it ({error}). Check the name"
            unreadable.append(Report(owner, status="unreadable", steps=[Step("probe")], error=message))
            continue
        except PlimsollError as error:
            unreadable.append(Report(owner, status="failed", steps=[Step("probe")], error=str(error)))
            continue
        probe.listed += len(found)
        # what was loaded once is kept up: the last changes of a repository come just before it is archived
        known = store.known_repositories([c.id for c in found if c.id])
        wanted = [
            c
            for c in found
            if c.id in known or ((selection.archived or not c.is_archived) and (selection.forks or not c.is_fork))
        ]
        wanted += [Candidate(name) for name in store.missing_repositories(owner, [c.id for c in found if c.id])]
        chosen = selected(wanted, selection.include, selection.exclude)
        if not chosen:
            message = (
                f"none of its {len(found)} repositories is to be loaded. "
                "Check --include, --exclude, --archived and --forks, and what the token may see"
            )
            unreadable.append(Report(owner, status="failed", steps=[Step("probe")], error=message))
        candidates += chosen
    probe.finish()
    return list({candidate.name.lower(): candidate for candidate in candidates}.values()), unreadable, probe


class Memory:
    """What earlier runs remembered per repository; dlt keeps it in the dataset, as the state of its pipeline.

    Args:
        pipeline: whose state it is.
        store: the raw tables as they are.
    """

    def __init__(self, pipeline: dlt.Pipeline, store: RawStore) -> None:
        self._pipeline = pipeline
        self._store = store
        self._version: str | None = None

    def restored(self) -> dict[str, dict[str, Any]]:
        """What is remembered by now, of whichever run."""
        version = self._store.state_version(self._pipeline.pipeline_name)
        if version is None:
            return {}
        # reading everything back takes dlt as long as a small load
        if version != self._version:
            self._pipeline.sync_destination()
            self._version = version
        sources = self._pipeline.state.get("sources", {})
        return dict(sources.get("github", {}).get("repositories", {}))

    def stored(self) -> None:
        """Take note that this run has just stored the state itself, and nobody else could have since."""
        self._version = self._store.state_version(self._pipeline.pipeline_name)


class Loader:
    """Loads packages and keeps the ledger.

    Args:
        pipeline: loads.
        memory: its state.
        store: the raw tables as they are.
        ledger: takes what was done.
        connection: in autocommit mode; holds the lock around each load.
        outcome: is filled as packages are loaded.
    """

    def __init__(
        self,
        pipeline: dlt.Pipeline,
        memory: Memory,
        store: RawStore,
        ledger: Ledger,
        connection: Any,
        outcome: Outcome,
    ) -> None:
        self._pipeline = pipeline
        self._memory = memory
        self._store = store
        self._ledger = ledger
        self._connection = connection
        self._outcome = outcome
        self._is_prepared = False

    def load(self, package: Package) -> None:
        """Load one package and write down the repositories that it completes.

        Raises:
            PlimsollError: Postgres does not take it; nothing of it counts as loaded.
        """
        first = not self._store.exists("pull_requests")
        if not package.is_empty or first:
            self._load(package)
        for report in package.reports:
            self._ledger.close(report)
            self._outcome.reports.append(report)

    def _load(self, package: Package) -> None:
        try:
            with self._alone():
                # dlt writes its state whole: what another run has remembered since goes into it
                self._memory.restored()
                self._pipeline.extract(package_source(package))
                # before the load: a kill between loses no letter
                self._ledger.set_aside(package.letters)
                self._pipeline.normalize()
                self._pipeline.load(raise_on_failed_jobs=True)
                self._memory.stored()
        except Exception as error:
            cause: BaseException = error
            while cause.__cause__ is not None or cause.__context__ is not None:
                cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
            # a driver's complaint may quote what it was given
            reason = postgres.without_password(in_short(cause), self._connection.info.password)
            raise PlimsollError(
                f"a package could not be loaded ({type(cause).__name__}: {reason})",
                where=DATASET,
                remedy="Nothing of it counts as loaded; mend the cause and run again",
            ) from error
        self._ledger.loaded(package.settled)
        self._outcome.pull_requests += len(package.ids)
        self._outcome.rows += package.row_count
        if not self._is_prepared:
            self._store.prepare()
            self._is_prepared = True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s, %s)", LOADING_LOCK)
            try:
                yield
            finally:
                cursor.execute("select pg_advisory_unlock(%s, %s)", LOADING_LOCK)


@contextmanager
def open_pipeline(settings: Settings) -> Iterator[dlt.Pipeline]:
    """The dlt pipeline, with everything configured here rather than in files."""
    dlt.config["runtime.dlthub_telemetry"] = False
    # dlt would break off a load in the middle; ours is finished first
    dlt.config["runtime.intercept_signals"] = False
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    # the loader's jobs wait for Postgres; more at once than tables help nothing
    dlt.config["load.workers"] = 4
    dlt.config["load.delete_completed_jobs"] = True
    dlt.config["load.raise_on_max_retries"] = 1
    with working_folder(settings.home) as folder, closing(CopyConnection()) as connection:
        pipeline = dlt.pipeline(
            PIPELINE,
            pipelines_dir=str(folder),
            destination=CopyingPostgres(settings.database, connection),
            dataset_name=DATASET,
        )
        # what dlt has to say of a failed load, rows and all, is for those who look for its cause; ours is one line.
        # Its own setting comes too late: dlt has read it by the time that it can be set here.
        logging.getLogger("dlt").setLevel(logging.ERROR if settings.log_level == "DEBUG" else logging.CRITICAL)
        yield pipeline


@contextmanager
def working_folder(home: Path) -> Iterator[Path]:
    """A folder for one run's load files.

    Nothing in it is needed once the run ends, however it ends: the tables are the progress. So each run has its own,
    and removes what killed runs left.
    """
    parent = home / "dlt"
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"run-{os.getpid()}"
    with ExitStack() as held:
        with open(parent / ".lock", "a") as cleaning:
            # one at a time: a folder that is just being made is not yet locked
            fcntl.flock(cleaning, fcntl.LOCK_EX)
            _remove_abandoned(parent)
            folder.mkdir(exist_ok=True)
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            fcntl.flock(held.enter_context(open(folder / ".lock", "a")), fcntl.LOCK_EX)
        yield folder


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders whose runs are over."""
    for left in parent.glob("run-*"):
        try:
            with open(left / ".lock", "a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            # its run is under way, or has just removed it
            continue


@contextmanager
def _stopping_at_interrupt(stop: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C end the run in order; the second ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: FrameType | None) -> None:
        logger.warning("interrupted: loading what is in hand, then ending; once more to end at once")
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check_names(repositories: Sequence[str], owners: Sequence[str]) -> None:
    """Refuse malformed names before anything is asked.

    Raises:
        PlimsollError: a repository's name is not `owner/name`, or an owner's is not one word.
    """
    for name in repositories:
        if not _NAME.fullmatch(name):
            raise PlimsollError(
                f"'{name}' is not a repository's name", remedy="Write it as owner/name", exit_code=EXIT_USAGE
            )
    for owner in owners:
        if not _OWNER.fullmatch(owner):
            raise PlimsollError(
                f"'{owner}' is not the name of an organisation or user",
                remedy="Write it as in github.com/NAME; a repository goes with --repo",
                exit_code=EXIT_USAGE,
            )
