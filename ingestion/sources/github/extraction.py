"""A run over repositories: list, diff, hydrate; handed out in packages that can be loaded one by one."""

import fnmatch
import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa

from ingestion.sources.github import patches, tables
from ingestion.sources.github.client import GitHubClient, NotFoundError, Spent, StoppedError
from ingestion.sources.github.hydration import BATCH, CHUNK, BatchSize, DeadLetter, Entry, Hydrated, Hydrator
from ingestion.sources.github.listing import (
    ACCOUNTS_A_REQUEST,
    OVERLAP,
    ListPage,
    PullRequestList,
    changed,
    moment,
    vanished,
)
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.shaping import (
    TOMBSTONE,
    Json,
    Row,
    Rows,
    account_row,
    find_misfits,
    repository_row,
    to_arrow,
)
from ingestion.sources.github.verification import read_accounts, still_there
from warehouse.errors import PlimsollError, one_line

logger = logging.getLogger(__name__)

PACKAGE_PULL_REQUESTS = 2000
PACKAGE_SECONDS = 60.0
"""A package is closed at whichever comes first: so much, and no more, is done again after a kill."""

WHOLE_AT_MOST = 200
"""Up to so many changed pull requests are read in one round, sparing a request; more in two, sparing points."""


class Known(Protocol):
    """What the tables already hold."""

    def repository(self, name: str) -> Row | None:
        """The row of a repository, by its name as stored."""

    def pull_requests(self, repository_id: int) -> dict[int, datetime]:
        """Database id to `updated_at` of those whose rows are complete and which GitHub still had."""

    def to_retry(self, repository_id: int) -> list[Entry]:
        """Pull requests of which something was set aside."""

    def rows(self, table: tables.Table, ids: Sequence[int]) -> list[Row]:
        """Rows of a table by their ids."""

    def accounts(self) -> Mapping[int, Row]:
        """Every account's row by its id."""

    def lock(self, repository_id: int) -> bool:
        """Claim a repository for this run; False if another run has it."""


class Progress(Protocol):
    """Told what happens, for displays."""

    def expect(self, repository: str, pull_requests: int) -> None:
        """So many pull requests are to be hydrated in a repository."""

    def advance(self, repository: str, pull_requests: int) -> None:
        """So many were."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        since: list down to pull requests updated then, not to the watermark.
        until: leave out those updated later.
        full_refresh: hydrate what did not change, too.
        reconcile: read the whole list and look for what is gone.
        batch_size: pull requests a request, at most.
        workers: requests in flight.
        with_patches: load patches; None: as the repository's last run did.
        keep_emails: keep the e-mail addresses of commits.
    """

    since: datetime | None = None
    until: datetime | None = None
    full_refresh: bool = False
    reconcile: bool = False
    batch_size: int = BATCH
    workers: int = 8
    with_patches: bool | None = None
    keep_emails: bool = False

    @property
    def is_ranged(self) -> bool:
        """Whether only a range of dates is asked for, so that nothing can be said of the rest."""
        return self.since is not None or self.until is not None


@dataclass
class Step:
    """What one step of a repository's run did and cost."""

    name: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    listed: int = 0
    hydrated: int = 0
    deleted: int = 0
    rows: int = 0
    spent: Spent = field(default_factory=Spent)

    def finish(self) -> None:
        """Note the time."""
        self.finished_at = datetime.now(UTC)


@dataclass
class Report:
    """A repository's run.

    Attributes:
        repository: its current name, else the name that was asked for.
        status: done, partial, unreadable, busy, failed or stopped.
        error: why it is not done, as one line.
        rereads: numbers of pull requests that were read again because GitHub's counts and the rows differed.
    """

    repository: str
    repository_id: int | None = None
    status: str = "running"
    steps: list[Step] = field(default_factory=list)
    error: str | None = None
    rereads: list[int] = field(default_factory=list)
    letters: int = 0

    def step(self, name: str) -> Step:
        """Begin a step, or go on with it."""
        for step in self.steps:
            if step.name == name:
                return step
        self.steps.append(Step(name))
        return self.steps[-1]


