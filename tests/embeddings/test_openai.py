"""OpenAI's embeddings over real HTTP, from a server that misbehaves."""

import base64
import logging
import math
import threading
import time
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.encoders import choose, describe
from embeddings.encoders.base import HURRIED, PATIENT, Patience
from embeddings.encoders.openai import (
    FEW_FAILURES,
    REQUEST_TOKENS,
    TEXT_BYTES,
    OpenAIEncoder,
    _batches,
    _estimated_tokens,
    _known_dimensions,
)
from embeddings.openai_server import OpenAIServer
from tests.embeddings.openai_double import DIMENSION, FaultError, OpenAIDouble, vector_of
from warehouse.errors import PlimsollError
from warehouse.settings import Settings, load_settings

SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def remote(tmp_path: Any, openai_double: OpenAIDouble) -> Settings:
    """Settings that point at the server."""
    return load_settings(
        PLIMSOLL_HOME=tmp_path, openai_base_url=openai_double.url, openai_api_key=SECRET, max_workers=4
    )


def make(remote: Settings, patience: Patience = PATIENT, timeout: float = 5.0) -> OpenAIEncoder:
    """An encoder that waits shortly."""
    server = OpenAIServer.from_settings(remote, replace(patience, timeout=timeout), first_wait=0.002)
    known = _known_dimensions(remote, "text-embedding-3-small")
    return OpenAIEncoder(server, "text-embedding-3-small", DIMENSION, known=known, workers=4)


def assert_right(encoder: OpenAIEncoder, texts: list[str]) -> None:
    for text, vector in zip(texts, encoder.encode(texts), strict=True):
        expected = vector_of(text)
        assert vector is not None
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_vectors_come_back_in_the_order_of_the_texts(remote: Settings, openai_double: OpenAIDouble) -> None:
    encoder = make(remote)
    for _ in range(5):
        openai_double.embedding_requests.clear()
        assert_right(encoder, [f"text {number}" for number in range(600)])
    # small at first, and as large as may be once the server has shown to be quick
    assert sorted(map(len, openai_double.embedding_requests)) == [88, 256, 256]
    assert encoder.usage.tokens == 3_000
    assert encoder.usage.cost_usd == pytest.approx(3_000 * 0.02 / 1e6)


def fail_first(*answers: FaultError) -> Any:
    left = list(answers)

    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        if left:
            raise left.pop(0)

    return misbehave


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([FaultError(500), FaultError(503)], id="5xx"),
        pytest.param([FaultError(408), FaultError(429)], id="408 and 429"),
        pytest.param([FaultError(200, "{not json")], id="invalid JSON"),
        pytest.param([FaultError(200, {"data": []})], id="no vectors"),
        pytest.param([FaultError(200, {"data": [{"index": 0, "embedding": []}]})], id="empty vector"),
        pytest.param([FaultError(200, {"data": [{"index": 0, "embedding": [0.0] * DIMENSION}]})], id="zeros"),
        pytest.param([FaultError(200, {"data": [{"index": 0, "embedding": [None] * DIMENSION}]})], id="nulls"),
        pytest.param([FaultError(200, {"data": [{"index": 0, "embedding": [math.nan] * DIMENSION}]})], id="NaN"),
        pytest.param([FaultError(200, "", {"Content-Length": "50"})], id="cut off"),
    ],
)
def test_what_passes_is_sat_out(remote: Settings, openai_double: OpenAIDouble, faults: list[FaultError]) -> None:
    openai_double.misbehave = fail_first(*faults)
    assert_right(make(remote), ["one"])
    assert len(openai_double.embedding_requests) == len(faults) + 1


def test_patience_is_what_is_asked_for(remote: Settings, openai_double: OpenAIDouble) -> None:
    openai_double.misbehave = fail_first(*[FaultError(500)] * 100)
    asked = []
    for patience in (HURRIED, PATIENT):
        openai_double.embedding_requests.clear()
        with pytest.raises(PlimsollError, match="HTTP 500"):
            make(remote, patience).encode(["one"])
        asked.append(len(openai_double.embedding_requests))
    # the last look is at a plain text: is it the text or the server?
    assert asked == [HURRIED.failures + HURRIED.failures, FEW_FAILURES + PATIENT.failures]


