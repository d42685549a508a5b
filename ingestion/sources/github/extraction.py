"""A run over repositories, several at a time; handed out in packages that can be loaded one by one."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ingestion.sources.github import tables
from ingestion.sources.github.accounts import AccountBook
from ingestion.sources.github.client import GitHubClient, NotFoundError, StoppedError
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.known import Known
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.packages import Package, Piece
from ingestion.sources.github.reports import Options, Progress, Report, Step
from ingestion.sources.github.repository_run import End, GoneError, RepositoryRun, RunContext
from ingestion.sources.github.shaping import Rows
from ingestion.sources.github.verification import read_accounts
from warehouse.errors import PlimsollError, one_line

logger = logging.getLogger(__name__)

PACKAGE_PULL_REQUESTS = 8000
PACKAGE_BYTES = 64 * 2**20
PACKAGE_SECONDS = 60.0
"""The most that a kill has done again: what is being read, waits for its load and is being loaded, all together. A load
begins with half of it, at whichever comes first, while the other half is read. Larger, and more would wait in memory;
smaller, and more loads would cost dlt and Postgres their second each."""


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

    Attributes:
        accounts: what asking about accounts apart from any list came to, once the last package is out; None if nothing
            was asked.
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
        self.accounts: Step | None = None
        self._candidates = candidates
        self._stop = stop
        self._is_over = False
        # filled by the threads that read while another package is loaded
        self._package = Package()
        self._opened = time.monotonic()
        # being read, waiting and being loaded
        self._unloaded = 0
        self._unloaded_bytes = 0
        self._open_runs = len(candidates)
        self._changed = threading.Condition()
        self._context = RunContext(
            client=client,
            known=known,
            memory=memory,
            begun={},
            options=options,
            accounts=AccountBook(known.accounts(), is_thorough=options.reconcile),
            requests=ThreadPoolExecutor(options.workers, thread_name_prefix="hydrate"),
            stop=stop,
            room=self._room,
            hand_over=self._hand_over,
            progress=progress,
        )

    def packages(self) -> Iterator[Package]:
        """Run, and yield packages as they fill; a repository's report comes with the package that completes it."""
        repositories = ThreadPoolExecutor(self._context.options.workers, thread_name_prefix="repository")
        for candidate in self._candidates:
            repositories.submit(self._run, candidate)
        try:
            is_last = False
            while not is_last:
                package, is_last = self._next()
                if is_last:
                    package.rows.extend(self._other_accounts())
                yield self._closed(package)
                self._make_room(package.count, package.byte_count)
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            self._stop.set()
            repositories.shutdown(wait=False, cancel_futures=True)
            # what is queued here is waited for, and ends at once: there is no room for it any more
            self._context.requests.shutdown(wait=False)

    def _next(self) -> tuple[Package, bool]:
        """The next package to load, once it is due or the last; and whether it is the last."""
        with self._changed:
            while self._open_runs and not self._is_due():
                self._changed.wait(1.0)
            package, self._package, self._opened = self._package, Package(), time.monotonic()
            return package, not self._open_runs

    def _is_due(self) -> bool:
        package, age = self._package, time.monotonic() - self._opened
        return bool(package.pieces) and (
            2 * package.count >= PACKAGE_PULL_REQUESTS
            or 2 * package.byte_count >= PACKAGE_BYTES
            or 2 * age >= PACKAGE_SECONDS
        )

    def _closed(self, package: Package) -> Package:
        """The package with just those accounts that are new or changed."""
        package.rows[tables.USERS].extend(self._context.accounts.changed(package.rows.accounts))
        return package

    @contextmanager
    def _room(self, count: int) -> Iterator[None]:
        """Room for pull requests that are about to be read; free again once they are loaded, or not read after all.

        Waits while there is none: a slow database slows the requests, and does not fill memory.

        Args:
            count: how many; at most half a package, or the other half would wait for them in vain.

        Raises:
            StoppedError: nobody loads any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._has_room(count))
            if self._is_over:
                raise StoppedError
            self._unloaded += count
        try:
            yield
        except BaseException:
            self._make_room(count, 0)
            raise

    def _has_room(self, count: int) -> bool:
        return self._unloaded + count <= PACKAGE_PULL_REQUESTS and self._unloaded_bytes < PACKAGE_BYTES

    def _make_room(self, count: int, byte_count: int) -> None:
        with self._changed:
            self._unloaded -= count
            self._unloaded_bytes -= byte_count
            self._changed.notify_all()

    def _hand_over(self, message: Piece | End) -> None:
        """Put a message into the package, unless nobody loads it any more."""
        with self._changed:
            if self._is_over:
                return
            if isinstance(message, Piece):
                self._package.add(message)
                self._unloaded_bytes += message.byte_count
            else:
                self._open_runs -= 1
                self._package.complete(message.report, message.rows, message.memory)
            self._changed.notify_all()

    def _other_accounts(self) -> Rows:
        """Ask about accounts that no list has asked about.

        All of them in a run that reconciles. Otherwise those that found no place in a list are left for later runs, and
        one request asks about some where nothing was listed at all: an unchanged organisation stays cheap.
        """
        rows = Rows()
        accounts, is_thorough = self._context.accounts, self._context.options.reconcile
        step = Step("accounts")
        while not self._stop.is_set() and (is_thorough or not accounts.were_asked) and (ids := accounts.take(PAGE)):
            self.accounts = step
            try:
                rows.extend(accounts.moved(read_accounts(self._context.client, ids, step.spent)))
            except (StoppedError, PlimsollError) as error:
                logger.warning("renamed accounts were not looked for: %s", one_line(str(error)) or "stopped")
                break
        step.finish()
        return rows

    def _run(self, candidate: Candidate) -> None:
        """One repository from list to end; whatever happens becomes its report."""
        report = Report(candidate.name)
        end = End(report)
        try:
            end = self._read(candidate, report)
        except PlimsollError as error:
            report.status, report.error = "failed", str(error)
        except Exception as error:
            logger.debug("the failure in full", exc_info=True)
            report.status, report.error = "failed", one_line(f"unexpected {type(error).__name__}: {error}")
        for step in report.steps:
            step.finish()
        self._hand_over(end)

    def _read(self, candidate: Candidate, report: Report) -> End:
        try:
            return RepositoryRun(self._context, candidate, report).run()
        except StoppedError:
            report.status, report.error = "stopped", "stopped before it was done; run again to go on"
            return End(report)
        except GoneError:
            report.status = "unreadable"
            report.error = (
                "the repository is gone from GitHub, or private now: its pull requests leave the marts with the next "
                "build. Name it no longer, or give the token access"
            )
        except NotFoundError as error:
            report.status = "unreadable"
            report.error = (
                f"GitHub has no such repository, or the token may not see it ({one_line(str(error))}). "
                "Check the name and the token; what is loaded stays"
            )
        return End(report, rows=self._unreadable(candidate.name))

    def _unreadable(self, name: str) -> Rows:
        rows = Rows()
        row = self._context.known.repository(name)
        if row is not None and row["unreadable_at"] is None:
            rows[tables.REPOSITORIES].append(row | {"unreadable_at": datetime.now(UTC)})
        return rows
