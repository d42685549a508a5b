"""The evaluation: its questions, what it takes out of the answers, and its figures."""

import pytest
from psycopg2 import extensions

from embeddings.encoders.static import StaticEncoder
from embeddings.evaluation import Question, evaluate, read_documents, read_questions, without_giveaways
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
        issue_titles=["Uploads fail: retry!", "Downloads stall"],
    )
    cleaned = without_giveaways(row, question)
    # the words stay where they are not the title
    assert "421" in cleaned["body"] and "Uploads rarely fail. Retry them." in cleaned["body"]
    everything = " ".join(
        [cleaned["title"], cleaned["head_ref_name"], *cleaned["commit_messages"], *cleaned["conversation"]]
    )
    assert "upload" not in everything.lower() and "42" not in everything
    # what else it closes is no giveaway
    assert " ".join(cleaned["issue_titles"]).split() == ["!", "Downloads", "stall"]
    assert without_giveaways(row, Question("Something else", 1, frozenset())) == row


def test_an_answer_is_without_its_giveaway_only_while_it_is_asked_for(warehouse: extensions.connection) -> None:
    put(
        warehouse,
        [
            PullRequest(1, "Zebra crossing", branch="main", closes=[(11, "Giraffes")]),
            PullRequest(2, "Other things", branch="main", closes=[(12, "Zebra"), (13, "Lions")]),
        ],
    )
    questions = read_questions(warehouse)
    documents, answers = read_documents(warehouse, questions)
    assert {document.id[-1]: document.context["issues"].split() for document in documents} == {
        "1": ["Giraffes"],
        "2": ["Zebra", "Lions"],
    }
    said = {question.title: cleaned[0].context for question, cleaned in zip(questions, answers, strict=True)}
    assert {title: context.get("issues", "").split() for title, context in said.items()} == {
        "Giraffes": [],
        "Zebra": ["Lions"],
        "Lions": ["Zebra"],
    }
    bm25 = evaluate(warehouse, [HashEncoder()]).scores[0]
    # nothing says giraffes, the wrong pull request says zebra, and nothing says lions
    assert (bm25.mrr, bm25.recall) == (0, 0)


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
