"""A run over repositories, several at a time; handed out in packages that can be loaded one by one."""

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ingestion.sources.github import tables
from ingestion.sources.github.accounts import AccountBook
from ingestion.sources.github.client import GitHubClient, NotFoundError, Spent, StoppedError
from ingestion.sources.github.known import Known
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.packages import Package
from ingestion.sources.github.reports import Options, Progress, Report
from ingestion.sources.github.repository_run import End, Piece, RepositoryRun, RunContext
from ingestion.sources.github.shaping import Rows
from ingestion.sources.github.verification import read_accounts
from warehouse.errors import PlimsollError, one_line

logger = logging.getLogger(__name__)

PACKAGE_PULL_REQUESTS = 2000
PACKAGE_SECONDS = 60.0
"""A package is closed at whichever comes first: so much, and no more, is done again after a kill."""


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
        self._candidates = candidates
        self._stop = stop
        self._is_over = False
        # hydrated chunks wait here for the loader; bounded, so that a slow database slows the requests and does not
        # fill memory
        self._queue: queue.Queue[Piece | End] = queue.Queue(maxsize=2 * options.workers)
        self._context = RunContext(
            client=client,
            known=known,
            memory=memory,
            options=options,
            accounts=AccountBook(known.accounts()),
            requests=ThreadPoolExecutor(options.workers, thread_name_prefix="hydrate"),
            stop=stop,
            hand_over=self._hand_over,
            progress=progress,
        )

    def packages(self) -> Iterator[Package]:
        """Run, and yield packages as they fill; a repository's report comes with the package that completes it."""
        open_runs = len(self._candidates)
        repositories = ThreadPoolExecutor(self._context.options.workers, thread_name_prefix="repository")
        for candidate in self._candidates:
            repositories.submit(self._run, candidate)
        package, opened = Package(), time.monotonic()
        try:
            while open_runs:
                message = self._queue.get()
                if isinstance(message, Piece):
                    package.add(message.hydrated, message.known_ids)
                else:
                    open_runs -= 1
                    package.complete(message.report, message.rows, message.memory)
                is_full = len(package.ids) >= PACKAGE_PULL_REQUESTS
                if package.ids and (is_full or time.monotonic() - opened > PACKAGE_SECONDS):
                    yield self._closed(package)
                    package, opened = Package(), time.monotonic()
            package.rows.extend(self._other_accounts())
            yield self._closed(package)
        finally:
            self._is_over = True
            self._stop.set()
            repositories.shutdown(wait=False, cancel_futures=True)
            self._context.requests.shutdown(wait=False, cancel_futures=True)

    def _closed(self, package: Package) -> Package:
        """The package with just those accounts that are new or changed."""
        package.rows[tables.USERS].extend(self._context.accounts.changed(package.rows.accounts))
        return package

    def _hand_over(self, message: Piece | End) -> None:
        """Put a message in the loader's queue, unless nobody reads it any more."""
        while not self._is_over:
            try:
                self._queue.put(message, timeout=0.5)
            except queue.Full:
                continue
            return

    def _other_accounts(self) -> Rows:
        """Ask about accounts that no list has asked about: there are very many, or no repository was listed."""
        rows = Rows()
        accounts = self._context.accounts
        while not self._stop.is_set() and (ids := accounts.take()):
            try:
                rows.extend(accounts.moved(read_accounts(self._context.client, ids, Spent())))
            except (StoppedError, PlimsollError) as error:
                logger.warning("renamed accounts were not looked for: %s", one_line(str(error)) or "stopped")
                break
        return rows

    def _run(self, candidate: Candidate) -> None:
        """One repository from list to end; whatever happens becomes its report."""
        report = Report(candidate.name)
        end = End(report)
        try:
            end = RepositoryRun(self._context, candidate, report).run()
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
        self._hand_over(end)

    def _unreadable(self, name: str) -> Rows:
        rows = Rows()
        row = self._context.known.repository(name)
        if row is not None and row["unreadable_at"] is None:
            rows[tables.REPOSITORIES].append(row | {"unreadable_at": datetime.now(UTC)})
        return rows
