"""What the double serves: accounts, repositories, pull requests and what hangs on them, as plain objects.

Attribute names are GitHub's GraphQL field names in snake case, so that most fields need no resolver. Timestamps are
GitHub's own text, `2026-01-31T08:15:00Z`: they sort as text and are sent as they are.
"""

import base64
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

# of its own: a warehouse must be able to tell what is the sample's from what is github.com's
WEB = "https://github.example"
INT_MAX = 2**31 - 1
# GitHub's newer rows have ids that no 32-bit Int holds: `databaseId` is null there and `fullDatabaseId` is the id
FIRST_ROW_ID = 2_700_000_001
FIRST_ACCOUNT_ID = 61_000_001
FIRST_REPOSITORY_ID = 702_000_001


def timestamp(moment: datetime) -> str:
    """Returns GitHub's text of a moment in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Returns the moment that GitHub's text names."""
    return datetime.fromisoformat(text)


@dataclass(slots=True, eq=False, kw_only=True)
class Entity:
    """Anything with an id of its own.

    Attributes:
        database_id: the row's number, unique among its kind.
        id: the global node id, made of the kind and the number.
    """

    PREFIX: ClassVar[str] = ""
    database_id: int
    id: str = field(init=False)

    def __post_init__(self) -> None:
        packed = base64.urlsafe_b64encode(struct.pack(">BQ", len(self.PREFIX), self.database_id))
        self.id = f"{self.PREFIX}_kwDO{packed.decode().rstrip('=')}"

    @property
    def typename(self) -> str:
        """GraphQL's `__typename`."""
        return type(self).__name__


@dataclass(slots=True, eq=False, kw_only=True)
class Account(Entity):
    """A user, bot, organisation or mannequin; `is_deleted` makes GitHub answer null wherever it acted."""

    PREFIX: ClassVar[str] = "U"
    login: str
    kind: str = "User"
    name: str | None = None
    created_at: str
    is_deleted: bool = False

    @property
    def typename(self) -> str:
        """GraphQL's `__typename`."""
        return self.kind


@dataclass(slots=True, eq=False, kw_only=True)
class Team(Entity):
    """A team of the organisation, which can be asked for a review."""

    PREFIX: ClassVar[str] = "T"
    organization: Account
    slug: str
    name: str


@dataclass(slots=True, eq=False, kw_only=True)
class Label(Entity):
    """A label of a repository."""

    PREFIX: ClassVar[str] = "LA"
    repository: "Repository"
    name: str
    color: str
    description: str | None
    created_at: str


@dataclass(slots=True, eq=False, kw_only=True)
class Milestone(Entity):
    """A milestone of a repository."""

    PREFIX: ClassVar[str] = "MI"
    repository: "Repository"
    number: int
    title: str
    due_on: str | None
    created_at: str


@dataclass(slots=True, eq=False, kw_only=True)
class Issue(Entity):
    """An issue that a pull request closes."""

    PREFIX: ClassVar[str] = "I"
    repository: "Repository"
    number: int
    title: str
    author: Account | None
    state: str
    created_at: str
    closed_at: str | None


@dataclass(slots=True, eq=False, kw_only=True)
class Repository(Entity):
    """A repository; `is_readable` False makes it vanish for every client, as a lost permission does."""

    PREFIX: ClassVar[str] = "R"
    owner: Account
    name: str
    created_at: str
    updated_at: str
    pushed_at: str
    description: str | None = None
    primary_language: str | None = None
    default_branch: str = "main"
    is_archived: bool = False
    is_fork: bool = False
    is_private: bool = False
    is_readable: bool = True
    pull_requests: dict[int, "PullRequest"] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    milestones: list[Milestone] = field(default_factory=list)
    last_number: int = 0

    @property
    def name_with_owner(self) -> str:
        """The current `owner/name`."""
        return f"{self.owner.login}/{self.name}"

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{WEB}/{self.name_with_owner}"


