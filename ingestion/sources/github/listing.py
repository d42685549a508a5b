"""A repository's pull requests, ids and times only, newest first; and what of it is new against the tables.

The whole list is read from both ends at once, newest and oldest, in the same requests, until they meet: a page depends
on the one before it, so one end alone would take twice the time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingestion.sources.github import documents
from ingestion.sources.github.answers import HIDDEN_TYPES
from ingestion.sources.github.client import GitHubClient, NoAccessError, NotFoundError, QueryTooHeavyError, Spent
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.pull_requests import Entry
from ingestion.sources.github.shaping import Json
from warehouse.errors import PlimsollError

OVERLAP = timedelta(hours=1)
SETTLED = 50
"""How far below the watermark a list goes, since GitHub's replicas may show an update late: so long before, or past so
many pull requests on one page of which none has changed, whichever comes first."""

ACCOUNTS_A_REQUEST = 10 * PAGE
ATTEMPTS = 6


@dataclass(frozen=True)
class ListPage:
    """One request's worth of the list.

    Attributes:
        repository: the repository's fields.
        total: how many pull requests it has.
        newest: entries from the newest end, newest first.
        oldest: entries from the oldest end, oldest first.
        is_last: whether the newest end has reached the end of the list.
        accounts: node id to account, for those asked to be refreshed; None for those gone.
    """

    repository: Json
    total: int
    newest: list[Entry]
    oldest: list[Entry]
    is_last: bool
    accounts: dict[str, Json | None]


class PullRequestList:
    """Pages the list of one repository.

    Args:
        client: talks to GitHub.
        name: the repository as `owner/name`.
        spent: is charged with every request.
        with_counts: bring each pull request's number of commits and threads, two points a page: for a short list, whose
            pull requests are then read in one round.
    """

    def __init__(self, client: GitHubClient, name: str, spent: Spent, *, with_counts: bool) -> None:
        self._client = client
        self._owner, _, self._name = name.partition("/")
        self._spent = spent
        self._with_counts = with_counts
        self._ends: dict[str, str | None] = {"newest": None, "oldest": None}

    def first(self, accounts: Sequence[str] = ()) -> ListPage:
        """The newest page, and the accounts that are asked for along with it.

        Raises:
            NotFoundError: there is no such repository, or the token may not see it.
        """
        return self._page(("newest",), accounts)

    def newer(self) -> ListPage:
        """The next page from the newest end."""
        return self._page(("newest",))

    def both_ends(self) -> ListPage:
        """The next page from either end."""
        return self._page(("newest", "oldest"))

    def _page(self, ends: tuple[str, ...], accounts: Sequence[str] = ()) -> ListPage:
        counts = " commits { totalCount } reviewThreads { totalCount }" if self._with_counts else ""
        declarations = ["$owner: String!", "$name: String!", *(f"${end}: String" for end in ends)]
        variables: dict[str, Any] = {"owner": self._owner, "name": self._name}
        variables |= {end: self._ends[end] for end in ends}
        lists = " ".join(
            f"{end}: pullRequests(first: {PAGE}, after: ${end}, "
            f"orderBy: {{field: UPDATED_AT, direction: {direction}}}) "
            f"{{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id fullDatabaseId updatedAt{counts} }} }}"
            for end, direction in (("newest", "DESC"), ("oldest", "ASC"))
            if end in ends
        )
        refresh = ""
        for place in range(0, len(accounts), PAGE):
            alias = f"accounts{place // PAGE}"
            declarations.append(f"${alias}: [ID!]!")
            variables[alias] = list(accounts[place : place + PAGE])
            refresh += f"\n  {alias}: nodes(ids: ${alias}) {{ ...Account }}"
        text = (
            f"query List({', '.join(declarations)}) {{\n  rateLimit {{ cost }}\n"
            f"  repository(owner: $owner, name: $name) {{ ...RepositoryFields {lists} }}{refresh}\n}}"
        )
        data = self._ask(documents.document(text), variables)
        repository = data["repository"]
        entries: dict[str, list[Entry]] = {"newest": [], "oldest": []}
        for end in ends:
            self._ends[end] = repository[end]["pageInfo"]["endCursor"] or self._ends[end]
            entries[end] = [_entry(node) for node in repository[end]["nodes"]]
        found = {
            node_id: node
            for alias, ids in variables.items()
            if alias.startswith("accounts")
            for node_id, node in zip(ids, data[alias], strict=True)
        }
        newest = repository["newest"]
        return ListPage(
            repository=repository,
            total=newest["totalCount"],
            newest=entries["newest"],
            oldest=entries["oldest"],
            is_last=not newest["pageInfo"]["hasNextPage"],
            accounts=found,
        )

    def _ask(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, whole: a list with a hole in it is asked for again, since a hole would look like a deletion."""
        reason = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._client.graphql(text, variables, points=3, spent=self._spent)
            except QueryTooHeavyError as error:
                reason = str(error)
                self._client.pause(attempt, self._spent)
                continue
            gone = [error for error in answer.errors if error.get("type") == "NOT_FOUND"]
            others = [error for error in answer.errors if error.get("type") != "NOT_FOUND"]
            if answer.data.get("repository") is None:
                # of an account that is gone beside a fault, only the account is gone
                raise_if_unreadable(error for error in answer.errors if error.get("path") == ["repository"])
            # an account that is gone is an answer; its place is named after the alias or after the field
            if not others and all(str(error["path"][0]).startswith(("accounts", "nodes")) for error in gone):
                return answer.data
            reason = str((others or gone)[0].get("message"))
            self._client.pause(attempt, self._spent)
        raise PlimsollError(f"GitHub does not give the list of pull requests: {reason}", remedy="Run again later")


def raise_if_unreadable(errors: Iterable[Mapping[str, Any]]) -> None:
    """Raise NotFoundError for errors that say that the thing is not there, NoAccessError for those that say to whom."""
    for error in errors:
        if error.get("type") in HIDDEN_TYPES:
            raise NoAccessError(str(error.get("message")))
        if error.get("type") == "NOT_FOUND":
            raise NotFoundError(str(error.get("message")))


def _entry(node: Mapping[str, Any]) -> Entry:
    return Entry(
        node_id=node["id"],
        id=int(node["fullDatabaseId"]),
        updated_at=node["updatedAt"],
        commits=node["commits"]["totalCount"] if "commits" in node else None,
        threads=node["reviewThreads"]["totalCount"] if "reviewThreads" in node else None,
    )


def changed(entries: Iterable[Entry], known: Mapping[int, datetime]) -> Iterator[Entry]:
    """The entries that the tables do not have as they are now: new ones, and those that changed.

    Args:
        entries: the list, or a part of it.
        known: database id to `updated_at` of the pull requests whose rows are complete.
    """
    for entry in entries:
        if known.get(entry.id) != moment(entry.updated_at):
            yield entry


def vanished(listed: Iterable[int], known: Iterable[int]) -> set[int]:
    """The pull requests of the tables that a whole list does not have."""
    return set(known) - set(listed)


def moment(text: str) -> datetime:
    """GitHub's time as a datetime."""
    return datetime.fromisoformat(text)
