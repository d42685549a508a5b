"""One repository's part of a run: list, diff against the tables, hydrate what changed, find what is gone."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ingestion.sources.github import patches, tables
from ingestion.sources.github.accounts import AccountBook
from ingestion.sources.github.batch_size import BatchSize
from ingestion.sources.github.client import GitHubClient, NoAccessError, NotFoundError, StoppedError
from ingestion.sources.github.hydration import Hydrator
from ingestion.sources.github.known import Known
from ingestion.sources.github.listing import OVERLAP, SETTLED, ListPage, PullRequestList, changed, moment, vanished
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.packages import Piece
from ingestion.sources.github.pull_requests import Entry
from ingestion.sources.github.reports import Options, Progress, Report
from ingestion.sources.github.shaping import Row, Rows, repository_row
from ingestion.sources.github.verification import is_there, still_there
from warehouse.errors import PlimsollError

logger = logging.getLogger(__name__)


class GoneError(NotFoundError):
    """A public repository is gone, and its pull requests with it."""


@dataclass
class End:
    """A repository's run is over."""

    report: Report
    memory: dict[str, Any] | None = None
    rows: Rows = field(default_factory=Rows)


@dataclass(frozen=True)
class RunContext:
    """What the repositories of a run share.

    Attributes:
        client: talks to GitHub.
        known: what the tables hold.
        memory: repository id to what was remembered of it.
        begun: repository id to the run that was first to come upon it.
        options: how to run.
        accounts: the accounts met so far.
        requests: runs hydration.
        stop: set when the run shall end early.
        room: to be held while so many pull requests are read; waits while the loader has enough.
        hand_over: takes hydrated pull requests towards the loader.
        progress: told what happens.
    """

    client: GitHubClient
    known: Known
    memory: Mapping[str, Mapping[str, Any]]
    begun: dict[int, "RepositoryRun"]
    options: Options
    accounts: AccountBook
    requests: ThreadPoolExecutor
    stop: threading.Event
    room: Callable[[int], AbstractContextManager[None]]
    hand_over: Callable[[Piece], None]
    progress: Progress | None


def lacks_patches(options: Options, remembered: Mapping[str, Any]) -> bool:
    """Whether patches are asked for in a repository that was loaded without them so far."""
    return bool(options.with_patches) and not remembered.get("with_patches")


def is_unmoved(candidate: Candidate, known: Known, memory: Mapping[str, Mapping[str, Any]], options: Options) -> bool:
    """Whether the probe of its owner already says that there is nothing to do in a repository."""
    if candidate.id is None or options.full_refresh or options.reconcile or options.is_ranged:
        return False
    remembered = memory.get(str(candidate.id), {})
    return (
        remembered.get("watermark") == candidate.newest
        and options.with_patches in (None, bool(remembered.get("with_patches")))
        and (stored := known.repository(candidate.name)) is not None
        and stored["id"] == candidate.id
        and stored["unreadable_at"] is None
        # it decides what it means when the repository cannot be read some day
        and stored["is_private"] == candidate.is_private
        and stored["is_archived"] == candidate.is_archived
        and len(known.pull_requests(candidate.id)) == candidate.total
        and not known.to_retry(candidate.id)
    )


