"""The part of a document that answers a query. Pure."""

import re
from collections.abc import Iterable

from embeddings.documents import Document
from embeddings.words import terms

LONGEST = 240
# the parts that hold sentences, in the order in which they are shown when none matches better
_PARTS = ("body", "patch", "commits", "title", "paths", "issues", "conversation")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")
_TOKEN = re.compile(r"\S+")


def best_passage(document: Document, query: str) -> str:
    """The sentence with most of the query's terms, the first one if none has any, cut at a word.

    Not the title, which is shown in any case, unless nothing else has any of the terms.
    """
    wanted = set(terms(query))
    # to look for them is much cheaper than to make terms of a sentence: a stem begins as its word does
    beginnings = {term[:3] for term in wanted}
    best, most = "", -1.0
    texts = {**document.parts, **document.context}
    title = texts.get("title", "").strip()
    for part in _PARTS:
        for sentence in map(str.strip, _SENTENCE.split(texts.get(part, ""))):
            if not sentence:
                continue
            matches: float = 0
            if not sentence.isascii() or _has_any(sentence, beginnings):
                matches = len(wanted.intersection(terms(sentence)))
            if matches and sentence == title:
                # less than a single term elsewhere
                matches = 0.5
            if matches > most:
                best, most = sentence, matches
            if most == len(wanted):
                return _cut(best, wanted)
    return _cut(best, wanted)


def _has_any(sentence: str, beginnings: Iterable[str]) -> bool:
    # a compound is a term without its hyphens, too
    text = sentence.lower().replace("-", "")
    return any(beginning in text for beginning in beginnings)


def _cut(sentence: str, wanted: set[str]) -> str:
    if len(sentence) <= LONGEST:
        return sentence
    start = _first_match(sentence, wanted)
    if start < LONGEST // 2:
        return _beginning(sentence)
    # some of what comes before the match, from a word on
    start -= LONGEST // 4
    space = sentence.find(" ", start, start + LONGEST // 4)
    return "…" + _beginning(sentence[space + 1 if space >= 0 else start :], LONGEST - 1)


def _beginning(sentence: str, longest: int = LONGEST) -> str:
    if len(sentence) <= longest:
        return sentence
    beginning = sentence[: longest - 1]
    # a script without spaces, or one endless word, is cut where it must be
    return (beginning.rsplit(" ", 1)[0] if " " in beginning[longest // 2 :] else beginning) + "…"


def _first_match(sentence: str, wanted: set[str]) -> int:
    for token in _TOKEN.finditer(sentence):
        if matching := wanted.intersection(terms(token.group())):
            # a script without spaces makes one token of a sentence
            places = (token.group().lower().find(term) for term in matching)
            return token.start() + min((place for place in places if place >= 0), default=0)
    return 0
