"""The part of a document that answers a query. Pure."""

import re

from embeddings.documents import Document
from embeddings.words import terms

LONGEST = 240
# the parts that hold sentences, in the order in which they are shown when none matches better
_PARTS = ("body", "patch", "commits", "title", "paths")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")


def best_passage(document: Document, query: str) -> str:
    """The sentence with most of the query's terms, the first one if none has any, cut at a word."""
    wanted = set(terms(query))
    best, most = "", -1
    for part in _PARTS:
        for sentence in _SENTENCE.split(document.parts.get(part, "")):
            if not sentence.strip():
                continue
            matches = len(wanted.intersection(terms(sentence)))
            if matches > most:
                best, most = sentence.strip(), matches
    return _cut(best)


def _cut(sentence: str) -> str:
    if len(sentence) <= LONGEST:
        return sentence
    beginning = sentence[: LONGEST - 1]
    # a script without spaces, or one endless word, is cut where it must be
    return (beginning.rsplit(" ", 1)[0] if " " in beginning[LONGEST // 2 :] else beginning) + "…"