class RepositoryRun:
    """List, diff and hydration of one repository.

    Args:
        context: what all repositories of the run share.
        candidate: the repository.
        report: is filled as the run goes on.
    """

    def __init__(self, context: RunContext, candidate: Candidate, report: Report) -> None:
        self._context = context
        self._options = context.options
        self._candidate = candidate
        self._report = report
        self._listing = report.step("list")
        self._known: dict[int, datetime] = {}
        self._stored: dict[int, bool] = {}
        self._chunks: list[Future[None]] = []
        self._waiting: list[Entry] = []
        self._submitted: set[int] = set()
        self._set_aside: set[int] = set()
        self._is_counted = False
        self._patches_left_out = 0
        self._lock = threading.Lock()

    def run(self) -> End:
        """Do it.

        Raises:
            NotFoundError: the repository cannot be read; GoneError if that cannot be for want of access.
            PlimsollError: something failed; what is complete by then is on its way to be loaded.
        """
        options = self._options
        if is_unmoved(self._candidate, self._context.known, self._context.memory, options):
            self._report.repository_id, self._report.status = self._candidate.id, "done"
            return End(self._report)
        stored = self._context.known.repository(self._candidate.name)
        remembered = self._context.memory.get(str(stored["id"]), {}) if stored else {}
        is_first = not remembered.get("watermark")
        # what changed is read in one round, which spares requests; everything in two, which spares points
        self._whole = not (is_first or lacks_patches(options, remembered) or options.full_refresh or options.reconcile)
        listing = PullRequestList(
            self._context.client, self._candidate.name, self._listing.spent, with_counts=self._whole
        )
        try:
            page = listing.first(self._context.accounts.take())
        except NoAccessError:
            raise
        except NotFoundError:
            if stored is not None and self._is_gone(stored):
                raise GoneError from None
            raise
        repository_id = int(page.repository["databaseId"])
        name = page.repository["nameWithOwner"]
        self._report.repository, self._report.repository_id = name, repository_id
        if self._context.begun.setdefault(repository_id, self) is not self:
            # asked for under an earlier name, too
            self._report.status = "done"
            return End(self._report)
        if not self._context.known.lock(repository_id):
            self._report.status = "busy"
            self._report.error = "another run is loading it; this one leaves it alone"
            return End(self._report)
        # by its id: the name may have been another repository's
        remembered = self._context.memory.get(str(repository_id), {})
        self._whole = self._whole and bool(remembered.get("watermark"))
        rows = self._repository_rows(page, stored)
        if stored is not None and stored["id"] != repository_id and self._is_gone(stored):
            # another one has its name now
            rows[tables.REPOSITORIES].append(stored | {"unreadable_at": datetime.now(UTC)})
        self._size = BatchSize(min(options.batch_size, 100), remembered.get("batch_size"))
        self._patches = options.with_patches if options.with_patches is not None else remembered.get("with_patches")
        self._known = self._context.known.pull_requests(repository_id, with_patches=lacks_patches(options, remembered))
        self._stored = self._context.known.ids(repository_id)
        self._repository_node_id = page.repository["id"]
        self._hydrator = Hydrator(
            self._context.client, name, repository_id, self._size, self._report.step("hydrate").spent,
            keep_emails=options.keep_emails,
        )  # fmt: skip

        watermark = remembered.get("watermark")
        if self._context.known.is_blind and watermark is not None:
            # nobody could tell later what was left out below: it is where the first run begins, and no gap to be filled
            self._options = replace(options, since=None)
        try:
            retried = self._context.known.to_retry(repository_id)
            self._set_aside = {entry.id for entry in retried}
            self._want(retried, force=True)
            listed = self._list(listing, page, watermark)
            self._finish_chunks()
            self._look_for_deleted(listed, rows)
        finally:
            # what is under way comes before the end, even of a run that fails
            wait(self._chunks)
        for step in self._report.steps:
            step.finish()
        self._report.status = "partial" if self._report.letters else "done"
        if self._patches_left_out:
            logger.warning(
                "%s: GitHub gives no patch of %d files: too large to show, or beyond the 3,000 files that it lists; "
                "patch_status says which",
                name,
                self._patches_left_out,
            )
        memory = {"watermark": self._watermark(page, watermark), "batch_size": self._size.current}
        # patches once no pull request is left without them, as those out of a range of dates may be
        if options.with_patches is not None and not (options.with_patches and self._left_out()):
            memory["with_patches"] = options.with_patches
        # only what is new: another run may have been told about patches since this one began
        anew = {key: value for key, value in memory.items() if remembered.get(key) != value}
        return End(self._report, anew or None, rows)

    def _is_gone(self, stored: Row) -> bool:
        """Whether a repository that its name leads to no more is gone; if so, its pull requests are marked as deleted.

        To whoever lost access to a private one it looks deleted: of those none is said to be gone. A public one all may
        see.

        Raises:
            PlimsollError: GitHub does not say whether it is there.
        """
        known, repository_id = self._context.known, stored["id"]
        # another run that reads it has found it
        if stored["is_private"] or not known.lock(repository_id):
            return False
        step = self._report.step("reconcile")
        if is_there(self._context.client, stored["node_id"], step.spent):
            return False
        step.deleted += known.mark_deleted(repository_id)
        return True

    def _repository_rows(self, page: ListPage, stored: Row | None) -> Rows:
        rows = self._context.accounts.moved(page.accounts, page.repository["url"])
        row = repository_row(page.repository, page.total)
        found = self._context.known.rows(tables.REPOSITORIES, [row["id"]])
        stored = found[0] if found else stored
        if stored is not None and stored["id"] == row["id"] and stored["url"] != row["url"]:
            # before the row itself, which is what tells of it: a kill between does it again
            self._context.known.rename(stored, row)
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
        # below the bottom, too, whatever the tables lack is wanted, as far as they can tell
        floor = bottom if self._context.known.is_blind else options.since
        listed: set[int] = set()

        def take(entries: list[Entry]) -> bool:
            """Note entries; whether the bottom is reached."""
            wanted = [
                entry
                for entry in entries
                if entry.id not in listed
                and (floor is None or moment(entry.updated_at) >= floor)
                and (options.until is None or moment(entry.updated_at) <= options.until)
            ]
            listed.update(entry.id for entry in entries)
            self._listing.listed = len(listed)
            if self._context.progress is not None:
                self._context.progress.list_so_far(self._report.repository, len(listed))
            self._want(wanted)
            if bottom is None or not entries:
                return False
            return moment(entries[-1].updated_at) < bottom or self._is_settled(entries, watermark)

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
        # of those that were left half loaded it may be either that there are more of them or fewer
        listed_or_tried = listed | self._set_aside
        counts = {len(self._known.keys() | listed_or_tried), len(self._present() | listed_or_tried)}
        if not self._context.known.is_blind and counts != {page.total}:
            # something is gone, or was never loaded: the counts say so, the whole list says what
            logger.info("%s: %s pull requests in the tables, %d on GitHub; reading the whole list",
                        self._report.repository, " or ".join(map(str, sorted(counts))), page.total)  # fmt: skip
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

    def _is_settled(self, entries: list[Entry], watermark: str | None) -> bool:
        """Whether a page goes so far below the watermark, with nothing changed there, that all below is as it was."""
        if watermark is None or self._options.is_ranged:
            return False
        below = [entry for entry in entries if moment(entry.updated_at) <= moment(watermark)]
        return len(below) >= SETTLED and not any(changed(below, self._known))

    def _present(self) -> set[int]:
        """The pull requests of the tables that GitHub still had."""
        return {number for number, is_present in self._stored.items() if is_present}

    def _left_out(self) -> set[int]:
        """The pull requests of the tables that lack something and were not read, either."""
        return self._present() - self._known.keys() - self._submitted

    def _expect(self, pull_requests: int) -> None:
        if self._context.progress is not None:
            self._context.progress.expect(self._report.repository, pull_requests)

    def _want(self, entries: list[Entry], *, force: bool = False) -> None:
        """Hydrate those of `entries` that changed, a chunk at a time."""
        wanted = entries if force or self._options.full_refresh else list(changed(entries, self._known))
        wanted = [entry for entry in wanted if entry.id not in self._submitted]
        self._submitted.update(entry.id for entry in wanted)
        self._waiting += wanted
        if wanted and not self._is_counted:
            self._expect(len(wanted))
        while len(self._waiting) >= (size := self._hydrator.chunk(whole=self._whole)):
            chunk, self._waiting = self._waiting[:size], self._waiting[size:]
            self._submit(chunk)

    def _finish_chunks(self) -> None:
        """Hydrate the rest, and wait for all of it.

        Raises:
            PlimsollError: one of the chunks failed.
        """
        if self._waiting:
            self._submit(self._waiting)
        self._waiting = []
        error: BaseException | None = None
        for chunk in self._chunks:
            error = chunk.exception() or error
        if error is not None:
            raise error

    def _submit(self, chunk: list[Entry]) -> None:
        self._chunks.append(self._context.requests.submit(self._hydrate, chunk))

    def _hydrate(self, entries: list[Entry]) -> None:
        with self._context.room(len(entries)):
            if self._context.stop.is_set():
                raise StoppedError
            self._read(entries)

    def _read(self, entries: list[Entry]) -> None:
        hydrated = self._hydrator.hydrate(entries, whole=self._whole)
        if self._patches:
            with self._lock:
                step = self._report.step("patches")
            left_out = patches.add_patches(self._context.client, self._report.repository, hydrated.rows, step.spent)
            with self._lock:
                self._patches_left_out += left_out
        if hydrated.gone:
            self._check_gone([entry.node_id for entry in entries if entry.id in hydrated.gone])
            self._mark_deleted(hydrated.gone & self._present(), hydrated.rows)
        # after a kill there may be children of pull requests that have no row yet; there are none before the first load
        known_ids = hydrated.ids if self._context.known.is_blind or self._stored else set()
        piece = Piece.of(self._report.repository, len(entries), hydrated, known_ids)
        with self._lock:
            step = self._report.step("hydrate")
            step.hydrated += len(hydrated.ids)
            step.rows += piece.row_count
            self._report.rereads += hydrated.reread
            self._report.letters += len(piece.letters)
        if self._context.progress is not None:
            self._context.progress.advance(self._report.repository, len(entries))
        self._context.hand_over(piece)

    def _look_for_deleted(self, listed: set[int] | None, rows: Rows) -> None:
        """Mark what a whole list does not have, after asking GitHub for each: the list moves while it is read."""
        if listed is None:
            return
        missing = vanished(listed, self._present())
        if not missing:
            return
        step = self._report.step("reconcile")
        stored = {row["id"]: row for row in self._context.known.rows(tables.PULL_REQUESTS, sorted(missing))}
        ids = {row["node_id"]: number for number, row in stored.items()}
        alive = still_there(self._context.client, list(ids), self._repository_node_id, step.spent)
        gone = {number for node_id, number in ids.items() if node_id not in alive}
        self._mark_deleted(gone, rows)
        self._stored |= dict.fromkeys(gone, False)
        moved = [Entry(node_id, ids[node_id], updated_at) for node_id, updated_at in alive.items()]
        self._want(moved)
        self._finish_chunks()

    def _check_gone(self, node_ids: list[str]) -> None:
        """Make sure that it is the pull requests that are gone, and not the right to see them.

        Raises:
            NotFoundError: the repository cannot be read any more.
            PlimsollError: GitHub shows to one token what it hides from another.
        """
        with self._lock:
            step = self._report.step("reconcile")
        if still_there(self._context.client, node_ids, self._repository_node_id, step.spent):
            raise PlimsollError(
                "GitHub shows some pull requests to one token and hides them from another",
                where=self._report.repository,
                remedy="Give every token access to the repository",
            )

    def _mark_deleted(self, gone: set[int], rows: Rows) -> None:
        now = datetime.now(UTC)
        stored = self._context.known.rows(tables.PULL_REQUESTS, sorted(gone))
        deleted = [row | {"deleted_at": now} for row in stored if row["deleted_at"] is None]
        rows[tables.PULL_REQUESTS].extend(deleted)
        with self._lock:
            self._report.step("reconcile").deleted += len(deleted)

    def _watermark(self, page: ListPage, watermark: str | None) -> str | None:
        """The newest update at the time the list began, if everything under it is loaded."""
        since = self._options.since
        has_gap = since is not None and (watermark is None or moment(watermark) < since)
        if (has_gap and not self._context.known.is_blind) or self._options.until is not None or not page.newest:
            return watermark
        newest = page.newest[0].updated_at
        return max(newest, watermark) if watermark else newest
