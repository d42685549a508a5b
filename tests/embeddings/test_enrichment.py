"""Judgements of a chat model, from a server that misbehaves."""

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from psycopg2 import extensions

from embeddings import enrichment
from embeddings.encoders.base import PATIENT
from embeddings.enrichment import Enrichment, EnrichmentReport, price
from embeddings.openai_server import OpenAIServer
from tests.embeddings.marts import PullRequest, put
from tests.embeddings.openai_double import FaultError, OpenAIDouble
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import Settings

MODEL = "gpt-5-mini"


@pytest.fixture
def remote(settings: Settings, openai_double: OpenAIDouble) -> Settings:
    """Settings that point at the server."""
    return settings.model_copy(update={"openai_base_url": openai_double.url, "max_workers": 4})


def run(remote: Settings, warehouse: extensions.connection, **options: Any) -> EnrichmentReport:
    warehouse.rollback()
    server = OpenAIServer.from_settings(remote, replace(PATIENT, timeout=1.0), first_wait=0.002)
    return Enrichment(remote, warehouse, server, options.pop("model", MODEL)).run(**options)


def rows(warehouse: extensions.connection) -> dict[int, tuple[Any, ...]]:
    warehouse.rollback()
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select pr_id, summary, ai_feature, ai_feature_confidence, risk_notes, model "
            "from raw_enrichment.pull_requests where content_sha256 is not null"
        )
        found = cursor.fetchall()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1:] for row in found}


def test_judgements_are_written_once_for_each_text(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    pull_requests = [PullRequest(number, f"Change {number}", body="Ünïcode 🙂") for number in range(1, 5)]
    put(warehouse, pull_requests)
    report = run(remote, warehouse)
    assert (report.judged, report.refused, report.failed) == (4, 0, 0)
    assert report.cost_usd == pytest.approx(4 * (1000 * 0.25 + 100 * 2.0) / 1e6)
    assert rows(warehouse)[pull_requests[0].id] == ("It changes Change 1.", True, 0.75, '["It may break."]', MODEL)
    assert run(remote, warehouse).pull_requests == 0
    assert len(openai_double.chats) == 4
    pull_requests[2].body = "Edited."
    put(warehouse, pull_requests)
    assert run(remote, warehouse).judged == 1
    assert len(rows(warehouse)) == 4


def test_the_hash_is_what_dbt_compares(remote: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1, "Título", body=None)])
    run(remote, warehouse)
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select content_sha256 "
            "= encode(sha256(convert_to(title || E'\\n\\n' || coalesce(body, ''), 'UTF8')), 'hex') "
            "from raw_enrichment.pull_requests join staging.stg_github__pull_requests using (pr_id)"
        )
        assert cursor.fetchall() == [(True,)]


def test_a_run_that_ends_early_says_what_it_cost(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        if number > 2:
            raise FaultError(401)

    openai_double.misbehave = misbehave
    put(warehouse, [PullRequest(number) for number in range(1, 6)])
    warehouse.rollback()
    server = OpenAIServer.from_settings(remote, replace(PATIENT, timeout=1.0), first_wait=0.002)
    judging = Enrichment(remote, warehouse, server, MODEL)
    with pytest.raises(PlimsollError, match="401"):
        judging.run()
    assert (judging.report.judged, judging.report.input_tokens, len(rows(warehouse))) == (2, 2000, 2)


def test_what_a_killed_run_left_is_swept_away(remote: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    parent = remote.home / "dlt"
    with enrichment._loader(remote):
        [prefix] = {path.name[:-8] for path in parent.glob("enrichment-*")}
    for name in (f"{prefix}left", "enrichment-another"):
        (parent / name).mkdir()
    assert run(remote, warehouse).judged == 1
    assert [path.name for path in parent.glob("enrichment-*")] == ["enrichment-another"]


@pytest.mark.parametrize("counted", [{}, {"prompt_tokens": None, "completion_tokens": None}, None])
def test_a_server_that_does_not_count_is_estimated(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble, counted: dict[str, Any] | None
) -> None:
    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        message = {"role": "assistant", "content": json.dumps(openai_double.judgement("Title: A"))}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        raise FaultError(200, {"id": "1", "object": "chat.completion", "choices": choices, "usage": counted})

    openai_double.misbehave = misbehave
    put(warehouse, [PullRequest(1)])
    report = run(remote, warehouse)
    assert (report.judged, report.failed, len(openai_double.chats)) == (1, 0, 1)
    assert 0 < report.input_tokens < 5000


def test_faults_that_pass_are_sat_out(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    faults = [FaultError(429), FaultError(500), FaultError(200, "{not json"), FaultError(200, delay=1.5)]

    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        if faults:
            raise faults.pop()

    openai_double.misbehave = misbehave
    put(warehouse, [PullRequest(number) for number in range(1, 4)])
    assert run(remote, warehouse).judged == 3


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(FaultError(200, "<html>Sign in</html>", {"Content-Type": "text/html"}), id="page"),
        pytest.param(FaultError(200, []), id="list"),
        pytest.param(FaultError(200, "null"), id="null"),
        pytest.param(FaultError(200, {"choices": []}), id="no choice"),
        pytest.param(FaultError(200, {"choices": [{}]}), id="empty choice"),
        pytest.param(FaultError(200, {"choices": [{"message": None}]}), id="no message"),
        pytest.param(FaultError(200, {"choices": [{"message": {"content": "{}"}}], "usage": {}}), id="empty usage"),
        pytest.param(FaultError(200, " " * 100, dribble=0.1), id="never ends"),
    ],
)
def test_an_answer_that_is_no_chat_completion_is_asked_for_again(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble, fault: FaultError
) -> None:
    faults = [fault]

    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        if faults:
            raise faults.pop()

    openai_double.misbehave = misbehave
    put(warehouse, [PullRequest(1)])
    assert run(remote, warehouse).judged == 1
    assert len(openai_double.chats) == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(FaultError(500), id="500"),
        pytest.param(FaultError(200, delay=1.5), id="hangs"),
        pytest.param(FaultError(200, "<html>Sign in</html>", {"Content-Type": "text/html"}), id="page"),
    ],
)
def test_a_pull_request_that_the_server_fails_at_does_not_end_the_run(
    remote: Settings,
    warehouse: extensions.connection,
    openai_double: OpenAIDouble,
    monkeypatch: pytest.MonkeyPatch,
    fault: FaultError,
) -> None:
    monkeypatch.setattr(enrichment, "PACKAGE", 2)

    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        if "Odd" in request["messages"][-1]["content"]:
            raise fault

    openai_double.misbehave = misbehave
    # the newest is asked about first
    put(warehouse, [PullRequest(number, "Odd one" if number == 6 else "Even one") for number in range(1, 7)])
    report = run(remote, warehouse)
    assert (report.judged, report.failed, len(rows(warehouse))) == (5, 1, 5)
    openai_double.misbehave = lambda path, request, number: None
    assert run(remote, warehouse).judged == 1