def test_a_limited_rate_is_sat_out_longer_than_a_failure(remote: Settings, openai_double: OpenAIDouble) -> None:
    openai_double.misbehave = fail_first(FaultError(400), *[FaultError(429)] * (PATIENT.limits - 1))
    # the one that is refused is looked for among the two, under the limit, too
    assert_right(make(remote), ["one", "two"])
    openai_double.misbehave = fail_first(*[FaultError(429)] * 100)
    for patience in (HURRIED, PATIENT):
        openai_double.embedding_requests.clear()
        with pytest.raises(PlimsollError, match=f"gave up after {patience.limits} attempts: rate limit: made to fail"):
            make(remote, patience).encode(["one"])
        assert len(openai_double.embedding_requests) == patience.limits


def test_a_server_that_lets_few_through_is_not_given_up(remote: Settings, openai_double: OpenAIDouble) -> None:
    def one_in_three(path: str, request: dict[str, Any], number: int) -> None:
        if number % 3:
            raise FaultError(429)

    openai_double.misbehave = one_in_three
    # four workers with 36 requests: some are told to wait more often than patience has it for one alone
    patience = replace(PATIENT, limits=4)
    assert_right(make(remote, patience), [f"text {number}" for number in range(36 * 32)])


def test_a_request_beyond_all_of_a_minutes_tokens_is_divided(remote: Settings, openai_double: OpenAIDouble) -> None:
    def limit(path: str, request: dict[str, Any], number: int) -> None:
        if len(request["input"]) > 3:
            message = "Request too large for it on tokens per min (TPM): Limit 3, Requested 9."
            raise FaultError(429, {"error": {"code": "rate_limit_exceeded", "message": message}})

    openai_double.misbehave = limit
    assert_right(make(remote), [f"text {number}" for number in range(9)])


@pytest.mark.parametrize("value", ["0", formatdate(time.time() - 3600, usegmt=True)])
def test_no_wait_is_shorter_than_ones_own(remote: Settings, openai_double: OpenAIDouble, value: str) -> None:
    openai_double.misbehave = fail_first(FaultError(429, headers={"Retry-After": value}))
    server = OpenAIServer.from_settings(remote, PATIENT, first_wait=0.6)
    started = time.monotonic()
    server.call(lambda client: client.embeddings.create(model="m", input=["one"]))
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}, {"total_tokens": "12"}])
def test_a_server_that_does_not_count_is_estimated(
    remote: Settings, openai_double: OpenAIDouble, usage: dict[str, Any] | None
) -> None:
    data = [{"index": 0, "embedding": vector_of("one").tolist()}]
    openai_double.misbehave = fail_first(FaultError(200, {"data": data, "usage": usage}))
    encoder = make(remote)
    assert encoder.encode(["one"])[0] is not None
    assert (len(openai_double.embedding_requests), encoder.usage.tokens) == (1, 1)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_kept_by_every_request(remote: Settings, openai_double: OpenAIDouble, as_date: bool) -> None:
    value = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    openai_double.misbehave = fail_first(FaultError(429, headers={"Retry-After": value}))
    started = time.monotonic()
    assert_right(make(remote), ["one"])
    assert time.monotonic() - started >= 0.9


def test_a_server_that_hangs_is_asked_again(remote: Settings, openai_double: OpenAIDouble) -> None:
    openai_double.misbehave = fail_first(FaultError(200, delay=1.0))
    assert_right(make(remote, timeout=0.3), ["one"])


