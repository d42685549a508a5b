"""What an answer says of each object that was asked for by its id: it is here, it is gone, or it was not read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.sources.github.client import Answer, is_heavy

HIDDEN_TYPES = {"FORBIDDEN", "INSUFFICIENT_SCOPES"}


@dataclass
class Read:
    """What one request for objects by their ids gave.

    Attributes:
        nodes: the objects in order; None for those that are gone or were not read.
        unread: the places of those not read whole: null, or with an error inside, for any reason but that they are
            gone.
        is_heavy: whether the reason was the query's weight.
        reason: GitHub's words for it.
    """

    nodes: list[Any]
    unread: set[int]
    is_heavy: bool
    reason: str = ""

    @classmethod
    def of(cls, answer: Answer, alias: str, count: int | None = None) -> "Read":
        """The part of an answer under an alias; `count` objects were asked for."""
        nodes = answer.data.get(alias)
        # GitHub names the place of an object that is gone after the field in some answers, after its alias in others
        places = (alias, "nodes")
        errors = [error for error in answer.errors if not error.get("path") or error["path"][0] in places]
        if nodes is None:
            nodes = [None] * (count or 0)
        unread = {place for place, node in enumerate(nodes) if not node}
        for error in errors:
            path = error.get("path") or []
            if len(path) < 2:
                # an error without a place taints all
                unread = set(range(len(nodes)))
                break
            if len(path) > 2 and error.get("type") in HIDDEN_TYPES:
                # the token may not see this one field: null is the answer, and will be
                continue
            if error.get("type") != "NOT_FOUND" or len(path) > 2:
                unread.add(path[1])
            elif path[1] < len(nodes) and nodes[path[1]] is None:
                unread.discard(path[1])
        return cls(nodes, unread, any(is_heavy(error) for error in errors), reason_of(errors))


def reason_of(errors: list[dict[str, Any]]) -> str:
    """GitHub's words for the first error."""
    return str(errors[0].get("message", "")) if errors else "null without an error"


def is_gone(errors: Iterable[Mapping[str, Any]], alias: str) -> bool:
    """Whether the single object under an alias is gone."""
    return any(e.get("type") == "NOT_FOUND" and e.get("path") in ([alias], ["node"]) for e in errors)
