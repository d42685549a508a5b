"""Connections: pages of rows, with cursors that survive changes of the list."""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .model import Entity
from .queries import GraphQLAnswerError

PAGE_LIMIT = 100
Arguments = dict[str, Any]
Key = Callable[[Any], tuple[Any, ...]]


@dataclass(slots=True)
class Row:
    """An object that is no entity of its own: a page, an edge, a rate limit."""

    typename: str
    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


def cursor(key: tuple[Any, ...]) -> str:
    """Returns the cursor of a row: its sort value and not its place, so that it survives changes of the list."""
    return base64.b64encode(b"cursor:v2:" + json.dumps(list(key)).encode()).decode()


def _position(text: str) -> tuple[Any, ...]:
    try:
        decoded = base64.b64decode(text, validate=True).removeprefix(b"cursor:v2:")
        position = json.loads(decoded)
    except (binascii.Error, ValueError):
        position = None
    if not isinstance(position, list):
        raise GraphQLAnswerError(f"`{text}` does not appear to be a valid cursor.", "INVALID_CURSOR_ARGUMENTS")
    return tuple(position)


def _page_size(arguments: Arguments) -> tuple[int, bool]:
    """Returns how many rows are asked for, and whether from the end."""
    name, first, last = arguments["connection"], arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise GraphQLAnswerError(
            f"Passing both `first` and `last` to paginate the `{name}` connection is not supported."
        )
    size, word = (last, "last") if first is None else (first, "first")
    if size is None:
        if arguments["selected"] & {"nodes", "edges", "pageInfo"}:
            raise GraphQLAnswerError(
                f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
                "MISSING_PAGINATION_BOUNDARIES",
            )
        return 0, False
    if size > PAGE_LIMIT:
        raise GraphQLAnswerError(
            f"Requesting {size} records on the `{name}` connection exceeds the `{word}` limit of {PAGE_LIMIT} records.",
            "EXCESSIVE_PAGINATION",
        )
    if size < 0:
        raise GraphQLAnswerError(f"`{word}` on the `{name}` connection cannot be less than zero.")
    return size, word == "last"


def paginate(rows: Sequence[Any], key: Key, arguments: Arguments, descending: bool = False) -> Row:
    """Returns one page of a connection.

    Args:
        rows: all rows, in ascending order of `key`.
        key: what orders the rows, unique among them.
        arguments: the field's `first`, `last`, `after` and `before`.
        descending: whether the client sees the rows in the opposite order.
    """
    size, from_end = _page_size(arguments)
    low, high = 0, len(rows)
    before, after = arguments.get("before"), arguments.get("after")
    if descending:
        before, after = after, before
    if after:
        low = bisect_right(rows, _position(after), key=key)
    if before:
        high = bisect_left(rows, _position(before), key=key)
    high = max(low, high)
    if from_end is descending:
        page = rows[low : min(high, low + size)]
        more_above, more_below = low + size < high, low > 0
    else:
        page = rows[max(low, high - size) : high] if size else []
        more_above, more_below = high < len(rows), high - size > low
    if descending:
        page = page[::-1]
        more_above, more_below = more_below, more_above
    cursors = [cursor(key(row)) for row in page] if arguments["selected"] & {"edges", "pageInfo"} else []
    info = {
        "start_cursor": cursors[0] if cursors else None,
        "end_cursor": cursors[-1] if cursors else None,
        "has_next_page": more_above,
        "has_previous_page": more_below,
    }
    return Row(
        "Connection",
        {
            "total_count": len(rows),
            "nodes": page,
            "edges": [Row("Edge", {"cursor": text, "node": row}) for text, row in zip(cursors, page, strict=False)],
            "page_info": Row("PageInfo", info),
        },
    )


def by_id(entity: Entity) -> tuple[Any, ...]:
    """Orders rows as they were made."""
    return (entity.database_id,)
