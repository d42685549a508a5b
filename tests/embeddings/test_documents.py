"""Rows → documents."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from embeddings.collections import COLLECTIONS
from embeddings.documents import PART_BYTES, TEXT_BYTES, file_change_document, pull_request_document
from embeddings.words import LONGEST_TERM, query_terms, terms
from tests.embeddings.marts import EPOCH


def pull_request_row(**values: Any) -> dict[str, Any]:
    return {
        "repo_name": "acme/ship", "pr_number": 7, "title": "Retry uploads", "author": "jane", "created_at": EPOCH,
        "merged_at": None, "is_merged": False, "additions": 3, "deletions": 2, "labels_full": [{"name": "bug"}],
        "risk_score": 2.5, "high_risk": False, "is_feature": False, "url": "https://x", "body": "They fail.",
        "head_ref_name": "retry-uploads", "commit_messages": ["Retry three times"], "file_paths": ["a.py", "b.py"],
        "language": "Python", "issue_titles": None, "conversation": None,
    } | values  # fmt: skip


def file_row(**values: Any) -> dict[str, Any]:
    return {
        "repo_name": "acme/ship", "pr_number": 7, "file_path": "src/up_load.py", "title": "Retry uploads",
        "author": "jane", "created_at": EPOCH, "merged_at": EPOCH, "is_merged": True, "labels_full": [],
        "risk_score": 1.0, "high_risk": False, "is_feature": False, "url": "https://x", "language": "Python",
        "lines_changed": 4, "patch": "@@ -1,2 +1,2 @@\n context\n-old_call()\n+new_call()\n",
    } | values  # fmt: skip


def test_a_pull_request_is_its_heading_and_the_rest() -> None:
    document = pull_request_document(pull_request_row())
    assert document.id == "acme/ship#7"
    assert list(document.parts) == ["title", "branch", "body", "commits", "labels", "paths"]
    assert document.views == (
        "Retry uploads\nretry uploads",
        "Retry uploads\nretry uploads\nThey fail.\nRetry three times",
    )
    assert document.text.startswith("Retry uploads\nretry uploads\nThey fail.")


def test_what_others_said_is_for_the_words_alone() -> None:
    quiet = pull_request_document(pull_request_row())
    discussed = pull_request_document(
        pull_request_row(conversation=["> quoted\nWhy **three**?", "Because."], issue_titles=["Uploads fail"])
    )
    assert discussed.context == {"issues": "Uploads fail", "conversation": "Why three?\nBecause."}
    assert (quiet.views, quiet.text, quiet.content_sha256) == (
        discussed.views, discussed.text, discussed.content_sha256,
    )  # fmt: skip
    long = pull_request_document(pull_request_row(conversation=["word " * 400] * 60))
    assert len(long.context["conversation"]) <= PART_BYTES


def test_a_file_change_has_its_changed_lines_only() -> None:
    document = file_change_document(file_row())
    assert document.id == "acme/ship#7:src/up_load.py"
    assert document.parts["patch"] == "old_call()\nnew_call()"
    assert document.views[0] == "src up load py\nRetry uploads"
    assert file_change_document(file_row(patch=None)).views[-1].endswith("Python")


def test_only_a_changed_text_changes_the_content_hash() -> None:
    first = pull_request_document(pull_request_row())
    moved = pull_request_document(pull_request_row(risk_score=9.0, merged_at=EPOCH, is_merged=True))
    assert (first.content_sha256 == moved.content_sha256, first.record_sha256 == moved.record_sha256) == (True, False)
    edited = pull_request_document(pull_request_row(body="They fail often."))
    assert first.content_sha256 != edited.content_sha256
    # what is embedded holds neither labels nor paths
    for change in ({"labels_full": [{"name": "ui"}]}, {"file_paths": ["a.py", "c.py"]}):
        other = pull_request_document(pull_request_row(**change))
        assert first.content_sha256 == other.content_sha256
        assert first.record_sha256 != other.record_sha256


def test_a_word_that_moves_between_parts_changes_the_content_hash() -> None:
    one = pull_request_document(pull_request_row(body="one two", commit_messages=["three"]))
    other = pull_request_document(pull_request_row(body="one", commit_messages=["two three"]))
    assert one.content_sha256 != other.content_sha256


def test_a_pull_request_without_words_still_has_a_text_to_embed() -> None:
    row = pull_request_row(title="", body=None, head_ref_name=None, commit_messages=None, file_paths=None)
    assert pull_request_document(row).views == ("acme/ship#7",)


@given(st.text(max_size=100), st.text(), st.lists(st.text(max_size=50), max_size=5))
def test_any_text_makes_a_document_within_the_limits(title: str, body: str, messages: list[str]) -> None:
    row = pull_request_row(title=title, body=body * 50, commit_messages=messages, head_ref_name=title)
    document = pull_request_document(row)
    limits = {field.name: field.max_bytes for field in COLLECTIONS["pr_index"].fields}
    assert len(document.text.encode()) <= TEXT_BYTES <= limits["text"]
    assert all(view.strip() and len(view.encode()) <= TEXT_BYTES for view in document.views)
    assert document == pull_request_document(row)


@given(st.text())
def test_terms_of_any_text_are_short_words(text: str) -> None:
    for term in terms(text):
        # postings are copied as tab-separated text: a term must not need escaping
        assert term and len(term) <= LONGEST_TERM + 2 and not set(term) & set("\t\n\r\\")


def test_an_endless_word_is_cut_with_its_parts() -> None:
    word = "key7" + "abcdefgh" * 700
    assert {"key", "abcdefgh" * 8} <= set(terms(word))
    assert max(map(len, terms(word))) <= LONGEST_TERM
    # what is remembered of words must not grow with their length
    assert len(terms("x" * 1280)) == 10


def test_identifiers_are_found_whole_and_in_parts() -> None:
    assert {"clientinitkey", "client", "init", "key"} <= set(terms("ClientInitKey"))
    assert {"http", "server"} <= set(terms("HTTPServer"))
    assert set(terms("retry_uploads")) == set(terms("retries upload"))
    assert terms("the of and") == []
    assert terms("the user’s name") == terms("the user's name") == terms("the userʼs name") == ["user", "name"]
    assert terms("Can’t, O’Brien") == terms("can't O'Brien") and "brien" in terms("O’Brien")


def test_a_compound_is_found_in_parts_and_without_its_hyphens() -> None:
    assert {"co", "path", "copath"} == set(terms("Co-path"))
    assert set(terms("multi-tenant")) == {"multi", "tenant", *terms("multitenant")}
    assert terms("multi-tenant") == terms("multi‐tenant") == terms("multi‑tenant")
    assert "веббраузер" in set(terms("веб-браузер")) & set(terms("веббраузер"))
    assert max(map(len, terms("-".join(["a" * 32] * 3)))) == LONGEST_TERM
    # the chains of words in names of branches and files are no compounds, and neither are versions and dates
    assert terms("draft-ietf-mls-protocol") == terms("draft ietf mls protocol")
    assert terms("2024-01-20 v1-rc2") == terms("2024 01 20 v1 rc2")


def test_british_and_american_spelling_meet() -> None:
    for british, american in (
        ("serialisation", "serialization"), ("initialise", "initialized"), ("authorised", "authorizing"),
        ("organisational", "organizational"), ("analysed", "analyze"), ("behaviours", "behavior"),
        ("neighbourhood", "neighborhood"), ("colourful", "colorful"),
    ):  # fmt: skip
        assert terms(british) == terms(american), british
    # what is spelt in one way keeps its relatives
    for word, relative in (("precise", "precision"), ("supervise", "supervision"), ("advertise", "advertisement")):
        assert terms(word) == terms(relative), word
    assert terms("four hours") == ["four", "hour"] and terms("noises") == terms("noise")


def test_words_of_a_query_meet_their_compound() -> None:
    assert terms("ciphersuite")[0] in query_terms("Which cipher suite is used?")
    assert terms("ratelimits")[0] in query_terms("rate limits")
    # sentences and what stands between them join nothing, nor do words that mean little
    assert query_terms("of the path, of it. 12 keys") == terms("of the path, of it. 12 keys")


def test_terms_of_any_script_meet_their_query() -> None:
    assert terms("日本語") == ["日本", "本語"]
    assert terms("字") == ["字"]
    assert set(terms("超时")) < set(terms("修复API超时问题")) and "api" in terms("修复API超时问题")
    assert terms("résumé") == terms("re\u0301sume\u0301") == terms("resume")
    # elsewhere such a mark makes another letter
    assert terms("мой") != terms("мои")
    assert terms("ﬁle ＡＰＩ ｶﾀｶﾅ") == terms("file API カタカナ")
    assert "sum" not in terms("résumé") and "über" not in terms("Übertragung") and terms("日's 本") == ["日", "s", "本"]


def test_vowels_that_are_marks_belong_to_the_word() -> None:
    assert terms("किताब") == ["किताब"] and terms("ভাষা") == ["ভাষা"]
    assert not set(terms("है")) & set(terms("हो"))
    # points are mostly left out
    assert terms("مُحَمَّد") == terms("محمد") and terms("שָׁלוֹם") == terms("שלום")
    # an emoji's variant is no word, and makes none longer
    assert terms("1️⃣ ❤️ retry️") == terms("1 retry")
    assert len(terms("की" * 200)) > 1