@dataclass
class Package:
    """Rows that are loaded together, whole pull requests only.

    Attributes:
        rows: per raw table.
        ids: the pull requests in it.
        known_ids: those of them that the tables had already.
        letters: what was set aside.
        memory: repository id to what is to be remembered once this package is loaded.
        reports: the repositories that end with this package.
    """

    rows: Rows = field(default_factory=Rows)
    ids: set[int] = field(default_factory=set)
    known_ids: set[int] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load."""
        return not self.memory and not any(self.rows.tables.values())

    def arrow_tables(self) -> Iterator[tuple[tables.Table, pa.Table]]:
        """The rows as Arrow tables, with a tombstone for each child that a known pull request has none of any more.

        A row that does not fit its table is taken out and set aside.
        """
        for table in tables.TABLES:
            rows = self.rows[table]
            try:
                loadable = to_arrow(table, rows + self._tombstones(table))
            except (ValueError, TypeError, OverflowError):
                rows = self._without_misfits(table, rows)
                loadable = to_arrow(table, rows + self._tombstones(table))
            yield table, loadable

    def _tombstones(self, table: tables.Table) -> list[Row]:
        if not table.is_child:
            return []
        without = self.known_ids.difference(row["pull_request_id"] for row in self.rows[table])
        return [{"pull_request_id": number, TOMBSTONE: True} for number in sorted(without)]

    def _without_misfits(self, table: tables.Table, rows: list[Row]) -> list[Row]:
        misfits = {id(row): reason for row, reason in find_misfits(table, rows)}
        owners = {row["id"]: row for row in self.rows[tables.PULL_REQUESTS]}
        for row in rows:
            owner = owners.get(row.get("pull_request_id", row["id"]))
            if id(row) in misfits and owner is not None:
                repository = "/".join(owner["url"].split("/")[3:5])
                self.letters.append(
                    DeadLetter(
                        repository, owner["repository_id"], owner["id"], owner["node_id"], owner["number"],
                        table.name, misfits[id(row)], payload=repr(row)[:10_000],
                    )
                )  # fmt: skip
        kept = [row for row in rows if id(row) not in misfits]
        self.rows.tables[table.name] = kept
        return kept


@dataclass
class _Piece:
    """Hydrated pull requests on their way into a package."""

    hydrated: Hydrated
    known_ids: set[int]


@dataclass
class _End:
    """A repository's run is over."""

    report: Report
    memory: dict[str, Any] | None = None
    rows: Rows = field(default_factory=Rows)


