"""The client waits, retries, gives up and keeps quiet about secrets as it should."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from ingestion.sources.github import client as client_module
from ingestion.sources.github.client import GitHubClient, NotFoundError, QueryTooHeavyError, Spent, StoppedError, parse
from ingestion.sources.github.tokens import TokenPool
from tests.github_api import GitHubDouble, Limits, Organisation
from tests.ingestion.conftest import TOKEN, WORKERS, make_client
from warehouse.errors import PlimsollError

VIEWER = "query Viewer { viewer { login } rateLimit { cost } }"
LIST = """query List { rateLimit { cost } repository(owner: "harbour-works", name: "quayside") {
  pullRequests(first: 9) { nodes { number } } } }"""


def login(client: GitHubClient, spent: Spent) -> str:
    answer = client.graphql(VIEWER, {}, points=1, spent=spent)
    assert not answer.errors
    return str(answer.data["viewer"]["login"])


@pytest.mark.parametrize("kind", ["500", "503", "502", "504", "html_502", "reset", "refuse", "truncate", "empty"])
def test_accident_on_the_way_is_tried_again(api: GitHubDouble, client: GitHubClient, spent: Spent, kind: Any) -> None:
    api.faults.add(kind, times=1)
    assert login(client, spent) == api.viewer.login
    assert (spent.requests, spent.points) == (2, 1)


@pytest.mark.parametrize("kind", ["secondary", "rate_limited"])
def test_limit_is_waited_out_for_as_long_as_github_says(
    api: GitHubDouble, client: GitHubClient, spent: Spent, kind: Any
) -> None:
    api.faults.add(kind, times=1, seconds=1, retry_after=1)
    begun = time.time()
    assert login(client, spent) == api.viewer.login
    assert time.time() - begun >= 0.9
    assert spent.waited_seconds >= 0.9


@pytest.mark.parametrize("kind", ["secondary", "secondary_200"])
def test_limit_without_a_time_is_waited_out_longer_each_time(
    api: GitHubDouble, client: GitHubClient, spent: Spent, kind: Any
) -> None:
    api.faults.add(kind, times=3, retry_after=None)
    assert login(client, spent) == api.viewer.login
    # 1 + 2 + 4 of the shortest wait
    assert spent.waited_seconds == pytest.approx(7 * 0.05, rel=0.3)


def test_long_wait_is_announced_with_its_end(
    api: GitHubDouble,
    client: GitHubClient,
    spent: Spent,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "ANNOUNCE_SECONDS", 0.5)
    api.faults.add("secondary", times=1, retry_after=1)
    with caplog.at_level(logging.WARNING):
        login(client, spent)
    assert "waiting 1 s, until " in caplog.text


def test_retry_after_may_be_a_date(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    api.faults.add("secondary", times=1, retry_after=formatdate(time.time() + 2, usegmt=True))
    login(client, spent)
    assert 0.5 < spent.waited_seconds <= 2


def test_an_hour_that_ended_long_ago_by_our_clock_is_not_asked_for_without_pause(
    organisation: Organisation, spent: Spent
) -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    pool = TokenPool((TOKEN,), clock=lambda: time.time() + 7200)
    with GitHubDouble(organisation, tokens=(TOKEN,), limits=Limits(points=0)) as api:
        client = GitHubClient(pool, api.url, api.graphql_url, WORKERS, stop)
        with pytest.raises(StoppedError):
            login(client, spent)
    assert spent.requests <= 6


def test_wrong_graphql_address_is_no_missing_repository(api: GitHubDouble, spent: Spent) -> None:
    client = GitHubClient(TokenPool((TOKEN,)), api.url, f"{api.url}/nothing/graphql", WORKERS)
    with pytest.raises(PlimsollError, match=r"404.*Check GITHUB_GRAPHQL_URL"):
        login(client, spent)


def test_wait_of_several_workers_is_announced_once(
    api: GitHubDouble, client: GitHubClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ANNOUNCE_SECONDS", 1)
    api.faults.add("secondary", times=1, retry_after=4)
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(3) as pool:
        first = pool.submit(login, client, Spent())
        while not caplog.text and not first.done():
            time.sleep(0.01)
        begun = time.monotonic()
        list(pool.map(lambda _: login(client, Spent()), range(2)))
    # they waited for the same limit
    assert time.monotonic() - begun > 1
    assert caplog.text.count("waiting ") == 1


def test_stop_ends_a_wait_at_once(api: GitHubDouble, spent: Spent) -> None:
    stop = threading.Event()
    client = make_client(api, stop=stop)
    api.faults.add("secondary", retry_after=600)
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(StoppedError):
        login(client, spent)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("kind", ["502", "504", "timeout_200"])
def test_query_that_fails_twice_for_its_weight_is_too_heavy(
    api: GitHubDouble, client: GitHubClient, spent: Spent, kind: Any
) -> None:
    api.faults.add(kind)
    with pytest.raises(QueryTooHeavyError):
        login(client, spent)
    assert spent.requests <= 2


def test_fault_that_stays_is_reported_with_place_and_remedy(
    api: GitHubDouble, client: GitHubClient, spent: Spent
) -> None:
    api.faults.add("503")
    with pytest.raises(PlimsollError, match=r"/graphql: HTTP 503 from GitHub, \d+ times in a row.*run again"):
        login(client, spent)


def test_error_of_the_query_itself_is_not_tried_again(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    with pytest.raises(PlimsollError, match="shoeSize"):
        client.graphql("query Shoe { viewer { shoeSize } }", {}, points=1, spent=spent)
    assert spent.requests == 1


def test_forbidden_says_what_to_check(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    api.faults.add("forbidden")
    with pytest.raises(PlimsollError, match="HTTP 403.*Resource not accessible.*scopes"):
        login(client, spent)


def test_rest_of_what_is_not_there(client: GitHubClient, spent: Spent) -> None:
    with pytest.raises(NotFoundError):
        client.rest("/repos/harbour-works/quayside/pulls/99999/files", {}, spent=spent)


def test_rest_follows_a_renamed_repository(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    files = client.rest("/repos/harbour-works/cargo-api/pulls/1/files", {"per_page": 100}, spent=spent)
    service = api.organisation.repository("harbour-works/manifest-service")
    assert service is not None
    assert [file["filename"] for file in files] == [file.path for file in service.pull_requests[1].files]


def test_bad_token_is_one_clear_line(organisation: Organisation, spent: Spent) -> None:
    refusal = pytest.raises(PlimsollError, match="GitHub refuses the token.*Set GITHUB_TOKEN")
    with GitHubDouble(organisation, tokens=("another",)) as api, refusal as caught:
        login(make_client(api), spent)
    assert TOKEN not in str(caught.value)
    assert spent.requests == 1


def test_revoked_token_is_dropped_while_another_works(
    api: GitHubDouble, spent: Spent, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(api, "ghp_first", "ghp_second")
    api.ledger.revoke("ghp_first")
    for _ in range(6):
        assert login(client, spent) == api.viewer.login
    assert [request.token for request in api.log].count("ghp_first") == 1
    assert "going on with the other" in caplog.text
    assert "ghp_" not in caplog.text


def test_several_tokens_share_the_load(api: GitHubDouble, spent: Spent) -> None:
    client = make_client(api, "ghp_first", "ghp_second", "ghp_third")
    for _ in range(30):
        login(client, spent)
    tokens = [request.token for request in api.log]
    assert min(tokens.count(token) for token in ("ghp_first", "ghp_second", "ghp_third")) >= 8


def test_token_whose_budget_is_spent_rests_while_another_works(organisation: Organisation, spent: Spent) -> None:
    with GitHubDouble(organisation, limits=Limits(points=5)) as api:
        client = make_client(api, "ghp_first", "ghp_second")
        begun = time.monotonic()
        for _ in range(10):
            login(client, spent)
        assert time.monotonic() - begun < 5
        assert all(request.status == 200 for request in api.log)


def test_points_count_what_github_charged(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    client.graphql(LIST, {}, points=1, spent=spent)
    login(client, spent)
    assert spent.points == api.points == 2


def test_partial_answer_comes_with_its_errors(api: GitHubDouble, client: GitHubClient, spent: Spent) -> None:
    api.faults.add("partial", times=1)
    answer = client.graphql(LIST, {}, points=1, spent=spent)
    nodes = answer.data["repository"]["pullRequests"]["nodes"]
    assert [node is None for node in nodes] == [False, False, True] * 3
    assert len(answer.errors) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"a": "x\u0000y"}', {"a": "x�y"}),
        (rb'{"a": ["\ud83d"]}', {"a": ["?"]}),
        ('{"a": "⚓ \\ud83d\\udea2"}'.encode(), {"a": "⚓ 🚢"}),
    ],
    ids=["NUL", "half a surrogate pair", "whole pairs and UTF-8"],
)
def test_parse_mends_what_postgres_cannot_hold(text: bytes, expected: Any) -> None:
    assert parse(text) == expected
