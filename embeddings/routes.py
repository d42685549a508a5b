"""A query → the way it is answered. Pure.

direct: it names a pull request, a person or a path, and the marts answer in SQL. lexical: it is a quoted phrase or one
identifier, whose letters matter. hybrid: it says something. dense: none of its words occur, or a pull request is the
query.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

RouteName = Literal["direct", "lexical", "dense", "hybrid"]

_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_PULL_REQUEST = (
    re.compile(rf"^(?:https?://[^/\s]+/)?{_REPO}/pull/(?P<number>\d{{1,9}})(?:[/?#]\S*)?$"),
    re.compile(rf"^{_REPO}#(?P<number>\d{{1,9}})$"),
    re.compile(r"^(?:(?:pr|pull|pull request)\s*)?#?(?P<number>\d{1,9})$", re.IGNORECASE),
)
_AUTHOR = re.compile(r"^(?:@|author:\s*)(?P<author>[\w-]+(?:\[bot\])?)$", re.IGNORECASE)
_LOGIN = re.compile(r"^[A-Za-z0-9][\w-]{0,38}(?:\[bot\])?$")
_PATH = re.compile(r"^(?=.*[/.])[\w@+().\[\]-]+(?:/[\w@+().\[\]-]+)*/?$")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_QUOTED = re.compile(r"""^\s*(["'“`]).+(["'”`])\s*$""", re.DOTALL)
# camelCase, snake_case, dotted.names, CONSTANTS: one word that somebody copied from code
_IDENTIFIER = re.compile(r"^(?=.*[a-z][A-Z]|.*_|.*\w[.:]+\w|[A-Z0-9_]{4,}$)[\w.:$-]+(?:\(\))?$")


@dataclass(frozen=True)
class Route:
    """How a query is answered, and why.

    Attributes:
        name: the way.
        reason: why this one, for people.
        repo_name, number, author, path: what a direct query names.
    """

    name: RouteName
    reason: str
    repo_name: str | None = None
    number: int | None = None
    author: str | None = None
    path: str | None = None


def choose(query: str, is_author: Callable[[str], bool] = lambda login: False) -> Route:
    """The way to answer a query.

    A direct or a lexical answer may turn out empty; the search then goes on as hybrid.

    Args:
        query: what was asked.
        is_author: whether a single word is the login of somebody who opened a pull request.
    """
    text = query.strip()
    for pattern in _PULL_REQUEST:
        if match := pattern.match(text):
            found = match.groupdict()
            return Route("direct", "it names a pull request", repo_name=found.get("repo"), number=int(found["number"]))
    if match := _AUTHOR.match(text):
        return Route("direct", "it names a person", author=match["author"])
    if _LOGIN.match(text) and is_author(text):
        return Route("direct", "it is somebody's login", author=text)
    if _PATH.match(text) and ("/" in text or _EXTENSION.search(text)):
        return Route("direct", "it names a path", path=text.strip("/"))
    if _QUOTED.match(text):
        return Route("lexical", "it is a quoted phrase")
    if _IDENTIFIER.match(text):
        return Route("lexical", "it is an identifier")
    return Route("hybrid", "it is a question in words")