class Extraction:
    """Runs over repositories and hands out packages.

    Args:
        client: talks to GitHub.
        candidates: the repositories.
        known: what the tables hold.
        memory: repository id to what was remembered: `watermark`, `batch_size`, `with_patches`.
        options: how to run.
        stop: set to end early; the package in hand is then still handed out.
        progress: told what happens.
    """

    def __init__(
        self,
        client: GitHubClient,
        candidates: Sequence[Candidate],
        known: Known,
        memory: Mapping[str, Mapping[str, Any]],
        options: Options,
        stop: threading.Event,
        progress: Progress | None = None,
    ) -> None:
        self._client = client
        self._candidates = candidates
        self._known = known
        self._memory = memory
        self._options = options
        self._stop = stop
        self._progress = progress
        # those of earlier runs are asked about again, since a rename touches no pull request
        self._before = dict(known.accounts())
        self._accounts = dict(self._before)
        self._accounts_lock = threading.Lock()
        self._refreshed: set[int] = set()
        # hydrated chunks wait here for the loader; bounded, so that a slow database slows the requests, not fills
        # memory
        self._queue: queue.Queue[_Piece | _End] = queue.Queue(maxsize=2 * options.workers)
        self._requests = ThreadPoolExecutor(options.workers, thread_name_prefix="hydrate")
        self._is_over = False

    def packages(self) -> Iterator[Package]:
        """Run, and yield packages as they fill; a repository's report comes with the package that completes it."""
        open_runs = len(self._candidates)
        repositories = ThreadPoolExecutor(self._options.workers, thread_name_prefix="repository")
        for candidate in self._candidates:
            repositories.submit(self._run, candidate)
        package, opened = Package(), time.monotonic()
        try:
            while open_runs:
                message = self._queue.get()
                if isinstance(message, _Piece):
                    self._add(package, message)
                else:
                    open_runs -= 1
                    package.reports.append(message.report)
                    package.rows.extend(message.rows)
                    if message.memory is not None:
                        package.memory[str(message.report.repository_id)] = message.memory
                is_full = len(package.ids) >= PACKAGE_PULL_REQUESTS
                if package.ids and (is_full or time.monotonic() - opened > PACKAGE_SECONDS):
                    yield self._closed(package)
                    package, opened = Package(), time.monotonic()
            package.rows.extend(self._refresh_others())
            yield self._closed(package)
        finally:
            self._is_over = True
            self._stop.set()
            repositories.shutdown(wait=False, cancel_futures=True)
            self._requests.shutdown(wait=False, cancel_futures=True)

    def _add(self, package: Package, piece: _Piece) -> None:
        hydrated = piece.hydrated
        package.rows.extend(hydrated.rows)
        package.ids |= hydrated.ids
        package.known_ids |= hydrated.ids & piece.known_ids
        package.letters += hydrated.letters

    def _closed(self, package: Package) -> Package:
        """The package with just those accounts that are new or changed."""
        with self._accounts_lock:
            for number, row in package.rows.accounts.items():
                if self._accounts.get(number) != row:
                    self._accounts[number] = row
                    package.rows[tables.USERS].append(row)
        return package

    def hand_over(self, message: "_Piece | _End") -> None:
        """Put a message in the loader's queue, unless nobody reads it any more."""
        while not self._is_over:
            try:
                self._queue.put(message, timeout=0.5)
            except queue.Full:
                continue
            return

    def _refresh_others(self) -> Rows:
        """Ask about accounts that no list has asked about: there are very many, or no repository was listed."""
        rows = Rows()
        spent = Spent()
        while not self._stop.is_set() and (ids := self.take_accounts()):
            try:
                rows.extend(self.refreshed(read_accounts(self._client, ids, spent)))
            except (StoppedError, PlimsollError) as error:
                logger.warning("renamed accounts were not looked for: %s", one_line(str(error)) or "stopped")
                break
        return rows

    def _run(self, candidate: Candidate) -> None:
        """One repository from list to end; whatever happens becomes its report."""
        report = Report(candidate.name)
        end = _End(report)
        try:
            end = _RepositoryRun(self, candidate, report).run()
        except StoppedError:
            report.status, report.error = "stopped", "stopped before it was done; run again to go on"
        except NotFoundError as error:
            report.status = "unreadable"
            report.error = (
                f"GitHub has no such repository, or the token may not see it ({one_line(str(error))}). "
                "Check the name and the token; what is loaded stays"
            )
            end.rows = self._unreadable(candidate.name)
        except PlimsollError as error:
            report.status, report.error = "failed", str(error)
        except Exception as error:
            logger.debug("the failure in full", exc_info=True)
            report.status, report.error = "failed", one_line(f"unexpected {type(error).__name__}: {error}")
        for step in report.steps:
            step.finish()
        self.hand_over(end)

    def _unreadable(self, name: str) -> Rows:
        rows = Rows()
        row = self._known.repository(name)
        if row is not None and row["unreadable_at"] is None:
            rows[tables.REPOSITORIES].append(row | {"unreadable_at": datetime.now(UTC)})
        return rows

    def take_accounts(self) -> list[str]:
        """Node ids of accounts to ask about along with a list, each once a run."""
        with self._accounts_lock:
            due = [
                row
                for number, row in self._before.items()
                if number not in self._refreshed and row["deleted_at"] is None and row["node_id"]
            ][:ACCOUNTS_A_REQUEST]
            self._refreshed.update(row["id"] for row in due)
        return [row["node_id"] for row in due]

    def refreshed(self, accounts: Mapping[str, Json | None]) -> Rows:
        """Rows for accounts that were renamed or have gone since they were loaded."""
        rows = Rows()
        by_node = {row["node_id"]: row for row in self._before.values()} if accounts else {}
        for node_id, node in accounts.items():
            if node is not None:
                row = account_row(node)
            elif node_id in by_node:
                row = by_node[node_id] | {"deleted_at": datetime.now(UTC)}
            else:
                continue
            if by_node.get(node_id) != row:
                rows.accounts[row["id"]] = row
        return rows


