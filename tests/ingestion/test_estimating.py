"""What a run would cost is what it then costs, and asking costs little."""

from datetime import datetime
from typing import Any

import pytest

from ingestion import estimating
from ingestion.estimating import Estimate, estimate
from ingestion.loading import Selection
from ingestion.sources.github import listing
from ingestion.sources.github.reports import Options
from tests.github_api import GitHubDouble, sample
from tests.github_api.model import Repository
from tests.ingestion.conftest import WORKERS, at, run
from warehouse.settings import Settings

QUAYSIDE = "harbour-works/quayside"


def estimated(settings: Settings, *repositories: str, **options: Any) -> list[Estimate]:
    """Returns the estimates of the sample organisation, or of these repositories."""
    owners = () if repositories else (sample.LOGIN,)
    given = {"batch_size": 24, "workers": WORKERS} | options
    return estimate(settings, Selection(repositories, owners), Options(**given))


def middle(repository: Repository, part: float) -> datetime:
    """Returns the time by which this part of the pull requests was updated last."""
    times = sorted(row.updated_at for row in repository.pull_requests.values())
    return datetime.fromisoformat(times[int(len(times) * part)])


@pytest.mark.parametrize("full_refresh", [False, True], ids=["what changed", "everything"])
@pytest.mark.parametrize(("first", "last"), [(0.6, None), (None, 0.4), (0.3, 0.7)])
@pytest.mark.parametrize("is_loaded", [False, True], ids=["first run", "loaded before"])
def test_dates_choose_what_is_counted(
    request: pytest.FixtureRequest,
    api: GitHubDouble,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    first: float | None,
    last: float | None,
    *,
    full_refresh: bool,
    is_loaded: bool,
) -> None:
    monkeypatch.setattr(listing, "PAGE", 10)
    where = request.getfixturevalue("loaded") if is_loaded else at(request.getfixturevalue("settings"), api)
    for row in list(repository.pull_requests.values())[:3]:
        api.mutate.comment(row, row.author, "again")
    dates = {"since": first and middle(repository, first), "until": last and middle(repository, last)}
    (found,) = estimated(where, QUAYSIDE, full_refresh=full_refresh, **dates)
    assert found.to_load == run(where, QUAYSIDE, full_refresh=full_refresh, **dates).pull_requests


def test_changes_beyond_the_first_page_are_counted(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 5)
    rows = list(repository.pull_requests.values())[:14]
    for row in rows:
        api.mutate.comment(row, row.author, "again")
    api.mutate.open(repository, title="New", author=rows[0].author)
    (found,) = estimated(loaded, QUAYSIDE)
    assert len(api.log) == 4
    assert found.to_load == run(loaded, QUAYSIDE).pull_requests == 15


def test_unmoved_repositories_cost_the_probe_alone(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    assert {(e.to_load, e.requests, e.minutes) for e in estimated(loaded)} == {(0, 0, 0.0)}
    assert [request.operation for request in api.log] == ["Probe"]
    api.log.clear()
    row = repository.pull_requests[max(repository.pull_requests)]
    api.mutate.comment(row, row.author, "again")
    assert sum(e.to_load for e in estimated(loaded)) == 1
    assert [request.operation for request in api.log] == ["Probe", "List"]


def test_first_run_of_an_organisation_is_known_from_the_probe(settings: Settings, api: GitHubDouble) -> None:
    found = estimated(at(settings, api))
    assert [request.operation for request in api.log] == ["Probe"]
    assert sum(e.to_load for e in found) == run(at(settings, api)).pull_requests


def test_patches_are_counted_where_the_last_run_loaded_them(
    settings: Settings, api: GitHubDouble, repository: Repository
) -> None:
    where = at(settings, api)
    run(where, QUAYSIDE, with_patches=True)
    row = next(row for row in repository.pull_requests.values() if 0 < len(row.files) < 100)
    api.mutate.comment(row, row.author, "again")
    (found,) = estimated(where, QUAYSIDE)
    api.log.clear()
    run(where, QUAYSIDE)
    asked = [request for request in api.log if request.path.endswith("/files") or "/files?" in request.path]
    assert (found.rest_requests, found.requests) == (len(asked), len(api.log)) == (1, 3)
    (found,) = estimated(where, QUAYSIDE, with_patches=False, full_refresh=True)
    assert found.rest_requests == 0


@pytest.mark.parametrize(
    ("points", "rest_requests", "tokens", "hours"),
    [
        pytest.param(2_400, 0, 1, 0, id="within one hour's budget together"),
        pytest.param(2_600, 0, 1, 1, id="beyond it together, though neither alone"),
        pytest.param(2_600, 0, 2, 0, id="two tokens"),
        pytest.param(100, 5_200, 1, 2, id="REST has a budget, too"),
        pytest.param(2_600, 2_600, 1, 1, id="both budgets are spent at the same time"),
    ],
)
def test_waits_are_for_the_whole_run(points: int, rest_requests: int, tokens: int, hours: int) -> None:
    one = Estimate("harbour-works/one", requests=100, points=points, rest_requests=rest_requests)
    found = list(estimating._timed([one, one], workers=50, tokens=tokens))
    assert found[0] == found[1]
    assert hours * 60 <= sum(e.minutes for e in found) < hours * 60 + 20
