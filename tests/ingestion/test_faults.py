"""Every kind of fault, at every step of a run: the tables end as if nothing had happened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from tests.databases import database
from tests.github_api import GitHubDouble, Organisation, sample
from tests.github_api.mutations import Mutations
from tests.ingestion.conftest import SMALL, TOKEN, at, run
from tests.ingestion.warehouse_copy import Contents, contents, differences
from warehouse.settings import Settings

# which request belongs to which step
STEPS = {
    "probe": {"operation": "^Probe$"},
    "list": {"operation": "^List$"},
    "hydrate": {"operation": "^Hydrate(Whole)?$"},
    "children": {"operation": "^(Follow|Details)$"},
    "reconcile": {"operation": "^Exists$"},
    "patches": {"path": "/files"},
}
OVER_HTTP = ("500", "502", "503", "504", "html_502", "reset", "refuse", "truncate", "empty", "slow", "secondary")
OVER_GRAPHQL = ("timeout_200", "secondary_200", "rate_limited", "resource_limits", "partial")


class Base(NamedTuple):
    """A database that is behind GitHub, and what a run without faults makes of it."""

    name: str
    expected: Contents


def change(organisation: Organisation) -> None:
    """Does what the second run has to find: edits, new pull requests, deletions."""
    mutations = Mutations(organisation)
    for repository in organisation.repositories(organisation.account):
        rows = [row for row in repository.pull_requests.values() if len(row.commits) < 20]
        for row in rows[:4]:
            mutations.comment(row, row.author, "One more thing")
        for row in rows[4:6]:
            mutations.delete(row)
        for row in rows[6:8]:
            mutations.force_push(row, ["Again", "And again"], row.author)
        for number in range(3):
            mutations.open(repository, title=f"Late change {number}", author=rows[0].author)
        long = max(repository.pull_requests.values(), key=lambda row: len(row.comments))
        mutations.comment(long, long.author, "And another page follows")


@pytest.fixture(scope="module")
def base(home: Path) -> Iterator[Base]:
    """Loads the organisation, changes it, and loads it again without faults."""
    organisation = sample.build(pull_requests=SMALL)
    with GitHubDouble(organisation) as api, database(home, "faults_base") as before:
        run(at(before, api), with_patches=True)
        change(organisation)
        with database(home, "faults_expected", template="faults_base") as after:
            assert run(at(after, api), reconcile=True, with_patches=True).is_complete
            expected = contents(after)
        yield Base("faults_base", expected)


@pytest.fixture
def behind(home: Path, base: Base, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A copy of the base."""
    with database(home, "faults_run", template=base.name) as settings:
        yield settings


@pytest.mark.parametrize("kind", [*OVER_HTTP, *OVER_GRAPHQL])
def test_fault_at_every_step_leaves_the_tables_right(
    organisation: Organisation, base: Base, behind: Settings, kind: Any
) -> None:
    change(organisation)
    with GitHubDouble(organisation) as api:
        faults = {
            step: api.faults.add(kind, **match, nth=(1, 3), seconds=0.01, retry_after=None)
            for step, match in STEPS.items()
            if step != "patches" or kind in OVER_HTTP
        }
        outcome = run(at(behind, api), reconcile=True, with_patches=True)
    assert outcome.is_complete, [report.error for report in outcome.reports]
    assert all(fault.fired for fault in faults.values()), {step: fault.fired for step, fault in faults.items()}
    assert differences(base.expected, contents(behind)) == {}
    assert all(report.letters == 0 for report in outcome.reports)


def test_tokens_revoked_at_every_step_are_dropped_while_others_work(
    organisation: Organisation, base: Base, behind: Settings
) -> None:
    change(organisation)
    with GitHubDouble(organisation) as api:
        faults = {step: api.faults.add("unauthorized", **match, nth=(1, 3)) for step, match in STEPS.items()}
        tokens = [SecretStr(f"{TOKEN}-{number}") for number in range(2 * len(STEPS))]
        settings = at(behind, api).model_copy(update={"github_tokens": tokens})
        outcome = run(settings, reconcile=True, with_patches=True)
    assert outcome.is_complete, [report.error for report in outcome.reports]
    assert all(fault.fired for fault in faults.values()), {step: fault.fired for step, fault in faults.items()}
    assert differences(base.expected, contents(behind)) == {}


@pytest.mark.parametrize("step", ["list", "hydrate", "children"])
def test_fault_that_stays_fails_one_repository_and_the_next_run_mends_it(
    organisation: Organisation, base: Base, behind: Settings, step: str
) -> None:
    change(organisation)
    with GitHubDouble(organisation) as api:
        api.faults.add("503", body="quayside|" + "|".join(ids(organisation, "quayside")), **STEPS[step])
        first = run(at(behind, api), reconcile=True, with_patches=True)
        assert not first.is_complete
        assert {report.repository: report.status for report in first.reports} == {
            "harbour-works/quayside": "failed",
            "harbour-works/manifest-service": "done",
        }
        api.faults.clear()
        assert run(at(behind, api), reconcile=True, with_patches=True).is_complete
    assert differences(base.expected, contents(behind)) == {}


def ids(organisation: Organisation, name: str) -> list[str]:
    """Returns the node ids that requests about a repository carry."""
    repository = organisation.repository(f"harbour-works/{name}")
    assert repository is not None
    rows = repository.pull_requests.values()
    return [node for row in rows for node in (row.id, *(item.commit.id for item in row.commits))]
