"""A repository that cannot be read any more: what is hidden from the token stays, what is gone leaves."""

import threading
from typing import Any

import psycopg2
import pytest

from ingestion.loading import Outcome
from ingestion.sources.github.client import Answer, GitHubClient
from ingestion.sources.github.extraction import Extraction
from ingestion.sources.github.listing import PullRequestList
from tests.github_api import GitHubDouble
from tests.github_api.model import Repository
from tests.ingestion.conftest import run
from tests.ingestion.warehouse_copy import contents, differences, execute, query
from warehouse.settings import Settings

QUAYSIDE = "harbour-works/quayside"
SERVICE = "harbour-works/manifest-service"


def of_row(settings: Settings, columns: str, repository: Repository) -> tuple[Any, ...]:
    """Returns columns of a repository's row."""
    text = f"select {columns} from raw_github.repositories where id = %s"
    [row] = query(settings, text, repository.database_id)
    return row  # type: ignore[no-any-return]


def marked(settings: Settings, repository: Repository) -> tuple[int, int]:
    """Returns how many pull requests of a repository are marked as deleted, and how many there are."""
    text = "select count(deleted_at), count(*) from raw_github.pull_requests where repository_id = %s"
    return tuple(query(settings, text, repository.database_id)[0])  # type: ignore[return-value]


@pytest.mark.parametrize("names", [(QUAYSIDE, SERVICE), ()], ids=["by name", "of the organisation"])
def test_unreadable_private_repository_is_reported_and_kept(
    loaded: Settings, api: GitHubDouble, repository: Repository, names: tuple[str, ...]
) -> None:
    repository.is_private = True
    assert run(loaded, *names).is_complete
    before = contents(loaded)
    api.mutate.hide_repository(repository)
    outcome = run(loaded, *names)
    assert {report.repository: report.status for report in outcome.reports} == {QUAYSIDE: "unreadable", SERVICE: "done"}
    assert not outcome.is_complete
    assert "token may not see it" in next(report.error or "" for report in outcome.reports if report.error)
    assert of_row(loaded, "unreadable_at is not null", repository) == (True,)
    # a run of the organisation asks about accounts, too, where nothing was listed
    assert differences(before, contents(loaded)).keys() <= {"repositories", *(() if names else ("users",))}
    api.mutate.hide_repository(repository, is_readable=True)
    assert run(loaded, *names).is_complete
    assert of_row(loaded, "unreadable_at", repository) == (None,)
    assert differences(before, contents(loaded)).keys() <= (set() if names else {"users"})


def test_run_ends_if_it_cannot_be_noted_that_a_repository_is_gone(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise psycopg2.OperationalError("the connection was closed")

    api.mutate.hide_repository(repository)
    monkeypatch.setattr(Extraction, "_unreadable", refuse)
    outcomes: list[Outcome] = []
    # one that goes on for ever must not keep the others from their turn
    thread = threading.Thread(target=lambda: outcomes.append(run(loaded, QUAYSIDE)), daemon=True)
    thread.start()
    thread.join(60)
    [report] = outcomes[0].reports
    assert (report.status, "the connection was closed" in (report.error or "")) == ("failed", True)


def test_access_lost_in_the_middle_of_a_run_deletes_nothing(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(loaded)
    listed = PullRequestList.first

    def lose_access(self: PullRequestList, *arguments: Any) -> Any:
        page = listed(self, *arguments)
        api.mutate.hide_repository(repository)
        return page

    monkeypatch.setattr(PullRequestList, "first", lose_access)
    outcome = run(loaded, QUAYSIDE, full_refresh=True)
    assert [report.status for report in outcome.reports] == ["unreadable"]
    assert differences(before, contents(loaded)).keys() <= {"repositories"}


@pytest.mark.parametrize("names", [(QUAYSIDE, SERVICE), ()], ids=["by name", "of the organisation"])
def test_public_repository_that_is_gone_takes_its_pull_requests_along(
    loaded: Settings, api: GitHubDouble, repository: Repository, names: tuple[str, ...]
) -> None:
    before, total = contents(loaded), len(repository.pull_requests)
    api.mutate.delete_repository(repository)
    outcome = run(loaded, *names)
    assert {report.repository: report.status for report in outcome.reports} == {QUAYSIDE: "unreadable", SERVICE: "done"}
    [error] = [report.error for report in outcome.reports if report.error]
    assert "gone from GitHub" in error and not outcome.is_complete
    assert marked(loaded, repository) == (total, total)
    assert of_row(loaded, "unreadable_at is not null", repository) == (True,)
    assert differences(before, contents(loaded)).keys() <= {"repositories", "pull_requests", "users"}
    text = "select deleted::int from raw_github.sync_runs where run_id = %s and step = 'reconcile'"
    assert query(loaded, text, outcome.run_id) == [(total,)]
    # by name it is missed again, of the organisation it is forgotten
    assert run(loaded, *names).is_complete == (not names)
    service = api.organisation.repository(SERVICE)
    assert service is not None and marked(loaded, service) == (0, len(service.pull_requests))


def test_repository_in_whose_place_there_is_another_is_gone(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    total = len(repository.pull_requests)
    api.mutate.delete_repository(repository)
    follower = api.mutate.create_repository("quayside")
    for _ in range(2):
        assert run(loaded, QUAYSIDE).is_complete
        assert marked(loaded, repository) == (total, total)
        assert of_row(loaded, "unreadable_at is not null", repository) == (True,)
        assert of_row(loaded, "name_with_owner, unreadable_at", follower) == (QUAYSIDE, None)
    api.log.clear()
    assert run(loaded, QUAYSIDE).is_complete
    assert [request.operation for request in api.log] == ["List"]


def test_public_repository_that_comes_back_brings_its_pull_requests(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    before = contents(loaded)
    api.mutate.hide_repository(repository)
    assert not run(loaded, QUAYSIDE).is_complete
    assert marked(loaded, repository)[0]
    api.mutate.hide_repository(repository, is_readable=True)
    assert run(loaded, QUAYSIDE).is_complete
    assert differences(before, contents(loaded)) == {}


def test_repository_that_github_knows_by_another_name_is_not_gone(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    text = "update raw_github.repositories set name_with_owner = 'old/name' where id = "
    execute(loaded, f"{text}{repository.database_id}")
    outcome = run(loaded, "old/name")
    assert [report.status for report in outcome.reports] == ["unreadable"]
    assert "token may not see it" in (outcome.reports[0].error or "")
    assert marked(loaded, repository) == (0, len(repository.pull_requests))


def test_repository_that_github_hides_from_the_token_is_not_gone(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = GitHubClient.graphql

    def refuse(self: GitHubClient, text: str, *arguments: Any, **options: Any) -> Answer:
        if "query List" not in text:
            return ask(self, text, *arguments, **options)
        error = {"path": ["repository"], "type": "FORBIDDEN", "message": "Resource protected by SAML enforcement"}
        return Answer({"repository": None}, [error])

    monkeypatch.setattr(GitHubClient, "graphql", refuse)
    outcome = run(loaded, QUAYSIDE)
    assert [report.status for report in outcome.reports] == ["unreadable"]
    assert "SAML" in (outcome.reports[0].error or "")
    assert marked(loaded, repository) == (0, len(repository.pull_requests))
