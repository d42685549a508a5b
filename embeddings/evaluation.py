"""How good is the search? Measured on questions that the warehouse itself holds.

A question is the title of an issue; its answers are the pull requests that close the issue. While it is asked, they
stand in the index without what gives them away, the issue's title and number, and everything else stands there as it
is. Every leg is measured on the same questions, and the hybrid's lead over the better leg is tested with a paired
bootstrap.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import rows
from embeddings.collections import PR_INDEX
from embeddings.documents import Document, pull_request_document
from embeddings.encoders import Encoder
from embeddings.encoders.base import Vector, encode_views
from embeddings.fusion import Ranking, fuse
from embeddings.lexical import Condition, LexicalIndex
from embeddings.searching import DEPTH
from embeddings.words import query_terms, terms
from warehouse.errors import PlimsollError

TOP = 10
RESAMPLES = 10_000
SEED = 20240120
WRITE_ROWS = 1000

QUESTIONS = """
select
    closing_issues.issue_repository, closing_issues.issue_number, closing_issues.issue_title,
    array_agg(pull_requests.repo_name || '#' || pull_requests.pr_number order by pull_requests.pr_id)
from staging.stg_github__pull_request_closing_issues as closing_issues
inner join marts.repo_prs as pull_requests on closing_issues.pr_id = pull_requests.pr_id
where closing_issues.issue_title is not null
group by 1, 2, 3
order by 1, 2
"""


@dataclass(frozen=True)
class Question:
    """An issue's title, and the ids of the pull requests that answer it."""

    title: str
    number: int
    answers: frozenset[str]


@dataclass(frozen=True)
class Score:
    """One way to search, over all questions.

    Attributes:
        leg: bm25, dense or hybrid.
        model: the model; empty for bm25.
        mrr: mean over the questions of 1 / the place of the first answer, 0 beyond the tenth.
        recall: mean share of a question's answers among the first ten.
        mrr_lead, recall_lead: of a hybrid, its lead over the better single leg.
        mrr_p, recall_p: of a hybrid, the share of resamples of the questions without such a lead.
    """

    leg: str
    model: str
    mrr: float
    recall: float
    mrr_lead: float | None = None
    mrr_p: float | None = None
    recall_lead: float | None = None
    recall_p: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """The outcome: how many questions over how many pull requests, and every way's score."""

    questions: int
    pull_requests: int
    scores: list[Score]

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain values for JSON."""
        return asdict(self)


def evaluate(
    connection: PsycopgConnection, encoders: Sequence[Encoder], advance: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Measure BM25, dense and hybrid search on the warehouse's own issues.

    Nothing is written but temporary tables: neither the collections nor the lexical index are touched.

    Args:
        connection: the warehouse.
        encoders: the models to compare.
        advance: told how many documents were embedded.

    Raises:
        PlimsollError: the warehouse has no pull request that closes an issue.
    """
    questions = read_questions(connection)
    if not questions:
        raise PlimsollError(
            "the warehouse has no pull request that closes an issue, so there is nothing to ask",
            remedy="Load a repository whose pull requests close issues",
        )
    documents, answers = read_documents(connection, questions)
    lexical = _lexical_rankings(connection, documents, questions, answers)
    bm25 = _per_question(lexical, questions)
    scores = [Score("bm25", "", float(bm25[0].mean()), float(bm25[1].mean()))]
    for encoder in encoders:
        dense = _dense_rankings(encoder, documents, questions, answers, advance)
        hybrid = [fuse(by_words, by_meaning) for by_words, by_meaning in zip(lexical, dense, strict=True)]
        scores += _scores(encoder.model, bm25, _per_question(dense, questions), _per_question(hybrid, questions))
    connection.rollback()
    return Evaluation(len(questions), len(documents), scores)


def read_questions(connection: PsycopgConnection) -> list[Question]:
    """The questions that the warehouse holds: titles with at least one word."""
    with connection.cursor() as cursor:
        rows.execute(cursor, QUESTIONS, ())
        found = cursor.fetchall()
    return [Question(title, number, frozenset(answers)) for _, number, title, answers in found if terms(title)]


def read_documents(
    connection: PsycopgConnection, questions: Sequence[Question]
) -> tuple[list[Document], list[list[Document]]]:
    """(Every pull request's document, of each question its answers' without what gives them away)."""
    asked: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        for id in question.answers:
            asked.setdefault(id, []).append(place)
    documents = []
    answers: list[list[Document]] = [[] for _ in questions]
    for repo_name in rows.count_by_repository(connection, PR_INDEX):
        for row in rows.rows_of_repository(connection, PR_INDEX, repo_name):
            documents.append(pull_request_document(row))
            for place in asked.get(documents[-1].id, []):
                answers[place].append(pull_request_document(without_giveaways(row, questions[place])))
    return documents, answers


