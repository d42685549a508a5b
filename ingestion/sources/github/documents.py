"""The GraphQL texts: operations and fragments from `queries/`, put together with just the fragments that they use."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

_DEFINITION = re.compile(r"^(query|fragment) (\w+)[^{]*{.*?^}", re.MULTILINE | re.DOTALL)
_SPREAD = re.compile(r"\.\.\.(\w+)")


@cache
def _definitions() -> dict[str, str]:
    texts = (path.read_text() for path in (files(__package__) / "queries").iterdir() if path.name.endswith(".graphql"))
    return {match.group(2): match.group(0) for text in texts for match in _DEFINITION.finditer(text)}


@cache
def operation(name: str) -> str:
    """The document of an operation in `queries/`."""
    return document(_definitions()[name])


def document(text: str) -> str:
    """An operation with the fragments that it uses, directly or through others."""
    return "\n".join([text, *(_definitions()[name] for name in sorted(set(_spreads(text, set()))))])


def _spreads(text: str, seen: set[str]) -> Iterator[str]:
    for name in _SPREAD.findall(text):
        if name not in seen and name in _definitions():
            seen.add(name)
            yield name
            yield from _spreads(_definitions()[name], seen)
