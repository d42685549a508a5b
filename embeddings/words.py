"""Text → the terms of the lexical index. Pure."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

import Stemmer

# scripts written without spaces, alone or beside Latin words: a pair of characters is their nearest thing to a word
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f\U00020000-\U000323af"
# keys and encoded data make endless words: what is longer is taken as several
_LONGEST_WORD = 128
_LETTERS = rf"[^\W_{_UNSPACED}]{{1,{_LONGEST_WORD}}}"
_WORD = re.compile(rf"{_LETTERS}(?:'{_LETTERS})?|(?P<unspaced>[{_UNSPACED}]+)")
# what a word has or has not without being another: points of Hebrew and Arabic, the variant of a sign
_OPTIONAL = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\ufe00-\ufe0f]"
)
# where the scripts whose vowels are marks lie
_MARKED_SCRIPTS = range(0x300, 0x12000)
# the same for ASCII, which nearly every text is, in half the time
_ASCII_LETTERS = rf"[^\W_]{{1,{_LONGEST_WORD}}}"
_ASCII_WORD = re.compile(f"{_ASCII_LETTERS}(?:'{_ASCII_LETTERS})?", re.ASCII)
# co-path is written copath, too; a chain of more is a name of its own, of a branch or a file
_PART = r"[^\W\d_]{1,32}"
_COMPOUND = re.compile(rf"(?<![\w-]){_PART}(?:-{_PART}){{1,2}}(?![\w-])")
# two words beside each other: what one writes apart, as rate limit, another writes in one
_NEIGHBOURS = re.compile(r"(?<!\w)([^\W\d_]{2,32}) +(?=([^\W\d_]{2,32})(?!\w))")
# accents of Latin letters, which are left out as often as not; of other scripts they make another letter
_ACCENTS = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")
# what is spelt otherwise in Britain: serialise, analyse, behaviour; but not what has relatives in -ision or -isement
_ENDINGS = "e[sdr]?|ers|ing(?:ly)?|ations?|ational|able"
_BRITISH = (
    (re.compile(rf"(?<=[a-z]{{4}})(?<!prec)(?<!conc)(?<!telev)(?<!superv)(?<!advert)is(?=(?:{_ENDINGS})$)"), "iz"),
    (re.compile(rf"(?<=[a-z]{{4}})ys(?=(?:{_ENDINGS})$)"), "yz"),
    (re.compile(r"(?<=[a-z]{3})our(?=(?:s|ed|ing|ers?|al|able|ful|hoods?|ites?)?$)"), "or"),
)
# the apostrophes and the hyphen of typesetters
_TYPESET = str.maketrans("\u2019\u02bc\u2010", "''-")
# camelCase, HTTPServer and utf8 hold words of their own
_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Postgres' index takes no key beyond 2,704 bytes
LONGEST_TERM = 64

_FUNCTION_WORDS = """
a an and are as at be but by can could do does for from had has have he how i if in into is it its me my no not of on or
our she should so such than that the their then there these they this those to us was we were what when where which who
why will with would you your
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())

_stem: Callable[[str], str] = Stemmer.Stemmer("english").stemWord


def query_terms(text: str) -> list[str]:
    """The terms of a query: those of its text, and its neighbours in one word, which a document may have."""
    pairs = _NEIGHBOURS.findall(_composed(text).lower())
    return [*terms(text), *(_root(first + second) for first, second in pairs if not {first, second} & STOP_WORDS)]


def terms(text: str) -> list[str]:
    """The stemmed terms of a text, with the parts of an identifier or compound beside the whole, without stop words.

    The same text gives the same terms however its ligatures, wide letters, apostrophes and hyphens are encoded, with or
    without the accents of Latin letters, in American and in British spelling.
    """
    text = _composed(text)
    # few words have a hyphen: to look for them first takes a fraction of the time that the pattern takes over all
    hyphenated = " ".join(each for each in text.split() if "-" in each) if "-" in text else ""
    compounds = [_root(each.replace("-", "").lower()) for each in _COMPOUND.findall(hyphenated)]
    if text.isascii():
        return [*chain.from_iterable(map(_of_word, _ASCII_WORD.findall(text))), *compounds]
    found: list[str] = []
    word = _WORD
    if any(map(_is_mark, set(text))):
        text, word = _OPTIONAL.sub("", text), _word_with_marks()
    for match in word.finditer(text):
        if run := match["unspaced"]:
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            found += _of_word(match.group())
    return found + compounds


def _composed(text: str) -> str:
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_TYPESET)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def _root(word: str) -> str:
    for pattern, american in _BRITISH:
        word = pattern.sub(american, word)
    return _stem(word[:LONGEST_TERM])


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


@lru_cache(maxsize=1)
def _word_with_marks() -> re.Pattern[str]:
    r"""As `_WORD`, for scripts whose vowels are marks beside the letters, which `\w` leaves out: of Hindi, say."""
    candidates = (chr(number) for number in _MARKED_SCRIPTS)
    marks = "".join(each for each in candidates if _is_mark(each) and not re.match(f"[{_UNSPACED}]", each))
    letters = rf"[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{marks}]){{0,{_LONGEST_WORD - 1}}}"
    return re.compile(rf"{letters}(?:'{letters})?|(?P<unspaced>[{_UNSPACED}]+)")


@lru_cache(maxsize=50_000)
def _of_word(word: str) -> tuple[str, ...]:
    lower = word.lower()
    if lower in STOP_WORDS:
        return ()
    # what stands between two accents is no word of its own
    pieces = _PIECE.findall(word) if word.isascii() else []
    lowered = [piece.lower() for piece in pieces if len(piece) > 1] if len(pieces) > 1 else []
    # a possessive has one stem with and without its ending
    return tuple(dict.fromkeys(_root(each) for each in (lower, *lowered) if each not in STOP_WORDS))