def without_giveaways(row: Mapping[str, Any], question: Question) -> dict[str, Any]:
    """A row without the title and number of the issue that is asked for, wherever they stand."""
    pattern = _giveaway(question)

    def clean(text: str | None) -> str | None:
        return pattern.sub(" ", text) if text else text

    return {
        **row,
        "title": clean(row["title"]),
        "body": clean(row["body"]),
        "head_ref_name": clean(row["head_ref_name"]),
        **{
            texts: [clean(text) or "" for text in row[texts] or []]
            for texts in ("commit_messages", "conversation", "issue_titles")
        },
    }


def _giveaway(question: Question) -> re.Pattern[str]:
    # the title's words in a row, however they are joined: a branch has hyphens where the title has spaces
    words = [re.escape(word) for word in re.findall(r"[^\W_]+", question.title)]
    title = r"(?<![^\W_])" + r"[\W_]*".join(words) + r"(?![^\W_])"
    return re.compile(rf"{title}|(?<!\d){question.number}(?!\d)", re.IGNORECASE)


def _lexical_rankings(
    connection: PsycopgConnection,
    documents: Sequence[Document],
    questions: Sequence[Question],
    answers: Sequence[Sequence[Document]],
) -> list[Ranking]:
    index = LexicalIndex(connection, PR_INDEX, schema="pg_temp")
    index.prepare()
    for start in range(0, len(documents), WRITE_ROWS):
        index.write(documents[start : start + WRITE_ROWS])
    whole = {document.id: document for document in documents}
    rankings: list[Ranking] = []
    for question, cleaned in zip(questions, answers, strict=True):
        index.write(cleaned)
        rankings.append(index.search(query_terms(question.title), Condition(), DEPTH))
        index.write([whole[document.id] for document in cleaned])
    return rankings


def _dense_rankings(
    encoder: Encoder,
    documents: Sequence[Document],
    questions: Sequence[Question],
    answers: Sequence[Sequence[Document]],
    advance: Callable[[int], None],
) -> list[Ranking]:
    vectors = _vectors(encoder, documents, advance)
    known = {document.id: vector for document, vector in zip(documents, vectors, strict=True) if vector is not None}
    if not known:
        return [[] for _ in questions]
    ids, matrix = list(known), np.stack(list(known.values()))
    places = {id: place for place, id in enumerate(ids)}
    of_answers = iter(_vectors(encoder, [document for cleaned in answers for document in cleaned]))
    rankings: list[Ranking] = []
    asked = encoder.encode([question.title for question in questions])
    for vector, cleaned in zip(asked, answers, strict=True):
        cosines = matrix @ vector if vector is not None else np.zeros(len(ids))
        for document, answer in zip(cleaned, islice(of_answers, len(cleaned)), strict=True):
            if document.id in places and vector is not None:
                # an answer that the model refuses is found by nobody
                cosines[places[document.id]] = -1 if answer is None else answer @ vector
        nearest = np.argsort(-cosines, kind="stable")[:DEPTH]
        rankings.append([(ids[index], float(cosines[index])) for index in nearest])
    return rankings


def _vectors(
    encoder: Encoder, documents: Sequence[Document], advance: Callable[[int], None] = lambda _: None
) -> list[Vector | None]:
    vectors: list[Vector | None] = []
    for start in range(0, len(documents), encoder.batch_size):
        batch = documents[start : start + encoder.batch_size]
        vectors += encode_views(encoder, [document.views for document in batch])
        advance(len(batch))
    return vectors


def _per_question(
    rankings: Sequence[Ranking], questions: Sequence[Question]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(reciprocal rank, recall) of every question."""
    ranks, recalls = [], []
    for ranking, question in zip(rankings, questions, strict=True):
        places = [place for place, (id, _) in enumerate(ranking[:TOP], 1) if id in question.answers]
        ranks.append(1 / places[0] if places else 0.0)
        recalls.append(len(places) / len(question.answers))
    return np.array(ranks), np.array(recalls)


def _scores(
    model: str,
    bm25: tuple[NDArray[np.float64], NDArray[np.float64]],
    dense: tuple[NDArray[np.float64], NDArray[np.float64]],
    hybrid: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[Score]:
    mrr_lead, mrr_p = _lead(hybrid[0], max(bm25[0], dense[0], key=np.mean))
    recall_lead, recall_p = _lead(hybrid[1], max(bm25[1], dense[1], key=np.mean))
    return [
        Score("dense", model, float(dense[0].mean()), float(dense[1].mean())),
        Score(
            "hybrid", model, float(hybrid[0].mean()), float(hybrid[1].mean()), mrr_lead, mrr_p, recall_lead, recall_p
        ),
    ]


def _lead(hybrid: NDArray[np.float64], leg: NDArray[np.float64]) -> tuple[float, float]:
    """(mean lead, share of the resamples of the questions in which there is none)."""
    differences = hybrid - leg
    picks = np.random.default_rng(SEED).integers(0, len(differences), (RESAMPLES, len(differences)))
    return float(differences.mean()), float((differences[picks].mean(axis=1) <= 0).mean())