def test_a_slow_server_is_asked_for_less_at_once(remote: Settings, openai_double: OpenAIDouble) -> None:
    alone = threading.Lock()

    def one_after_the_other(path: str, request: dict[str, Any], number: int) -> None:
        with alone:
            time.sleep(0.008 * len(request["input"]))

    openai_double.misbehave = one_after_the_other
    # four requests of 32 take a second, and so does each beside the three others
    encoder = make(remote, timeout=0.8)
    assert_right(encoder, [f"text {number}" for number in range(256)])
    openai_double.embedding_requests.clear()
    assert_right(encoder, [f"text {number}" for number in range(64)])
    assert max(map(len, openai_double.embedding_requests)) <= 16


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_never_ends_is_asked_for_again(
    remote: Settings, openai_double: OpenAIDouble, status: int
) -> None:
    openai_double.misbehave = fail_first(FaultError(status, " " * 100, dribble=0.1))
    started = time.monotonic()
    assert_right(make(remote, timeout=0.4), ["one"])
    assert time.monotonic() - started < 3
    assert len(openai_double.embedding_requests) == 2


def test_one_bad_document_is_set_aside_alone(remote: Settings, openai_double: OpenAIDouble) -> None:
    def refuse(path: str, request: dict[str, Any], number: int) -> None:
        if any("bad" in text for text in request["input"]):
            raise FaultError(400)

    openai_double.misbehave = refuse
    texts = [f"good {number}" for number in range(40)]
    texts[17] = "bad"
    vectors = make(remote).encode(texts)
    assert [index for index, vector in enumerate(vectors) if vector is None] == [17]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(FaultError(500), id="500"),
        pytest.param(FaultError(200, delay=0.6), id="hangs"),
        pytest.param(FaultError(200, {"data": [{"index": 0, "embedding": None}]}), id="null"),
        pytest.param(FaultError(200, "", {"Content-Length": "50"}), id="cut off"),
    ],
)
def test_a_document_at_which_the_server_fails_is_set_aside_alone(
    remote: Settings, openai_double: OpenAIDouble, fault: FaultError
) -> None:
    def fail(path: str, request: dict[str, Any], number: int) -> None:
        if any("BAD" in text for text in request["input"]):
            raise fault

    openai_double.misbehave = fail
    texts = [f"good {number}" for number in range(40)]
    texts[17] = "BAD"
    vectors = make(remote, timeout=0.3).encode(texts)
    assert [index for index, vector in enumerate(vectors) if vector is None] == [17]
    # a few attempts at the batch, as few at its six halves
    assert sum("BAD" in request for request in openai_double.embedding_requests) <= 7 * FEW_FAILURES


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (FaultError(503), "gave up after 7 attempts: HTTP 503"),
        # of one whose model has crashed
        (FaultError(400), "refuses every text"),
        (FaultError(200, {"data": [{"index": n, "embedding": [math.nan] * DIMENSION} for n in (0, 1)]}), "nowhere"),
    ],
)
def test_a_server_that_breaks_down_on_the_way_sets_nothing_aside(
    remote: Settings, openai_double: OpenAIDouble, fault: FaultError, message: str
) -> None:
    encoder = make(remote)
    assert_right(encoder, ["one"])
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(fault)
    with pytest.raises(PlimsollError, match=message):
        encoder.encode(["two", "three"])


def test_a_server_that_was_down_and_is_back_sets_nothing_aside(remote: Settings, openai_double: OpenAIDouble) -> None:
    openai_double.misbehave = fail_first(*[FaultError(400)] * 2)
    assert_right(make(remote), ["one", "two"])


@pytest.mark.parametrize(
    ("status", "message"), [(400, "maximum context length exceeded"), (500, "input is too large to process")]
)
def test_a_text_that_is_too_long_for_the_model_is_cut(
    remote: Settings, openai_double: OpenAIDouble, status: int, message: str
) -> None:
    def refuse(path: str, request: dict[str, Any], number: int) -> None:
        if any(len(text) > 2_100 for text in request["input"]):
            raise FaultError(status, {"error": {"message": message}})

    openai_double.misbehave = refuse
    vectors = make(remote).encode(["short", "long " * 2_000])
    assert all(vector is not None for vector in vectors)
    assert max(len(text) for text in openai_double.embedding_requests[-1]) <= 2_100