@dataclass(slots=True, eq=False)
class GitActor:
    """Who a commit names, and the account that its e-mail address belongs to."""

    name: str
    email: str
    date: str
    account: Account | None
    typename: ClassVar[str] = "GitActor"


@dataclass(slots=True, eq=False, kw_only=True)
class Commit(Entity):
    """A commit, with the oids of its parents."""

    PREFIX: ClassVar[str] = "C"
    repository: Repository
    oid: str
    message: str
    author: GitActor
    committer: GitActor
    parents: tuple[str, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequestCommit(Entity):
    """A commit's place in a pull request."""

    PREFIX: ClassVar[str] = "PURC"
    pull_request: "PullRequest"
    commit: Commit

    @property
    def created_at(self) -> str:
        """When it enters the timeline."""
        return self.commit.committer.date


@dataclass(slots=True, eq=False, kw_only=True)
class File:
    """A changed file. `patch` is None for binary files."""

    path: str
    change_type: str
    additions: int
    deletions: int
    previous_path: str | None = None
    patch: str | None = None
    typename: ClassVar[str] = "PullRequestChangedFile"


@dataclass(slots=True, eq=False, kw_only=True)
class Written(Entity):
    """Something that somebody wrote on a pull request."""

    pull_request: "PullRequest"
    author: Account | None
    author_association: str
    body: str
    created_at: str
    updated_at: str
    last_edited_at: str | None = None
    is_minimized: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequestReview(Written):
    """A review; pending ones have no `submitted_at`."""

    PREFIX: ClassVar[str] = "PRR"
    state: str
    commit: Commit | None
    submitted_at: str | None
    comments: list["PullRequestReviewComment"] = field(default_factory=list)


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequestReviewComment(Written):
    """A comment in a review thread."""

    PREFIX: ClassVar[str] = "PRRC"
    review: PullRequestReview
    thread: "PullRequestReviewThread"
    reply_to: "PullRequestReviewComment | None"


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequestReviewThread(Entity):
    """A thread on a line or a file of the change."""

    PREFIX: ClassVar[str] = "PRRT"
    pull_request: "PullRequest"
    path: str
    line: int | None
    start_line: int | None
    original_line: int | None
    diff_side: str = "RIGHT"
    subject_type: str = "LINE"
    is_resolved: bool = False
    is_outdated: bool = False
    resolved_by: Account | None = None
    comments: list[PullRequestReviewComment] = field(default_factory=list)


@dataclass(slots=True, eq=False, kw_only=True)
class IssueComment(Written):
    """A comment on a pull request's conversation page."""

    PREFIX: ClassVar[str] = "IC"


@dataclass(slots=True, eq=False, kw_only=True)
class ReviewRequest(Entity):
    """A review that is still asked for."""

    PREFIX: ClassVar[str] = "RR"
    pull_request: "PullRequest"
    reviewer: Account | Team
    as_code_owner: bool


@dataclass(slots=True, eq=False, kw_only=True)
class Event(Entity):
    """An event of the timeline; `details` holds the fields that only its kind has, by their GraphQL names."""

    PREFIX: ClassVar[str] = "EV"
    pull_request: "PullRequest"
    kind: str
    actor: Account | None
    created_at: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def typename(self) -> str:
        """GraphQL's `__typename`."""
        return self.kind


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequest(Entity):
    """A pull request and all that hangs on it."""

    PREFIX: ClassVar[str] = "PR"
    repository: Repository
    number: int
    title: str
    body: str
    author: Account | None
    author_association: str
    created_at: str
    updated_at: str
    base_ref_name: str
    base_ref_oid: str
    head_ref_name: str
    head_ref_oid: str
    head_repository: Repository | None
    state: str = "OPEN"
    is_draft: bool = False
    locked: bool = False
    review_decision: str | None = None
    milestone: Milestone | None = None
    closed_at: str | None = None
    merged_at: str | None = None
    merged_by: Account | None = None
    merge_commit: Commit | None = None
    last_edited_at: str | None = None
    files: list[File] = field(default_factory=list)
    commits: list[PullRequestCommit] = field(default_factory=list)
    reviews: list[PullRequestReview] = field(default_factory=list)
    review_threads: list[PullRequestReviewThread] = field(default_factory=list)
    comments: list[IssueComment] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    review_requests: list[ReviewRequest] = field(default_factory=list)
    closing_issues: list[Issue] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self.repository.url}/pull/{self.number}"

    @property
    def is_cross_repository(self) -> bool:
        """Whether it comes from a fork; a deleted fork still counts as one."""
        return self.head_repository is not self.repository

    def timeline(self) -> list[Any]:
        """Returns events, commits, reviews and comments as GitHub mixes them, in order of time."""
        submitted = (review for review in self.reviews if review.submitted_at)
        return sorted([*self.events, *self.commits, *submitted, *self.comments], key=lambda item: item.created_at)

    def descendants(self) -> Iterator[Entity]:
        """Yields everything that vanishes with the pull request."""
        yield from (*self.commits, *self.reviews, *self.review_threads, *self.comments)
        yield from (*self.review_requests, *self.events)
        for thread in self.review_threads:
            yield from thread.comments


