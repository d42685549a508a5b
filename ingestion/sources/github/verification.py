"""Questions about objects that are known by their ids: are pull requests still there, what are accounts called now."""

from ingestion.sources.github import documents
from ingestion.sources.github.answers import Read
from ingestion.sources.github.client import GitHubClient, NotFoundError, QueryTooHeavyError, Spent
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.shaping import Json
from warehouse.errors import PlimsollError

ATTEMPTS = 8


def still_there(client: GitHubClient, node_ids: list[str], repository_node_id: str, spent: Spent) -> dict[str, str]:
    """Ask GitHub for pull requests by their ids.

    Each request asks for the repository, too: to whoever may not see it, all its pull requests look deleted.

    Args:
        client: talks to GitHub.
        node_ids: their GraphQL ids.
        repository_node_id: the repository they should be in, by its GraphQL id.
        spent: is charged with every request.

    Returns:
        Node id to `updatedAt` of those that GitHub still has in this repository.

    Raises:
        NotFoundError: the repository cannot be read.
        PlimsollError: GitHub does not say of each whether it is there.
    """
    found: dict[str, Json | None] = {}
    for place in range(0, len(node_ids), PAGE - 1):
        part = _by_ids(client, "Exists", [repository_node_id, *node_ids[place : place + PAGE - 1]], spent)
        if part.pop(repository_node_id) is None:
            raise NotFoundError("the repository has gone, or the token has lost access to it")
        found |= part
    return {
        node_id: node["updatedAt"]
        for node_id, node in found.items()
        if node is not None and node["repository"]["id"] == repository_node_id
    }


def is_there(client: GitHubClient, node_id: str, spent: Spent) -> bool:
    """Whether GitHub knows an object by its GraphQL id, whatever it is called now.

    Raises:
        PlimsollError: GitHub does not say.
    """
    return _by_ids(client, "Exists", [node_id], spent)[node_id] is not None


def read_accounts(client: GitHubClient, node_ids: list[str], spent: Spent) -> dict[str, Json | None]:
    """Accounts as they are now.

    Args:
        client: talks to GitHub.
        node_ids: their GraphQL ids.
        spent: is charged with every request.

    Returns:
        Node id to account; None for those that GitHub has no more.

    Raises:
        PlimsollError: GitHub does not answer for each.
    """
    return _by_ids(client, "Accounts", node_ids, spent)


def _by_ids(client: GitHubClient, operation: str, node_ids: list[str], spent: Spent) -> dict[str, Json | None]:
    """Node id to object for every id; None only where GitHub says that it is gone, not where it did not answer."""
    found: dict[str, Json | None] = {}
    todo = [node_ids[place : place + PAGE] for place in range(0, len(node_ids), PAGE)]
    fruitless = 0
    while todo:
        part = todo.pop()
        try:
            answer = client.graphql(documents.operation(operation), {"ids": part}, points=1, spent=spent)
        except QueryTooHeavyError:
            left = part
        else:
            read = Read.of(answer, "nodes")
            left = [part[place] for place in sorted(read.unread)]
            found |= {part[place]: node for place, node in enumerate(read.nodes) if place not in read.unread}
        if left:
            fruitless += 1
            if fruitless > ATTEMPTS:
                raise PlimsollError(
                    "GitHub does not answer for single objects", where=operation, remedy="Run again later"
                )
            client.pause(fruitless, spent)
            todo.append(left)
    return found
