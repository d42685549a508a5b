"""Markdown → prose, and cutting that never breaks a character."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.prose import branch_words, cut_bytes, headlines, plain, prose


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("Plain words.", "Plain words.", id="plain"),
        pytest.param("<!-- please\nfill in -->Words.", "Words.", id="comment"),
        pytest.param("<!-- never closed", "", id="unclosed comment"),
        pytest.param("## What\r\n\r\nIt **works** now.", "It works now.", id="template heading and CRLF"),
        pytest.param("- [x] tested\n- [ ] documented\n- A point", "A point", id="check list"),
        pytest.param("> quoted\n> twice\nAnswer.", "Answer.", id="quotation"),
        pytest.param("![badge](https://x/y.svg) See [the page](https://x/z).", "See the page.", id="image and link"),
        pytest.param("Before\n```py\ncode = 1\n```\nAfter", "Before\nAfter", id="code"),
        pytest.param("Before\n```\nnever closed", "Before", id="unclosed code"),
        pytest.param("See https://example.org/a?b=c now", "See now", id="bare address"),
        pytest.param("a < b and snake_case_name", "a < b and snake_case_name", id="not a tag, not emphasis"),
        pytest.param("Return List<Item>, not Map<K, V>.", "Return List<Item>, not Map<K, V>.", id="generics"),
        pytest.param("<p align='x'>Go</p> on<br/>and <b>on</b>", "Go on and on", id="tags"),
        pytest.param('See <img\n  src="x"\n/>this', "See this", id="tag over several lines"),
        pytest.param('See <img src=https://x/y.png> <a href="https://x">it</a>', "See it", id="address in a tag"),
        pytest.param("_So_ **__it__** is a_b_c", "So it is a_b_c", id="emphasis within emphasis"),
        pytest.param("By Jane <jane@example.org>, <https://x.org>.", "By Jane , .", id="addresses in brackets"),
        pytest.param("[Ships](https://x/Ship_(boat)) [[1]](u)", "Ships [[1]](u)", id="brackets in an address"),
        pytest.param("A&nbsp;&amp;&#32;B &lt;b&gt; &copy R&D &&", "A & B <b> &copy R&D &&", id="entities"),
        pytest.param("&nbsp;\n&#0;&#x1;\n", "", id="nothing but entities"),
        pytest.param("---\n***\n", "", id="rules"),
        pytest.param("日本語の説明です。", "日本語の説明です。", id="not Latin"),
    ],
)
def test_prose_keeps_what_people_wrote(markdown: str | None, expected: str) -> None:
    assert prose(markdown) == expected


@given(st.text(max_size=400))
def test_prose_takes_any_text(text: str) -> None:
    assert "\x00" not in prose(text)


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "![",
        "- [",
        "[a](",
        "[a]((",
        "](",
        "<!--",
        "```",
        "```\n",
        "~~~",
        "<a ",
        "</",
        "> ",
        "*",
        "_a",
        "1.",
        "#",
        "\t",
    ],
)
def test_prose_takes_no_time_for_any_text(piece: str) -> None:
    started = time.process_time()
    prose(piece * (65_536 // len(piece)))
    branch_words(f"patch-{'1' * 200}{piece}")
    assert time.process_time() - started < 0.5


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_cut_never_breaks_a_character(text: str, limit: int) -> None:
    cut = cut_bytes(text, limit)
    assert len(cut.encode()) <= limit
    clean = text.encode(errors="replace").decode()
    assert clean.startswith(cut)
    # as much as fits: one more character would be too much
    assert len(cut) == len(clean) or len(clean[: len(cut) + 1].encode()) > limit


def test_cut_replaces_what_cannot_be_stored() -> None:
    assert cut_bytes("a\ud800b", 10) == "a?b"


@given(st.text())
def test_plain_has_no_control_characters(text: str) -> None:
    assert not any(ord(character) < 32 and character not in "\t\n" for character in plain(text))


@pytest.mark.parametrize(
    ("branch", "words"),
    [
        ("fix-nonce_reuse", "fix nonce reuse"),
        ("jane/fix-login", "fix login"),
        ("feature/login.page", "feature login page"),
        ("patch-1", ""),
        ("main", ""),
        ("develop", ""),
        ("update-3", ""),
        ("update-docs", "update docs"),
        (None, ""),
    ],
)
def test_branch_words(branch: str | None, words: str) -> None:
    assert branch_words(branch, "Jane") == words


def test_headlines_are_what_people_wrote() -> None:
    messages = [
        "Add retries\n\nLong text", "Merge branch 'main' into x", "Add retries", "WIP", "fixup! Add retries",
        "Update README.md", "Update the retry policy", "", "Merge sort is faster",
    ]  # fmt: skip
    assert headlines(messages) == "Add retries\nUpdate the retry policy\nMerge sort is faster"
