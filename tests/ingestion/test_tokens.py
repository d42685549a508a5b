"""The pool paces each token, and renews an App's."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ingestion.sources.github import tokens
from ingestion.sources.github.client import GitHubClient, Spent
from ingestion.sources.github.tokens import POINTS_PER_MINUTE, REST_REQUESTS_PER_MINUTE, AppInstallation, TokenPool
from tests.github_api import App, GitHubDouble, Organisation
from tests.ingestion.conftest import WORKERS
from warehouse.errors import PlimsollError

VIEWER = "query Viewer { viewer { login } }"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_pool_holds_the_points_of_a_minute(clock: Clock) -> None:
    pool = TokenPool(["one"], clock=clock)
    assert pool.take(POINTS_PER_MINUTE)[1] == 0
    assert pool.take(1)[1] == pytest.approx(60)
    clock.now += 61
    assert pool.take(1)[1] == 0


def test_pool_holds_the_rest_requests_of_a_minute_apart_from_points(clock: Clock) -> None:
    pool = TokenPool(["one"], clock=clock)
    assert {pool.take(0)[1] for _ in range(REST_REQUESTS_PER_MINUTE)} == {0}
    assert pool.take(POINTS_PER_MINUTE)[1] == 0
    assert pool.take(0)[1] == pytest.approx(60)
    clock.now += 61
    assert pool.take(0)[1] == 0


def test_tokens_share_the_rest_requests(clock: Clock) -> None:
    pool = TokenPool(["one", "two"], clock=clock)
    secrets = [pool.take(0)[0].secret for _ in range(20)]
    assert secrets.count("one") == secrets.count("two") == 10


def test_pool_takes_the_token_that_is_ready_first(clock: Clock) -> None:
    pool = TokenPool(["one", "two"], clock=clock)
    first, _ = pool.take(1)
    pool.rest(first, clock.now + 100)
    assert {pool.take(1)[0].secret for _ in range(5)} == {"one", "two"} - {first.secret}


def test_pool_prefers_the_token_with_most_left(clock: Clock) -> None:
    pool = TokenPool(["one", "two"], clock=clock)
    first, _ = pool.take(1)
    pool.observe(first, 1, 10, clock.now + 3600)
    second, _ = pool.take(1)
    pool.observe(second, 1, 4_000, clock.now + 3600)
    assert first is not second
    assert pool.take(1)[0] is second


def test_spent_token_rests_until_its_window_ends(clock: Clock) -> None:
    pool = TokenPool(["one"], clock=clock)
    token, _ = pool.take(1)
    pool.observe(token, 1, 0, clock.now + 120)
    assert pool.take(1)[1] == pytest.approx(120)


def test_a_spent_hour_of_rest_leaves_graphql_alone(clock: Clock) -> None:
    pool = TokenPool(["one"], clock=clock)
    token, _ = pool.take(0)
    pool.observe(token, 0, 0, clock.now + 1800)
    assert pool.take(1)[1] == 0
    assert pool.take(0)[1] == pytest.approx(1800)


def test_last_token_refused_ends_the_run() -> None:
    pool = TokenPool(["one"])
    token, _ = pool.take(1)
    with pytest.raises(PlimsollError, match="GitHub refuses the token"):
        pool.drop(token)
    with pytest.raises(PlimsollError, match="no GitHub token is left"):
        pool.take(1)


def test_same_token_given_twice_is_one() -> None:
    assert TokenPool(["one", "one"]).count == 1


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def pem(key: rsa.RSAPrivateKey) -> str:
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, kind, serialization.NoEncryption()).decode()


@pytest.fixture
def app(key: rsa.RSAPrivateKey) -> App:
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return App(app_id="77", installation_id=88, public_key=key.public_key().public_bytes(encoding, kind).decode())


@pytest.fixture
def api(organisation: Organisation, app: App) -> Iterator[GitHubDouble]:
    with GitHubDouble(organisation, tokens=("nobody has this",), app=app) as double:
        yield double


def make_client(api: GitHubDouble, pem: str, installation: str = "88") -> GitHubClient:
    pool = TokenPool(app=AppInstallation("77", pem, installation, api.url))
    return GitHubClient(pool, api.url, api.graphql_url, WORKERS)


def test_app_token_is_made_once_and_used(api: GitHubDouble, app: App, pem: str) -> None:
    client = make_client(api, pem)
    for _ in range(3):
        assert client.graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
    assert len(app.issued) == 1


def test_app_token_is_renewed_before_it_ends(api: GitHubDouble, app: App, pem: str) -> None:
    app.token_seconds = 301.5
    client = make_client(api, pem)
    client.graphql(VIEWER, {}, points=1, spent=Spent())
    time.sleep(1.6)
    client.graphql(VIEWER, {}, points=1, spent=Spent())
    assert len(app.issued) == 2
    assert api.log[-1].token == app.issued[1]


def test_revoked_app_token_is_replaced(api: GitHubDouble, app: App, pem: str) -> None:
    client = make_client(api, pem)
    client.graphql(VIEWER, {}, points=1, spent=Spent())
    api.ledger.revoke(app.issued[0])
    assert client.graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
    assert len(app.issued) == 2


def test_app_token_may_be_refused_again_once_it_worked(api: GitHubDouble, app: App, pem: str) -> None:
    client = make_client(api, pem)
    for _ in range(3):
        assert client.graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
        api.ledger.revoke(app.issued[-1])
    client.graphql(VIEWER, {}, points=1, spent=Spent())
    assert len(app.issued) == 4


def test_app_token_that_is_refused_at_once_ends_the_run(
    api: GitHubDouble, app: App, pem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.ledger, "is_valid", lambda token: False)
    with pytest.raises(PlimsollError, match="GitHub refuses the token"):
        make_client(api, pem).graphql(VIEWER, {}, points=1, spent=Spent())
    assert len(app.issued) == 2


def test_app_token_that_runs_out_during_a_wait_is_renewed_before_it_is_used(
    api: GitHubDouble, app: App, pem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "RENEW_BEFORE_SECONDS", 0)
    app.token_seconds = 2
    client = make_client(api, pem)
    api.faults.add("secondary", path="graphql", times=1, retry_after=3)
    assert client.graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
    assert len(app.issued) == 2
    assert 401 not in [request.status for request in api.log]


@pytest.mark.parametrize("kind", ["503", "refuse"])
def test_app_token_is_asked_for_again_after_an_accident(
    api: GitHubDouble, pem: str, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    monkeypatch.setattr(tokens, "APP_RETRY_SECONDS", 0.01)
    api.faults.add(kind, path="access_tokens", times=2)
    assert make_client(api, pem).graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
    assert ["access_tokens" in request.path for request in api.log] == [True, True, True, False]


def test_app_token_is_used_until_it_ends_where_there_is_no_new_one(
    api: GitHubDouble, app: App, pem: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tokens, "APP_RETRY_SECONDS", 0.01)
    app.token_seconds = 301.5
    client = make_client(api, pem)
    client.graphql(VIEWER, {}, points=1, spent=Spent())
    time.sleep(1.6)
    api.faults.add("503", path="access_tokens")
    for _ in range(2):
        assert client.graphql(VIEWER, {}, points=1, spent=Spent()).data["viewer"]["login"]
    assert len(app.issued) == 1
    assert caplog.text.count("the old one still works") == 1


def test_app_that_github_refuses_is_one_clear_line(api: GitHubDouble, pem: str) -> None:
    with pytest.raises(PlimsollError, match="refuses the App's installation 99.*GITHUB_APP_INSTALLATION_ID"):
        make_client(api, pem, installation="99").graphql(VIEWER, {}, points=1, spent=Spent())


def test_malformed_key_is_named_and_not_shown(api: GitHubDouble) -> None:
    with pytest.raises(PlimsollError, match="GITHUB_APP_PRIVATE_KEY cannot be used") as caught:
        make_client(api, "not a key at all").graphql(VIEWER, {}, points=1, spent=Spent())
    assert "not a key at all" not in str(caught.value)