def test_a_server_that_refuses_everything_stops_the_sync(remote: Settings, openai_double: OpenAIDouble) -> None:
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(FaultError(400))
    with pytest.raises(PlimsollError, match="refuses every text for the model text-embedding-3-small"):
        make(remote).encode(["one", "two"])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (FaultError(401), r"HTTP 401.*Check OPENAI_API_KEY"),
        (FaultError(404, {"error": {"message": "no such model"}}), r"HTTP 404: no such model"),
        (FaultError(429, {"error": {"code": "insufficient_quota", "message": "pay"}}), "quota is used up"),
        (FaultError(429, headers={"Retry-After": "9999"}), "asks to wait 9999 s"),
        (FaultError(500), "gave up after"),
    ],
)
def test_what_does_not_pass_is_said_in_one_line(
    remote: Settings, openai_double: OpenAIDouble, fault: FaultError, message: str
) -> None:
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(fault)
    with pytest.raises(PlimsollError, match=message) as caught:
        make(remote).encode(["one"])
    assert SECRET not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(PLIMSOLL_HOME=tmp_path, openai_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(PlimsollError, match=r"127\.0\.0\.1:9/v1: gave up .* no connection"):
        make(settings, HURRIED).encode(["one"])
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(PlimsollError, match=r"ALL_PROXY: the proxy .* cannot be used"):
        make(settings)
    monkeypatch.delenv("ALL_PROXY")
    with pytest.raises(PlimsollError, match="it does not answer"):
        describe(settings)


def test_requests_are_in_flight_together(remote: Settings, openai_double: OpenAIDouble) -> None:
    together = threading.Barrier(3, timeout=5)
    openai_double.misbehave = lambda path, request, number: together.wait() and None
    # 3 requests of 32 texts: each waits for the others
    assert_right(make(remote), [f"text {number}" for number in range(96)])


def test_the_dimension_is_asked_for_once(remote: Settings, openai_double: OpenAIDouble) -> None:
    assert choose(remote).dimension == DIMENSION
    assert choose(remote).dimension == DIMENSION
    assert openai_double.embedded == ["dimension"]
    assert describe(remote) == {
        "model": "text-embedding-3-small", "kind": "server", "dimension": DIMENSION, "reachable": True,
    }  # fmt: skip


def test_a_password_in_the_url_is_neither_shown_nor_kept(
    remote: Settings, openai_double: OpenAIDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = openai_double.url.replace("://", f"://user:{SECRET}@")
    settings = remote.model_copy(update={"openai_base_url": url})
    assert choose(settings).dimension == DIMENSION
    assert openai_double.accounts[-1] == "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()
    openai_double.misbehave = lambda path, request, number: (_ for _ in ()).throw(FaultError(401))
    with pytest.raises(PlimsollError) as caught:
        choose(settings).encode(["one"])
    assert openai_double.url in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text
    assert SECRET not in (settings.home / "embedding-dimensions.json").read_text()


def test_a_shorter_vector_is_asked_for(remote: Settings, openai_double: OpenAIDouble) -> None:
    encoder = choose(remote.model_copy(update={"embedding_dimensions": 8}))
    vector = encoder.encode(["one"])[0]
    assert vector is not None and len(vector) == 8


def test_another_model_by_the_same_name_is_noticed(
    remote: Settings, openai_double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(remote).dimension == DIMENSION
    monkeypatch.setattr("tests.embeddings.openai_double.DIMENSION", 2 * DIMENSION)
    with pytest.raises(PlimsollError, match=f"makes vectors of {2 * DIMENSION} dimensions.* embeddings sync"):
        choose(remote).encode(["one"])
    vector = choose(remote).encode(["one"])[0]
    assert vector is not None and len(vector) == 2 * DIMENSION


@given(st.lists(st.integers(min_value=0, max_value=TEXT_BYTES), max_size=60))
def test_batches_keep_the_budget_and_lose_no_text(sizes: list[int]) -> None:
    texts = ["x" * size for size in sizes]
    batches = list(_batches(texts, 32))
    assert [index for batch in batches for index in batch] == list(range(len(texts)))
    assert all(len(batch) <= 32 for batch in batches)
    assert all(sum(_estimated_tokens(texts[index]) for index in batch) <= REQUEST_TOKENS for batch in batches)
