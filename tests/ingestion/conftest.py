"""The sample organisation behind the double, and clients that do not sit out GitHub's pauses."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingestion.loading import Outcome, Selection, load
from ingestion.sources.github import client as client_module
from ingestion.sources.github.client import GitHubClient, Spent
from ingestion.sources.github.reports import Options
from ingestion.sources.github.tokens import TokenPool
from tests.databases import database
from tests.github_api import GitHubDouble, Organisation, sample
from tests.github_api.model import PullRequest, Repository
from warehouse.settings import Settings

TOKEN = "a-token-that-nobody-must-ever-see"
SMALL = 24
WORKERS = 4


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pauses that GitHub leaves to the client short; those that it names stay as they are."""
    monkeypatch.setattr(client_module, "BACKOFF_SECONDS", 0.002)
    monkeypatch.setattr(client_module, "BACKOFF_LIMIT_SECONDS", 0.02)
    monkeypatch.setattr(client_module, "SECONDARY_WAIT_SECONDS", 0.05)


@pytest.fixture
def organisation() -> Organisation:
    """A small year: every extreme case, and a few ordinary pull requests."""
    return sample.build(pull_requests=SMALL)


@pytest.fixture
def repository(organisation: Organisation) -> Repository:
    """The larger of its repositories."""
    found = organisation.repository("harbour-works/quayside")
    assert found is not None
    return found


@pytest.fixture
def api(organisation: Organisation) -> Iterator[GitHubDouble]:
    with GitHubDouble(organisation) as double:
        yield double


@pytest.fixture
def client(api: GitHubDouble) -> Iterator[GitHubClient]:
    """A client of the double with one token."""
    made = make_client(api)
    yield made
    made.close()


def make_client(api: GitHubDouble, *tokens: str, stop: threading.Event | None = None) -> GitHubClient:
    """Returns a client of the double with these tokens."""
    return GitHubClient(TokenPool(tokens or (TOKEN,)), api.url, api.graphql_url, WORKERS, stop)


def at(settings: Settings, api: GitHubDouble, token: str = TOKEN) -> Settings:
    """Returns the settings with the double in GitHub's place."""
    addresses = {"github_api_url": api.url, "github_graphql_url": api.graphql_url, "github_token": SecretStr(token)}
    return settings.model_copy(update=addresses)


def at_command_line(settings: Settings, api: GitHubDouble, token: str = TOKEN) -> dict[str, str]:
    """Returns the environment that points a command at the double and at a database of the embedded server."""
    return os.environ | {
        "PLIMSOLL_HOME": str(settings.home),
        "DATABASE_URL": settings.database.url,
        "GITHUB_API_URL": api.url,
        "GITHUB_GRAPHQL_URL": api.graphql_url,
        "GITHUB_TOKEN": token,
    }


def run(settings: Settings, *repositories: str, owners: tuple[str, ...] = (), **options: Any) -> Outcome:
    """Loads the sample organisation, or these repositories, as the command line would."""
    if not repositories and not owners:
        owners = (sample.LOGIN,)
    given = {"batch_size": 24, "workers": WORKERS} | options
    return load(settings, Selection(repositories, owners), Options(**given))


def pull_request_titled(repository: Repository, title: str) -> PullRequest:
    """Returns the pull request whose title contains a text."""
    return next(row for row in repository.pull_requests.values() if title in row.title)


@pytest.fixture(scope="session")
def loaded_template(home: Path) -> Iterator[str]:
    """The name of a database that holds the sample organisation; for copying only."""
    with GitHubDouble(sample.build(pull_requests=SMALL)) as api, database(home, "ingestion_loaded") as settings:
        assert run(at(settings, api)).is_complete
        yield "ingestion_loaded"


@pytest.fixture
def loaded(home: Path, loaded_template: str, api: GitHubDouble) -> Iterator[Settings]:
    """Settings with the double in GitHub's place and a database that holds what it serves."""
    with database(home, "ingestion_copy", template=loaded_template) as settings:
        yield at(settings, api)


@pytest.fixture
def spent() -> Spent:
    return Spent()
