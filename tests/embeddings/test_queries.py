"""Queries: their routes, filters, fusion and passages."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.collections import FILE_CHANGES, PR_INDEX
from embeddings.documents import pull_request_document
from embeddings.filters import Filters
from embeddings.fusion import fuse
from embeddings.passages import LONGEST, best_passage
from embeddings.routes import choose
from embeddings.store import literal
from tests.embeddings.test_documents import pull_request_row


@pytest.mark.parametrize(
    ("query", "name", "target"),
    [
        ("#123", "direct", {"number": 123}),
        ("123", "direct", {"number": 123}),
        ("PR 123", "direct", {"number": 123}),
        ("acme/ship#123", "direct", {"repo_name": "acme/ship", "number": 123}),
        ("https://github.com/acme/ship/pull/123/files", "direct", {"repo_name": "acme/ship", "number": 123}),
        ("https://ghe.example.org/acme/ship/pull/123", "direct", {"repo_name": "acme/ship", "number": 123}),
        ("github.com/acme/ship/pull/123", "direct", {"repo_name": "acme/ship", "number": 123}),
        ("src/acme/ship/pull/123", "direct", {"path": "src/acme/ship/pull/123"}),
        ("HTTPS://github.com/acme/ship/pull/123", "direct", {"repo_name": "acme/ship", "number": 123}),
        ("@jane", "direct", {"author": "jane"}),
        ("author: @jane", "direct", {"author": "jane"}),
        ("author: dependabot[bot]", "direct", {"author": "dependabot[bot]"}),
        ("src/upload.py", "direct", {"path": "src/upload.py"}),
        ("Makefile.am", "direct", {"path": "Makefile.am"}),
        ("src/uploads/", "direct", {"path": "src/uploads"}),
        ("./src/upload.py", "direct", {"path": "src/upload.py"}),
        ("/src/upload.py", "direct", {"path": "src/upload.py"}),
        ("src/upload.py:12", "direct", {"path": "src/upload.py"}),
        ("src/upload.py:12:4", "direct", {"path": "src/upload.py"}),
        ("src/upload.py#L12-L14", "direct", {"path": "src/upload.py"}),
        ("src\\upload.py", "direct", {"path": "src/upload.py"}),
        (
            "https://github.com/acme/ship/blob/main/src/upload.py#L3",
            "direct",
            {"repo_name": "acme/ship", "path": "src/upload.py"},
        ),
        ("https://github.com/acme/ship/tree/main/src/", "direct", {"repo_name": "acme/ship", "path": "src"}),
        ('"retry uploads"', "lexical", {}),
        ("ClientInitKey", "lexical", {}),
        ('"retry" and "upload"', "hybrid", {}),
        ('"it\'s retried"', "lexical", {}),
        ("retry_uploads()", "lexical", {}),
        ("ECONNRESET", "lexical", {}),
        ("retry", "hybrid", {}),
        ("why do uploads fail?", "hybrid", {}),
        ("and/or logic", "hybrid", {}),
        ("версия 2.0", "hybrid", {}),
        ("12345678901234567890", "lexical", {}),
    ],
)
def test_route(query: str, name: str, target: dict[str, object]) -> None:
    route = choose(query)
    assert route.name == name
    named = {key: getattr(route, key) for key in ("repo_name", "number", "author", "path")}
    assert {key: value for key, value in named.items() if value is not None} == target


def test_one_word_is_a_login_if_somebody_has_it() -> None:
    for query, route in (("jane", "direct"), ("renovate[bot]", "direct"), ("joan", "hybrid"), ("jane wrote", "hybrid")):
        assert choose(query, lambda login: login in ("jane", "renovate[bot]")).name == route


def test_only_what_can_mean_nothing_else_is_certain() -> None:
    for query in ("#12", "PR 12", "acme/ship#12", "https://github.com/acme/ship/pull/12", "@jane", "author: jane"):
        assert choose(query).is_certain, query
    for query in ("12", "src/upload.py", "TCP/IP", "Node.js", "asyncio.run", "jane"):
        assert not choose(query, lambda login: True).is_certain, query


@given(st.text(max_size=200))
def test_any_query_has_a_route(query: str) -> None:
    assert choose(query).reason


@given(st.text())
def test_a_literal_stays_one_literal(value: str) -> None:
    text = literal(value)
    assert text[0] == text[-1] == '"'
    # every quote inside is escaped, and no escape is left open at the end
    assert re.fullmatch(r'"(?:[^"\\\r\n]|\\["\\rn])*"', text)
    # and it is read as what was written
    assert re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), text[1:-1]) == value


def test_filters_say_the_same_to_both_legs() -> None:
    filters = Filters("acme/ship", "jane", date(2024, 1, 1), date(2024, 1, 31), high_risk=True, feature=True)
    assert filters.expression() == (
        'repo_name == "acme/ship" and author == "jane" and merged_at > 0 and merged_at >= 1704067200 '
        "and merged_at < 1706745600 and high_risk == true and is_feature == true"
    )
    for collection in (PR_INDEX, FILE_CHANGES):
        condition = filters.condition(collection)
        assert condition.sql.count("%s") == len(condition.parameters) == 4
    assert "from marts.repo_prs where author = %s and high_risk and is_feature" in condition.sql
    assert Filters().expression() == Filters().condition(PR_INDEX).sql == ""


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(1970, 1, 1)])
def test_what_is_not_merged_was_merged_since_no_day(day: date) -> None:
    assert Filters(merged_since=day).expression().startswith("merged_at > 0 and ")


def test_fusion_lets_each_leg_find_what_the_other_misses() -> None:
    fused = fuse([("a", 10.0), ("b", 9.0), ("x", 1.0)], [("b", 0.9), ("c", 0.8), ("y", 0.1)])
    assert [id for id, _ in fused[:3]] == ["b", "a", "c"]
    assert all(0 <= score <= 1 for _, score in fused)


def test_fusion_of_one_leg_keeps_its_order() -> None:
    ranking = [("a", 3.0), ("b", 2.0), ("c", 1.0)]
    assert [id for id, _ in fuse(ranking, [])] == [id for id, _ in fuse([], ranking)] == ["a", "b", "c"]
    assert fuse([], []) == []
    assert fuse([("a", 1.0)], [("a", 0.2)]) == [("a", 1.0)]


def test_fusion_gives_the_best_of_a_lonely_leg_a_whole_1() -> None:
    assert fuse([("a", 7.0), ("b", 3.5)], []) == [("a", 1.0), ("b", 0.5)]
    assert fuse([], [("a", 0.4), ("b", 0.1)]) == [("a", 1.0), ("b", 0.0)]


def test_fusion_counts_the_last_hit_of_the_words_and_not_of_the_meaning() -> None:
    scores = dict(fuse([("a", 10.0), ("b", 9.0)], [("c", 0.9), ("a", 0.5), ("d", 0.4)]))
    # "b" has nearly as many of the words as "a"; "d" is only the least unlike of what is left
    assert scores["b"] > scores["c"] > scores["d"] == 0


rankings = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1)), unique_by=lambda hit: hit[0])


@given(rankings, rankings)
def test_fusion_loses_nothing(lexical: list[tuple[str, float]], dense: list[tuple[str, float]]) -> None:
    fused = fuse(lexical, dense)
    assert {id for id, _ in fused} == {id for id, _ in [*lexical, *dense]}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


def test_passage_is_the_sentence_that_matches() -> None:
    row = pull_request_row(title="Uploads", body="A first sentence. The nonce is never reused. A third.")
    assert best_passage(pull_request_document(row), "nonce reuse") == "The nonce is never reused."
    assert best_passage(pull_request_document(row), "nothing of it") == "A first sentence."
    # the title is shown anyway
    row = pull_request_row(title="Retry lost uploads", body="A first one. Uploads are lost.", commit_messages=["Later"])
    assert best_passage(pull_request_document(row), "retry lost uploads") == "Uploads are lost."
    assert best_passage(pull_request_document(row), "retry") == "Retry lost uploads"


def test_passage_is_cut_around_the_match() -> None:
    for text, word in (
        ("word " * 60 + "and so the nonce is unique " + "word " * 60, "nonce"),
        ("修" * 400 + "超时", "超时"),
    ):
        passage = best_passage(pull_request_document(pull_request_row(body=text)), word)
        assert word in passage and len(passage) <= LONGEST
        assert passage.startswith("…")


@given(st.text(max_size=1000), st.text(max_size=50))
def test_passage_is_short(body: str, query: str) -> None:
    assert len(best_passage(pull_request_document(pull_request_row(body=body)), query)) <= LONGEST
