"""How far a run is: a bar in a terminal, a line every few seconds elsewhere."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0


class ProgressDisplay:
    """Shows pull requests done, their rate and the time left; a context manager, and thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._said = self._started
        self._expected: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._listed: dict[str, int] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars: Bars | None = None
        if sys.stderr.isatty():
            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the display."""
        if self._bars is not None:
            self._bars.stop()

    def list_so_far(self, repository: str, pull_requests: int) -> None:
        """So many of a repository are listed; a long list with nothing to read in it is no silence, either."""
        with self._lock:
            self._listed[repository] = pull_requests
            if self._bars is None:
                self._say_if_due()
            elif repository not in self._tasks:
                self._tasks[repository] = self._bars.add_task(repository, total=None)

    def expect(self, repository: str, pull_requests: int) -> None:
        """So many pull requests are to be hydrated in a repository."""
        with self._lock:
            self._expected[repository] = self._expected.get(repository, 0) + pull_requests
            if self._bars is not None:
                if repository not in self._tasks:
                    self._tasks[repository] = self._bars.add_task(repository, total=0)
                self._bars.update(self._tasks[repository], total=self._expected[repository])

    def advance(self, repository: str, pull_requests: int) -> None:
        """So many were."""
        with self._lock:
            self._done[repository] = self._done.get(repository, 0) + pull_requests
            if self._bars is not None:
                if repository in self._tasks:
                    self._bars.advance(self._tasks[repository], pull_requests)
                return
            self._say_if_due()

    def _say_if_due(self) -> None:
        now = time.monotonic()
        if now - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = now
        done, expected = sum(self._done.values()), sum(self._expected.values())
        if not expected:
            logger.info("%d pull requests listed, none to read yet", sum(self._listed.values()))
            return
        rate = done / (now - self._started)
        left = max(0, expected - done) / rate if rate else 0.0
        logger.info("%d of %d pull requests, %.0f a second, %.0f s left", done, expected, rate, left)


class _Rate(ProgressColumn):
    """Pull requests a second."""

    def render(self, task: Task) -> Text:
        """The rate of a task."""
        return Text(f"{task.speed or 0:.0f}/s")