class _RepositoryRun:
    """List, diff and hydration of one repository."""

    def __init__(self, extraction: Extraction, candidate: Candidate, report: Report) -> None:
        self._run = extraction
        self._options = extraction._options
        self._candidate = candidate
        self._report = report
        self._listing = report.step("list")
        self._known: dict[int, datetime] = {}
        self._chunks: list[Future[None]] = []
        self._waiting: list[Entry] = []
        self._submitted: set[int] = set()
        self._is_counted = False
        self._lock = threading.Lock()

    def run(self) -> _End:
        """Do it.

        Raises:
            NotFoundError: the repository cannot be read.
            PlimsollError: something failed; what is complete by then is on its way to be loaded.
        """
        options = self._options
        if self._is_unmoved():
            self._report.repository_id, self._report.status = self._candidate.id, "done"
            return _End(self._report)
        stored = self._run._known.repository(self._candidate.name)
        remembered = self._run._memory.get(str(stored["id"]), {}) if stored else {}
        is_first = not remembered.get("watermark")
        # counts cost two points a page, and pay where few pull requests follow
        with_counts = not (is_first or options.full_refresh or options.reconcile)
        listing = PullRequestList(self._run._client, self._candidate.name, self._listing.spent, with_counts=with_counts)
        page = listing.first(self._run.take_accounts())
        repository_id = int(page.repository["databaseId"])
        name = page.repository["nameWithOwner"]
        self._report.repository, self._report.repository_id = name, repository_id
        if not self._run._known.lock(repository_id):
            self._report.status = "busy"
            self._report.error = "another run is loading it; this one leaves it alone"
            return _End(self._report)
        remembered = self._run._memory.get(str(repository_id), remembered)
        rows = self._repository_rows(page, stored)
        self._size = BatchSize(min(options.batch_size, 100), remembered.get("batch_size"))
        self._patches = options.with_patches if options.with_patches is not None else remembered.get("with_patches")
        self._known = self._run._known.pull_requests(repository_id)
        self._hydrator = Hydrator(
            self._run._client, name, repository_id, self._size, self._report.step("hydrate").spent,
            keep_emails=options.keep_emails,
        )  # fmt: skip

        watermark = remembered.get("watermark")
        try:
            self._want(self._run._known.to_retry(repository_id), force=True)
            listed = self._list(listing, page, watermark)
            self._finish_chunks()
            self._look_for_deleted(listed, rows)
        finally:
            # what is under way comes before the end, even of a run that fails
            wait(self._chunks)
        for step in self._report.steps:
            step.finish()
        self._report.status = "partial" if self._report.letters else "done"
        memory = {
            "watermark": self._watermark(page, watermark),
            "batch_size": self._size.current,
            "with_patches": bool(self._patches),
        }
        return _End(self._report, memory if memory != remembered else None, rows)

    def _is_unmoved(self) -> bool:
        """Whether the probe of its owner already says that there is nothing to do."""
        candidate, options = self._candidate, self._options
        if candidate.id is None or options.full_refresh or options.reconcile or options.is_ranged:
            return False
        known = self._run._known
        return (
            self._run._memory.get(str(candidate.id), {}).get("watermark") == candidate.newest
            and (stored := known.repository(candidate.name)) is not None
            and stored["id"] == candidate.id
            and len(known.pull_requests(candidate.id)) == candidate.total
            and not known.to_retry(candidate.id)
        )

    def _repository_rows(self, page: ListPage, stored: Row | None) -> Rows:
        rows = self._run.refreshed(page.accounts)
        row = repository_row(page.repository, page.total)
        found = self._run._known.rows(tables.REPOSITORIES, [row["id"]])
        stored = found[0] if found else stored
        times = ("created_at", "updated_at", "pushed_at")
        comparable = {key: moment(row[key]) if key in times and row[key] else row[key] for key in row}
        if stored != comparable:
            rows[tables.REPOSITORIES].append(row)
        return rows

    def _list(self, listing: PullRequestList, page: ListPage, watermark: str | None) -> set[int] | None:
        """Page the list and submit what changed.

        Returns:
            Every id of the whole list; None where only a part of it was read.
        """
        options = self._options
        read_all = options.reconcile or options.full_refresh or watermark is None
        bottom = options.since
        if bottom is None and watermark is not None and not read_all:
            bottom = moment(watermark) - OVERLAP
        if options.since is not None:
            read_all = False
        listed: set[int] = set()

        def take(entries: list[Entry]) -> bool:
            """Note entries; whether the bottom is reached."""
            wanted = [
                entry
                for entry in entries
                if entry.id not in listed
                and (bottom is None or moment(entry.updated_at) >= bottom)
                and (options.until is None or moment(entry.updated_at) <= options.until)
            ]
            listed.update(entry.id for entry in entries)
            self._listing.listed = len(listed)
            self._want(wanted)
            return bool(bottom is not None and entries and moment(entries[-1].updated_at) < bottom)

        self._is_counted = watermark is None and not options.is_ranged
        if self._is_counted:
            self._expect(max(0, page.total - len(self._known)))
        reached = take(page.newest)
        while not (reached or page.is_last or (read_all and len(listed) >= page.total)):
            if read_all:
                before = len(listed)
                page = listing.both_ends()
                take(page.newest)
                take(page.oldest)
                reached = len(listed) == before
            else:
                page = listing.newer()
                reached = take(page.newest)
        if read_all:
            return listed
        if options.is_ranged:
            return None
        if len(self._known.keys() | listed) != page.total:
            # something is gone, or was never loaded: the counts say so, the whole list says what
            logger.info("%s: %d pull requests in the tables, %d on GitHub; reading the whole list",
                        self._report.repository, len(self._known.keys() | listed), page.total)  # fmt: skip
            bottom = None
            while not page.is_last and len(listed) < page.total:
                before = len(listed)
                page = listing.both_ends()
                take(page.newest)
                take(page.oldest)
                if len(listed) == before:
                    break
            return listed
        return None

    def _expect(self, pull_requests: int) -> None:
        if self._run._progress is not None:
            self._run._progress.expect(self._report.repository, pull_requests)

    def _want(self, entries: list[Entry], *, force: bool = False) -> None:
        """Hydrate those of `entries` that changed, a chunk at a time."""
        wanted = entries if force or self._options.full_refresh else list(changed(entries, self._known))
        wanted = [entry for entry in wanted if entry.id not in self._submitted]
        self._submitted.update(entry.id for entry in wanted)
        self._waiting += wanted
        if wanted and not self._is_counted:
            self._expect(len(wanted))
        # few are kept back, to be read in one round
        while len(self._waiting) >= WHOLE_AT_MOST + CHUNK or (self._chunks and len(self._waiting) >= CHUNK):
            chunk, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            self._submit(chunk, whole=False)

    def _finish_chunks(self) -> None:
        """Hydrate the rest, and wait for all of it.

        Raises:
            PlimsollError: one of the chunks failed.
        """
        has_counts = all(entry.commits is not None for entry in self._waiting)
        whole = has_counts and not self._chunks and len(self._waiting) <= WHOLE_AT_MOST
        width = self._size.current if whole else CHUNK
        for place in range(0, len(self._waiting), width):
            self._submit(self._waiting[place : place + width], whole=whole)
        self._waiting = []
        error: BaseException | None = None
        for chunk in self._chunks:
            error = chunk.exception() or error
        if error is not None:
            raise error

    def _submit(self, entries: list[Entry], *, whole: bool) -> None:
        self._chunks.append(self._run._requests.submit(self._hydrate, entries, whole))

    def _hydrate(self, entries: list[Entry], whole: bool) -> None:
        if self._run._stop.is_set():
            raise StoppedError
        hydrated = self._hydrator.hydrate(entries, whole=whole)
        if self._patches:
            with self._lock:
                step = self._report.step("patches")
            patches.add_patches(self._run._client, self._report.repository, hydrated.rows, step.spent)
        with self._lock:
            step = self._report.step("hydrate")
            step.hydrated += len(hydrated.ids)
            step.rows += sum(len(rows) for rows in hydrated.rows.tables.values())
            self._report.rereads += hydrated.reread
            self._report.letters += len(hydrated.letters)
        if gone := hydrated.gone & self._known.keys():
            self._mark_deleted(gone, hydrated.rows)
        if self._run._progress is not None:
            self._run._progress.advance(self._report.repository, len(entries))
        self._run.hand_over(_Piece(hydrated, set(self._known)))

    def _look_for_deleted(self, listed: set[int] | None, rows: Rows) -> None:
        """Mark what a whole list does not have, after asking GitHub for each: the list moves while it is read."""
        if listed is None:
            return
        missing = vanished(listed, self._known)
        if not missing:
            return
        step = self._report.step("reconcile")
        stored = {row["id"]: row for row in self._run._known.rows(tables.PULL_REQUESTS, sorted(missing))}
        ids = {row["node_id"]: number for number, row in stored.items()}
        alive = still_there(self._run._client, list(ids), int(self._report.repository_id or 0), step.spent)
        gone = {number for node_id, number in ids.items() if node_id not in alive}
        self._mark_deleted(gone, rows)
        moved = [Entry(node_id, ids[node_id], updated_at) for node_id, updated_at in alive.items()]
        self._want(moved)
        self._finish_chunks()

    def _mark_deleted(self, gone: set[int], rows: Rows) -> None:
        now = datetime.now(UTC)
        stored = self._run._known.rows(tables.PULL_REQUESTS, sorted(gone))
        deleted = [row | {"deleted_at": now} for row in stored if row["deleted_at"] is None]
        rows[tables.PULL_REQUESTS].extend(deleted)
        with self._lock:
            self._report.step("reconcile").deleted += len(deleted)

    def _watermark(self, page: ListPage, watermark: str | None) -> str | None:
        """The newest update at the time the list began; a range of dates with an end moves nothing."""
        if self._options.until is not None or not page.newest:
            return watermark
        newest = page.newest[0].updated_at
        return max(newest, watermark) if watermark else newest


def selected(candidates: Sequence[Candidate], include: Sequence[str], exclude: Sequence[str]) -> list[Candidate]:
    """The candidates whose name matches a pattern of `include` (all if there are none) and none of `exclude`.

    Patterns are those of a shell, matched against `owner/name` or the name alone, without regard to case.
    """

    def matches(name: str, patterns: Sequence[str]) -> bool:
        forms = (name.lower(), name.lower().partition("/")[2])
        return any(fnmatch.fnmatchcase(form, pattern.lower()) for form in forms for pattern in patterns)

    return [c for c in candidates if (not include or matches(c.name, include)) and not matches(c.name, exclude)]
