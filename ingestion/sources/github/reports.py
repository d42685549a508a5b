"""What a run is asked to do, and what it says of itself."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from ingestion.sources.github.client import Spent
from ingestion.sources.github.hydration import BATCH


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
        asked_for: the name under which the run was begun.
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
    asked_for: str = field(init=False)

    def __post_init__(self) -> None:  # noqa: D105
        self.asked_for = self.repository

    def step(self, name: str) -> Step:
        """Begin a step, or go on with it."""
        for step in self.steps:
            if step.name == name:
                return step
        self.steps.append(Step(name))
        return self.steps[-1]


class Progress(Protocol):
    """Told what happens, for displays."""

    def list_so_far(self, repository: str, pull_requests: int) -> None:
        """So many of a repository are listed."""

    def expect(self, repository: str, pull_requests: int) -> None:
        """So many pull requests are to be hydrated in a repository."""

    def advance(self, repository: str, pull_requests: int) -> None:
        """So many were."""