E = TypeVar("E", bound=Entity)


class Organisation:
    """All that one double serves: an organisation, its people, and its repositories.

    Attributes:
        account: the organisation's own account.
        nodes: everything with an id, by its node id.
        lock: held by whoever reads or changes the data as a whole.
    """

    def __init__(self, login: str, name: str, created_at: str) -> None:
        self.nodes: dict[str, Entity] = {}
        self.lock = threading.RLock()
        self._ids = {Account: FIRST_ACCOUNT_ID, Repository: FIRST_REPOSITORY_ID}
        self._row_id = FIRST_ROW_ID
        self._former_names: dict[str, Repository] = {}
        self._clock = created_at
        self.account = self.create(Account, login=login, kind="Organization", name=name, created_at=created_at)

    def create(self, kind: type[E], /, **values: Any) -> E:
        """Makes an entity with the next free id and keeps it."""
        if kind in self._ids:
            database_id = self._ids[kind]
            self._ids[kind] += 7
        else:
            database_id = self._row_id
            self._row_id += 3
        entity = kind(database_id=database_id, **values)
        self.nodes[entity.id] = entity
        return entity

    def forget(self, entities: Iterable[Entity]) -> None:
        """Drops entities, so that their node ids answer NOT_FOUND."""
        for entity in entities:
            self.nodes.pop(entity.id, None)

    def accounts(self) -> Iterator[Account]:
        """Yields every account that was not deleted."""
        for node in self.nodes.values():
            if isinstance(node, Account) and not node.is_deleted:
                yield node

    def account_named(self, login: str) -> Account | None:
        """Returns the account that has this login now."""
        return next((account for account in self.accounts() if account.login.lower() == login.lower()), None)

    def repositories(self, owner: Account | None = None) -> list[Repository]:
        """Returns the readable repositories, of one owner or of all."""
        found = (node for node in list(self.nodes.values()) if isinstance(node, Repository) and node.is_readable)
        return [repository for repository in found if owner is None or repository.owner is owner]

    def repository(self, name_with_owner: str, follow_renames: bool = True) -> Repository | None:
        """Returns the readable repository of this name, or, as GitHub does, of this former name."""
        wanted = name_with_owner.lower()
        for repository in self.repositories():
            if repository.name_with_owner.lower() == wanted:
                return repository
        former = self._former_names.get(wanted) if follow_renames else None
        return former if former is not None and former.is_readable and former.id in self.nodes else None

    def remember_name(self, repository: Repository) -> None:
        """Keeps the current name answering after a rename."""
        self._former_names[repository.name_with_owner.lower()] = repository

    def tick(self, minutes: int = 1) -> str:
        """Moves the organisation's own clock on and returns its time: changes made while serving are reproducible."""
        self._clock = timestamp(moment(self._clock) + timedelta(minutes=minutes))
        return self._clock

    def set_clock(self, text: str) -> None:
        """Sets the time after which changes made while serving happen."""
        self._clock = text
