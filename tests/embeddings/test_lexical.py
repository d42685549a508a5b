"""The lexical index."""

from contextlib import closing

import pytest
from psycopg2 import extensions

from embeddings import changes, ledger, lexical
from embeddings.collections import PR_INDEX
from embeddings.documents import Document, pull_request_document
from embeddings.filters import Filters
from embeddings.lexical import LOOKED_AT, Condition, LexicalIndex
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import Comment, PullRequest, put
from tests.embeddings.syncing import Sidecar
from tests.embeddings.test_documents import pull_request_row
from warehouse.postgres import connect
from warehouse.settings import Settings


def document(number: int, title: str) -> Document:
    return pull_request_document(pull_request_row(pr_number=number, title=title, body=None, commit_messages=[]))


@pytest.mark.parametrize("kept", [lexical.KEPT_POSTINGS, 3])
def test_a_search_that_stays_open_counts_what_came_and_went(
    settings: Settings, warehouse: extensions.connection, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(lexical, "KEPT_POSTINGS", kept)
    ledger.prepare(warehouse)
    index = LexicalIndex(warehouse, PR_INDEX)
    index.prepare()
    index.write([document(1, "Common rare")])
    warehouse.commit()
    with closing(connect(settings, autocommit=True)) as connection:
        open_for_days = LexicalIndex(connection, PR_INDEX)
        assert len(open_for_days.search(["common"], Condition(), 10)) == 1
        index.write([document(number, "Common thing") for number in range(2, 40)])
        warehouse.commit()
        found = open_for_days.search(["common", "rare"], Condition(), 50)
        assert found == LexicalIndex(connection, PR_INDEX).search(["common", "rare"], Condition(), 50)
        assert min(score for _, score in found) > 0
        assert found[0][0] == "acme/ship#1"
        assert open_for_days.search(["common", "rare"], Condition(), 50) == found
        index.remove([f"acme/ship#{number}" for number in range(1, 20)])
        warehouse.commit()
        found = open_for_days.search(["common", "rare"], Condition(), 50)
        assert found == LexicalIndex(connection, PR_INDEX).search(["common", "rare"], Condition(), 50)
        assert len(found) == 20


def found(warehouse: extensions.connection, term: str) -> list[str]:
    ids = [id for id, _ in LexicalIndex(warehouse, PR_INDEX).search([term], Condition(), 10)]
    warehouse.commit()
    return ids


def test_what_people_say_is_found_without_embedding_anew(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder
) -> None:
    pull_requests = [PullRequest(1, "Retry uploads"), PullRequest(2, "Draw charts")]
    put(warehouse, pull_requests)
    sidecar.sync()
    encoder.texts.clear()
    pull_requests[0].closes = [(9, "Turtle")]
    pull_requests[0].comments = [
        Comment("What of the zebra?"),
        Comment("A giraffe.", author=None, kind="review", review_id=1),
        Comment("An ibex.", kind="review_comment", review_id=1),
        Comment("A draft of granite.", kind="review", review_id=2, is_submitted=False),
        Comment("One of basalt, too.", kind="review_comment", review_id=2),
        Comment("Robots like coal.", author="renovate", account_type="Bot"),
        Comment("So do apps like slate.", author="app[bot]"),
        Comment("And the robots that a list names like marble.", author="cibot"),
        Comment("Buy gold!", is_minimized=True),
    ]
    put(warehouse, pull_requests)
    with warehouse.cursor() as cursor:
        cursor.execute("insert into marts.authors (username, is_bot) values ('cibot[bot]', true)")
    warehouse.commit()
    report = sidecar.sync()
    assert (report.embedded, report.rewritten, encoder.texts) == (0, 0, [])
    for term in ("zebra", "giraff", "ibex", "turtl"):
        assert found(warehouse, term) == ["acme/ship#1"], term
    for term in ("coal", "slate", "marbl", "gold", "granit", "basalt"):
        assert found(warehouse, term) == [], term
    pull_requests[0].comments = []
    put(warehouse, pull_requests)
    sidecar.sync()
    assert found(warehouse, "zebra") == []


def test_another_way_to_make_terms_fills_the_index_again(
    sidecar: Sidecar, warehouse: extensions.connection, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [PullRequest(1, "Retry uploads")])
    sidecar.sync()
    encoder.texts.clear()
    monkeypatch.setattr(lexical, "terms", lambda text: [text[:3].lower()])
    monkeypatch.setattr(lexical, "CODE", "another")
    monkeypatch.setattr(changes, "CODE", "another")
    sidecar.sync()
    assert (found(warehouse, "ret"), found(warehouse, "retri"), encoder.texts) == (["acme/ship#1"], [], [])


@pytest.mark.parametrize(
    ("author", "are_among_the_best"), [("ann", True), ("bob", False), ("cid", False)], ids=["best", "last", "none"]
)
def test_a_filter_leaves_out_and_changes_nothing_else(
    sidecar: Sidecar, warehouse: extensions.connection, author: str, are_among_the_best: bool
) -> None:
    # the longer a text, the lower it stands
    pull_requests = [
        PullRequest(number, "Retry" + " then wait" * number, author="ann" if number <= 50 else "bob")
        for number in range(1, 61)
    ]
    put(warehouse, pull_requests)
    sidecar.sync()
    index = LexicalIndex(warehouse, PR_INDEX)
    everything = index.search(["retri", "then"], Condition(), 60)
    assert len(everything) == 60
    of_author = {f"acme/ship#{each.number}" for each in pull_requests if each.author == author}
    wanted = [(id, score) for id, score in everything if id in of_author][:3]
    assert any(id in of_author for id, _ in everything[: 3 * LOOKED_AT]) == are_among_the_best
    assert index.search(["retri", "then"], Filters(author=author).condition(PR_INDEX), 3) == wanted


def test_all_terms_can_be_asked_for(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1, "Retry uploads"), PullRequest(2, "Retry retry"), PullRequest(3, "Uploads")])
    sidecar.sync()
    index = LexicalIndex(warehouse, PR_INDEX)
    ids = [id for id, _ in index.search(["retri", "upload"], Condition(), 10, needs_all=True)]
    assert ids == ["acme/ship#1"]
    assert index.search(["retri", "upload", "never"], Condition(), 10, needs_all=True) == []


def test_after_a_sync_a_search_reads_the_index_alone(sidecar: Sidecar, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(number, f"Retry uploads {number}") for number in range(1, 40)])
    sidecar.sync()
    with warehouse.cursor() as cursor:
        cursor.execute("select relpages, relallvisible from pg_class where oid = 'search.pr_index_postings'::regclass")
        [(pages, visible)] = cursor.fetchall()
    assert pages == visible > 0


def test_where_scores_are_equal_more_results_change_none_before_them(warehouse: extensions.connection) -> None:
    ledger.prepare(warehouse)
    index = LexicalIndex(warehouse, PR_INDEX)
    index.prepare()
    # the order of writing is not that of the ids
    index.write([document(number, "Common thing") for number in range(40, 0, -1)])
    condition = Filters(repo_name="acme/ship").condition(PR_INDEX)
    put(warehouse, [PullRequest(number, "Common thing") for number in range(1, 41)])
    for narrowed in (Condition(), condition):
        whole = index.search(["common"], narrowed, 40)
        assert len(whole) == 40 and len({score for _, score in whole}) == 1
        assert all(index.search(["common"], narrowed, limit) == whole[:limit] for limit in (1, 3, 7, 39))
