"""The evaluation: its questions, what it takes out of the answers, and its figures."""

import pytest
from psycopg2 import extensions

from embeddings.encoders.static import StaticEncoder
from embeddings.evaluation import Question, evaluate, without_giveaways
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import PullRequest, put
from tests.embeddings.test_documents import pull_request_row
from warehouse.errors import PlimsollError

TOPICS = (
    "upload", "login", "chart", "invoice", "cache", "search", "backup", "theme", "export", "printer", "calendar",
    "password", "network", "database", "keyboard",
)  # fmt: skip


def test_what_gives_an_answer_away_is_taken_out() -> None:
    question = Question("Uploads fail: retry!", 42, frozenset(["acme/ship#7"]))
    row = pull_request_row(
        title="Fix #42: uploads fail, RETRY",
        body="Closes #42, see issues/42 but not #421. Uploads rarely fail. Retry them.",
        head_ref_name="jane/42-uploads-fail-retry",
        commit_messages=["Uploads fail - retry", "GH-42"],
        conversation=['Is that "Uploads fail: retry"?', "It closes #42."],
        issue_titles=["Uploads fail: retry!"],
    )
    cleaned = without_giveaways(row, [question])
    # the words stay where they are not the title
    assert "421" in cleaned["body"] and "Uploads rarely fail. Retry them." in cleaned["body"]
    everything = " ".join(
        [cleaned["title"], cleaned["head_ref_name"], *cleaned["commit_messages"], *cleaned["conversation"]]
    )
    assert cleaned["issue_titles"] == []
    assert "upload" not in everything.lower() and "42" not in everything
    assert without_giveaways(row, []) == row | {"issue_titles": []}


def test_it_measures_every_leg(warehouse: extensions.connection) -> None:
    put(
        warehouse,
        [
            PullRequest(
                number, f"Repair the {topic}", body=f"The {topic} was broken for everybody.", branch="main",
                closes=[(1000 + number, f"{topic} is broken")],
            )
            for number, topic in enumerate(TOPICS, 1)
        ],
    )  # fmt: skip
    found = evaluate(warehouse, [StaticEncoder(), HashEncoder()])
    assert (found.questions, found.pull_requests) == (len(TOPICS), len(TOPICS))
    scores = {(score.leg, score.model): score for score in found.scores}
    assert scores["bm25", ""].recall == 1.0
    assert scores["hybrid", StaticEncoder.model].mrr > 0.9
    # an encoder that knows nothing finds by chance, and the hybrid does not lead
    assert scores["dense", "hash"].mrr < 0.6
    hybrid = scores["hybrid", "hash"]
    assert hybrid.mrr_lead is not None and hybrid.mrr_lead <= 0
    assert hybrid.mrr_p is not None and hybrid.mrr_p > 0.05
    assert evaluate(warehouse, [HashEncoder()]).scores[-1] == hybrid


def test_without_issues_it_says_so(warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    with pytest.raises(PlimsollError, match="no pull request that closes an issue"):
        evaluate(warehouse, [HashEncoder()])