def test_a_server_that_is_down_ends_the_run(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(FaultError(503))
    put(warehouse, [PullRequest(number) for number in range(1, 31)])
    with pytest.raises(PlimsollError, match="gave up after 7 attempts: HTTP 503"):
        run(remote, warehouse)
    # those in flight beside the last one are asked to their end
    assert len(openai_double.chats) <= 7 * (enrichment.FAILURES - 1 + remote.max_workers)


def test_an_answer_that_never_came_counts_as_paid(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(FaultError(200, delay=1.5))
    put(warehouse, [PullRequest(number, body="Why. " * 200) for number in range(1, 4)])
    report = run(remote, warehouse, max_usd=0.06)
    assert len(openai_double.chats) == report.failed * enrichment.READABLE_ATTEMPTS == 2 * 3
    assert report.stopped_by_budget
    # its most expensive answer, every time
    assert report.output_tokens == 6 * enrichment.ANSWER_LIMIT
    assert report.cost_usd is not None and 0.048 < report.cost_usd <= 0.06


def test_dbt_can_replace_the_views_while_pull_requests_are_judged(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    def rebuild(path: str, request: dict[str, Any], number: int) -> None:
        with closing(connect(remote)) as dbt, dbt.cursor() as cursor:
            cursor.execute("set lock_timeout = '2s'")
            cursor.execute("alter table staging.stg_github__pull_requests rename to old")
            cursor.execute("alter table staging.old rename to stg_github__pull_requests")
            dbt.commit()

    openai_double.misbehave = rebuild
    put(warehouse, [PullRequest(1)])
    assert enrichment.estimate(warehouse, MODEL).pull_requests == 1
    server = OpenAIServer.from_settings(remote, replace(PATIENT, timeout=5.0), first_wait=0.002)
    assert Enrichment(remote, warehouse, server, MODEL).run().judged == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param("Sure! Here is the JSON you asked for", id="prose"),
        pytest.param('{"summary": "x"}', id="fields missing"),
        pytest.param(
            json.dumps({"summary": "x", "is_feature": True, "feature_confidence": 7, "risk_notes": []}), id="7"
        ),
    ],
)
def test_an_unreadable_answer_costs_one_pull_request_only(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble, nonsense: str
) -> None:
    right = openai_double.judgement
    openai_double.judgement = lambda text: nonsense if "Odd" in text else right(text)
    put(warehouse, [PullRequest(1, "Odd one"), PullRequest(2, "Even one")])
    report = run(remote, warehouse)
    assert (report.judged, report.failed) == (1, 1)
    # it is paid for nonetheless
    assert report.input_tokens == (1 + enrichment.READABLE_ATTEMPTS) * 1000
    openai_double.judgement = right
    assert run(remote, warehouse).judged == 1


def test_a_refusal_is_remembered_without_a_judgement(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    openai_double.judgement = lambda text: {"role": "assistant", "content": None, "refusal": "I will not."}
    pull_request = PullRequest(1)
    put(warehouse, [pull_request])
    assert run(remote, warehouse).refused == 1
    assert rows(warehouse)[pull_request.id] == (None, None, None, None, MODEL)
    assert run(remote, warehouse).pull_requests == 0


def test_what_the_server_does_not_take_is_asked_again_by_the_next_run(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    def refuse(path: str, request: dict[str, Any], number: int) -> None:
        if "Odd" in request["messages"][-1]["content"]:
            raise FaultError(400)

    openai_double.misbehave = refuse
    put(warehouse, [PullRequest(1, "Odd one"), PullRequest(2, "Even one")])
    report = run(remote, warehouse)
    assert (report.judged, report.refused, report.failed) == (1, 0, 1)
    assert len(rows(warehouse)) == 1
    openai_double.misbehave = lambda path, request, number: None
    assert run(remote, warehouse).judged == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_takes_no_request_stops_the_run(
    remote: Settings,
    warehouse: extensions.connection,
    openai_double: OpenAIDouble,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    monkeypatch.setattr(enrichment, "PACKAGE", 3)
    fault = FaultError(status, {"error": {"message": "response_format is not supported"}})
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(fault)
    put(warehouse, [PullRequest(number) for number in range(1, 11)])
    with pytest.raises(PlimsollError, match="refuses every request for the model gpt-5-mini: response_format is not"):
        run(remote, warehouse)
    assert len(openai_double.chats) == 3
    openai_double.misbehave = lambda path, request, number: None
    assert run(remote, warehouse).judged == 10


def test_what_was_paid_for_is_kept_when_the_server_fails(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "PACKAGE", 3)

    def die(path: str, request: dict[str, Any], number: int) -> None:
        if number > 4:
            raise FaultError(401)

    openai_double.misbehave = die
    put(warehouse, [PullRequest(number) for number in range(1, 11)])
    with pytest.raises(PlimsollError, match="HTTP 401"):
        run(remote, warehouse)
    assert len(rows(warehouse)) == 4
    openai_double.misbehave = lambda path, request, number: None
    assert run(remote, warehouse).judged == 6
    assert len(rows(warehouse)) == 10


def test_the_budget_is_kept(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "PACKAGE", 4)
    openai_double.completion_tokens = 100_000
    put(warehouse, [PullRequest(number, body="Why. " * 200) for number in range(1, 11)])
    report = run(remote, warehouse, max_usd=0.06)
    assert report.stopped_by_budget
    # it is used up to what one more could cost
    assert report.cost_usd is not None and 0.06 - 0.026 < report.cost_usd <= 0.06
    assert len(openai_double.chats) == report.judged > 1
    # and kept where every answer must be paid for more than once
    openai_double.judgement = lambda text: "Sure!"
    report = run(remote, warehouse, max_usd=0.06)
    assert (report.judged, report.failed) == (0, 2)
    assert report.cost_usd is not None and report.cost_usd <= 0.06


def test_a_budget_that_cannot_be_kept_is_named(remote: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    with pytest.raises(PlimsollError, match=r"--max-usd: \$0.01 does not pay for one pull request.* Give it \$0.03"):
        run(remote, warehouse, max_usd=0.01)
    with pytest.raises(PlimsollError, match="the price of llama is not known"):
        run(remote, warehouse, model="llama", max_usd=1.0)
    with pytest.raises(PlimsollError, match="--max-usd: it is not a number"):
        run(remote, warehouse, max_usd=float("nan"))


def test_a_summary_of_blanks_is_no_summary(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    openai_double.judgement = lambda text: {
        "summary": " \n ", "is_feature": True, "feature_confidence": 0.5, "risk_notes": [],
    }  # fmt: skip
    put(warehouse, [PullRequest(1)])
    report = run(remote, warehouse)
    assert (report.judged, report.failed) == (0, 1)


def test_what_cannot_be_judged_does_not_stand_in_the_way(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    judge = openai_double.judgement
    openai_double.judgement = lambda text: "Sure!" if "Odd" in text else judge(text)
    pull_requests = [PullRequest(number, "Odd" if number > 2 else f"Change {number}") for number in range(1, 5)]
    put(warehouse, pull_requests)
    reports = [run(remote, warehouse, limit=1) for _ in range(4)]
    assert [(report.judged, report.failed) for report in reports] == [(0, 1), (0, 1), (1, 0), (1, 0)]
    openai_double.judgement = judge
    assert run(remote, warehouse).judged == 2
    assert set(rows(warehouse)) == {each.id for each in pull_requests}


def test_limit_takes_the_newest(
    remote: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    pull_requests = [PullRequest(number) for number in range(1, 6)]
    put(warehouse, pull_requests)
    estimate = enrichment.estimate(warehouse, MODEL)
    assert estimate.pull_requests == 5
    assert estimate.cost_usd == price(MODEL, estimate.input_tokens, estimate.output_tokens)
    # a model that reasons is paid for it
    assert estimate.output_tokens > enrichment.estimate(warehouse, "gpt-4o").output_tokens
    assert run(remote, warehouse, limit=2).judged == 2
    assert set(rows(warehouse)) == {pull_requests[4].id, pull_requests[3].id}
