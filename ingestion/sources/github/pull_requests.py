"""Pull requests on their way through a run: as the list shows them, as they were read, and what had to be set aside."""

from dataclasses import dataclass, field

from ingestion.sources.github.shaping import Rows


@dataclass(frozen=True)
class Entry:
    """A pull request as the list shows it.

    Attributes:
        node_id: its GraphQL id.
        id: its database id.
        updated_at: when it last changed, as GitHub writes it.
        commits: how many commits it has; None if the list was not asked.
        threads: how many review threads it has; None if the list was not asked.
    """

    node_id: str
    id: int
    updated_at: str
    commits: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class DeadLetter:
    """Something that could not be loaded, set aside.

    Attributes:
        repository: `owner/name`.
        repository_id: its database id.
        pull_request_id: the pull request's database id.
        node_id: its GraphQL id, to try again.
        number: its number; None where even that was not read.
        entity: the raw table it belongs to.
        reason: why it could not be loaded.
        payload: what GitHub gave, or the row made of it, as JSON.
    """

    repository: str
    repository_id: int
    pull_request_id: int
    node_id: str
    number: int | None
    entity: str
    reason: str
    payload: str


@dataclass
class Hydrated:
    """What came of hydrating some pull requests.

    Attributes:
        rows: the rows, complete per pull request.
        ids: the pull requests that were read.
        gone: those that GitHub has no more.
        letters: what could not be loaded.
        reread: numbers of those whose rows did not match GitHub's counts at first.
    """

    rows: Rows = field(default_factory=Rows)
    ids: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)
    reread: list[int] = field(default_factory=list)
