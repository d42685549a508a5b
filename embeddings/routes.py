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
    re.compile(rf"^(?i:https?://[^/\s]+/|[^/\s]+\.[^/\s]+/)?{_REPO}/pull/(?P<number>\d{{1,9}})(?:[/?#]\S*)?$"),
    re.compile(rf"^{_REPO}#(?P<number>\d{{1,9}})$"),
    re.compile(r"^(?:(?:pr|pull|pull request)\s*#?|#)(?P<number>\d{1,9})$", re.IGNORECASE),
)
_BARE_NUMBER = re.compile(r"^\d{1,9}$")
_AUTHOR = re.compile(r"^(?:@|author:\s*@?)(?P<author>[\w-]+(?:\[bot\])?)$", re.IGNORECASE)
_LOGIN = re.compile(r"^[A-Za-z0-9][\w-]{0,38}(?:\[bot\])?$")
# as compilers and browsers write it too: ./src/x.py, /src/x.py, src/x.py:12, src/x.py#L12
_PATH = re.compile(
    r"^(?=.*[/.])(?:\.?/)?(?P<path>[\w@+().\[\]-]+(?:/[\w@+().\[\]-]+)*)/?(?::\d{1,9}){0,2}(?:#L\d{1,9}\S*)?$"
)
# a file or folder on GitHub's site, of whichever branch
_FILE_URL = re.compile(rf"^(?i:https?)://[^/\s]+/{_REPO}/(?:blob|blame|raw|tree)/[^/\s]+/(?P<path>[^?#\s]+)\S*$")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_QUOTED = re.compile(r"""^(?:"[^"]+"|'[^']+'|`[^`]+`|“[^“”]+”)$""")
# camelCase, snake_case, dotted.names, CONSTANTS: one word that somebody copied from code
_IDENTIFIER = re.compile(r"^(?=.*[a-z][A-Z]|.*_|.*\w[.:]+\w|[A-Z0-9_]{4,}$)[\w.:$-]+(?:\(\))?$")


@dataclass(frozen=True)
class Route:
    """How a query is answered, and why.

    Attributes:
        name: the way.
        reason: why this one, for people.
        is_certain: whether the query can mean nothing else, so that no answer is the answer.
        is_phrase: whether all words of the query must occur.
        repo_name, number, author, path: what a direct query names.
    """

    name: RouteName
    reason: str
    is_certain: bool = False
    is_phrase: bool = False
    repo_name: str | None = None
    number: int | None = None
    author: str | None = None
    path: str | None = None


def choose(query: str, is_login: Callable[[str], bool] = lambda word: False) -> Route:
    """The way to answer a query.

    A direct answer that is not certain may turn out empty; the search then goes on with `in_words`.

    Args:
        query: what was asked.
        is_login: whether a single word is somebody's login rather than a word.
    """
    text = query.strip()
    for pattern in _PULL_REQUEST:
        if match := pattern.match(text):
            found = match.groupdict()
            return Route(
                "direct", "it names a pull request", True, repo_name=found.get("repo"), number=int(found["number"])
            )
    if match := _AUTHOR.match(text):
        return Route("direct", "it names a person", True, author=match["author"])
    if _BARE_NUMBER.match(text):
        return Route("direct", "it is a number", number=int(text))
    if _LOGIN.match(text) and is_login(text):
        return Route("direct", "it is somebody's login", author=text)
    if match := _FILE_URL.match(text):
        return Route("direct", "it names a path", repo_name=match["repo"], path=match["path"].rstrip("/"))
    text = text.replace("\\", "/")
    if (match := _PATH.match(text)) and ("/" in text or _EXTENSION.search(match["path"])):
        return Route("direct", "it names a path", path=match["path"])
    return in_words(query)


def in_words(query: str) -> Route:
    """The way to answer a query that names neither a pull request nor a person nor a path."""
    text = query.strip()
    if _QUOTED.match(text):
        return Route("lexical", "it is a quoted phrase", is_phrase=True)
    if _IDENTIFIER.match(text):
        return Route("lexical", "it is an identifier")
    return Route("hybrid", "it is a question in words")
