"""Text as people wrote it → plain prose, and cutting it without breaking a character. Pure."""

import html
import re

# beyond this a body is a log or a dump, and an index takes no more than 8,000 bytes of what is left of it
BODY_CHARACTERS = 20_000

_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CODE_FENCE = re.compile(r"^[ \t]*(`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
# what a body may hold is anybody's choice: no repeat here can start over where another one has already looked
_BRACKETS, _TARGET = r"\[([^\[\]\n]*+)\]", r"\([^()\n]*+(?:\([^()\n]*+\)[^()\n]*+)*+\)"
_IMAGE = re.compile("!" + _BRACKETS + _TARGET)
_LINK = re.compile(_BRACKETS + _TARGET)
# patterns that begin with a letter of their own are looked for four times faster than one that joins them
_AUTOLINK = re.compile(r"<(?:https?://[^\s<>]*|[^\s<>@]{1,64}@[^\s<>@]{1,255})>")
_URL = re.compile(r"https?://[^\s)>\]]+")
# the tags that GitHub shows; what else stands in angle brackets is code: List<Item>
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|dd|del|details|dfn|div|dl|dt|em|figcaption|figure|font|h[1-6]"
    r"|hr|i|img|ins|kbd|li|mark|ol|p|picture|pre|q|rp|rt|ruby|s|samp|small|source|span|strike|strong|sub|summary|sup"
    r"|table|tbody|td|tfoot|th|thead|time|tr|tt|u|ul|var|video|wbr)(?:\s[^<>]{0,1000})?/?>"
)
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_HEADING_LINE = re.compile(r"^[ \t]*#{1,6}[ \t].*$", re.MULTILINE)
_CHECK_LINE = re.compile(r"^[ \t]*[-*+][ \t]+\[[ xX]\].*$", re.MULTILINE)
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+", re.MULTILINE)
# an underscore inside a word belongs to an identifier
_UNDERSCORE = re.compile(r"(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)")
_EMPHASIS = re.compile(r"[*`]+|~~")
_BLANK = re.compile(r"[^\S\n]+")
# (a sign that each of these holds, what it is, what takes its place), in the order in which they go
_NOISE = (
    ("<!--", _HTML_COMMENT, " "),
    ("\n", _CODE_FENCE, " "),
    ("![", _IMAGE, " "),
    ("](", _LINK, r"\1"),
    ("<", _AUTOLINK, " "),
    ("://", _URL, " "),
    ("<", _TAG, " "),
    (">", _QUOTED_LINE, " "),
    ("#", _HEADING_LINE, " "),
    ("[", _CHECK_LINE, " "),
    ("", _LIST_MARK, " "),
    ("_", _UNDERSCORE, ""),
)
# with its semicolon, or else an address with &copy=1 would hold a sign
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,31}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

# a commit that only says what the tool did: it tells nothing of the pull request
_TOOL_HEADLINE = re.compile(
    r"^(?:merge (?:branch|remote-tracking|pull request|commit|tag)\b|apply suggestions? from|update [\w./-]+$|wip$"
    r"|fixup!|squash!)",
    re.IGNORECASE,
)
_GENERIC_BRANCH = re.compile(r"^(?:patch|main|master|develop|dev|trunk|head|update|release|fork)[ \d]*$", re.IGNORECASE)


def prose(markdown: str | None) -> str:
    """The sentences of a Markdown body, one line a paragraph or list item.

    HTML comments, code blocks, images, badges, template headings, check lists, quoted text and bare addresses go: they
    are the same in every pull request of a repository, and would make all of them alike.
    """
    if not markdown:
        return ""
    text = markdown[:BODY_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    for sign, noise, instead in _NOISE:
        # most texts hold little of it, and to look for the sign takes a tenth of the time
        if sign in text:
            text = noise.sub(instead, text)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    text = _EMPHASIS.sub("", text)
    lines = (_BLANK.sub(" ", line).strip() for line in plain(text).split("\n"))
    return "\n".join(line for line in lines if any(character.isalnum() for character in line))


def plain(text: str) -> str:
    """`text` without control characters, which neither Milvus nor a tokenizer has a use for."""
    # nearly every text is clean, and asking is much cheaper than replacing
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def branch_words(branch: str | None, author: str | None = None) -> str:
    """What a branch's name says: `jane/fix-nonce_reuse` → `fix nonce reuse`; nothing for `patch-1` and the like."""
    segments = [segment for segment in plain(branch or "").split("/") if segment]
    if len(segments) > 1 and author and segments[0].lower() == author.lower():
        segments = segments[1:]
    words = " ".join(re.split(r"[-_./\s]+", " ".join(segments))).strip()
    return "" if _GENERIC_BRANCH.match(words) else words


def headlines(messages: list[str]) -> str:
    """The first lines of commit messages, each once, without merges and other lines that tools write."""
    first_lines = (plain(message).strip().split("\n", 1)[0].strip() for message in messages)
    return "\n".join(dict.fromkeys(line for line in first_lines if line and not _TOOL_HEADLINE.match(line)))


def cut_bytes(text: str, limit: int) -> str:
    """The longest beginning of `text` with at most `limit` bytes of UTF-8, whole characters only."""
    if len(text) <= limit and text.isascii():
        return text
    # a lone surrogate cannot be encoded: what is stored must be what was measured
    encoded = text.encode("utf-8", errors="replace")
    return encoded[:limit].decode("utf-8", errors="ignore")
