"""Whole organisations: which repositories they have, and which of them moved, a hundred a request."""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.sources.github import documents
from ingestion.sources.github.client import GitHubClient, NotFoundError, QueryTooHeavyError, Spent
from ingestion.sources.github.listing import raise_if_unreadable
from warehouse.errors import PlimsollError

ATTEMPTS = 6


@dataclass(frozen=True)
class Candidate:
    """A repository that a run may read.

    Attributes:
        name: `owner/name`.
        id: its database id; None where only the name was given.
        total: its number of pull requests; None where only the name was given.
        newest: `updatedAt` of the pull request that changed last; None where there is none or only the name was given.
    """

    name: str
    id: int | None = None
    total: int | None = None
    newest: str | None = None
    is_private: bool = False
    is_archived: bool = False
    is_fork: bool = False


def repositories_of(client: GitHubClient, owner: str, spent: Spent) -> Iterator[Candidate]:
    """The repositories of an organisation or a user.

    Raises:
        NotFoundError: there is no such owner.
        PlimsollError: GitHub does not give the list.
    """
    after = None
    while True:
        connection = _page(client, owner, after, spent)
        for node in connection["nodes"]:
            newest = node["pullRequests"]["nodes"]
            yield Candidate(
                name=node["nameWithOwner"],
                id=node["databaseId"],
                total=node["pullRequests"]["totalCount"],
                newest=newest[0]["updatedAt"] if newest else None,
                is_private=node["isPrivate"],
                is_archived=node["isArchived"],
                is_fork=node["isFork"],
            )
        if not connection["pageInfo"]["hasNextPage"]:
            return
        after = connection["pageInfo"]["endCursor"]


def _page(client: GitHubClient, owner: str, after: str | None, spent: Spent) -> dict:  # type: ignore[type-arg]
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            variables = {"login": owner, "after": after}
            answer = client.graphql(documents.operation("Probe"), variables, points=1, spent=spent)
        except QueryTooHeavyError as error:
            reason = str(error)
        else:
            found = answer.data["repositoryOwner"]
            if found is None:
                raise_if_unreadable(answer.errors)
                if not answer.errors:
                    raise NotFoundError(f"Could not resolve to an owner with the login of '{owner}'")
            elif not answer.errors:
                return dict(found["repositories"])
            reason = str(answer.errors[0].get("message"))
        client.pause(attempt, spent)
    raise PlimsollError(f"GitHub does not give the repositories: {reason}", where=owner, remedy="Run again later")


def selected(candidates: Sequence[Candidate], include: Sequence[str], exclude: Sequence[str]) -> list[Candidate]:
    """The candidates whose name matches a pattern of `include` (all if there are none) and none of `exclude`.

    Patterns are those of a shell, matched against `owner/name` or the name alone, without regard to case.
    """

    def matches(name: str, patterns: Sequence[str]) -> bool:
        forms = (name.lower(), name.lower().partition("/")[2])
        return any(fnmatch.fnmatchcase(form, pattern.lower()) for form in forms for pattern in patterns)

    return [c for c in candidates if (not include or matches(c.name, include)) and not matches(c.name, exclude)]
