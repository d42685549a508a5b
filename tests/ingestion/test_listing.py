"""The list is whole, and its difference from the tables is just what changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.github.client import Answer, GitHubClient, NotFoundError, Spent
from ingestion.sources.github.listing import PullRequestList, changed, moment, vanished
from ingestion.sources.github.pull_requests import Entry
from tests.github_api import GitHubDouble
from tests.github_api.model import Repository

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 50).map(lambda minutes: BEGINNING + timedelta(minutes=minutes))
TABLES = st.dictionaries(st.integers(1, 40), TIMES)


def entries(listed: dict[int, datetime]) -> list[Entry]:
    return [Entry(f"PR_{number}", number, f"{at:%Y-%m-%dT%H:%M:%SZ}") for number, at in listed.items()]


@given(listed=TABLES, known=TABLES)
def test_difference_of_list_and_tables_is_all_that_is_left_to_do(
    listed: dict[int, datetime], known: dict[int, datetime]
) -> None:
    to_hydrate = {entry.id: moment(entry.updated_at) for entry in changed(entries(listed), known)}
    gone = vanished(listed, known)
    # doing what the difference says turns the tables into the list
    after = {number: at for number, at in known.items() if number not in gone} | to_hydrate
    assert after == listed
    # and nothing of it is needless
    assert not any(known.get(number) == at for number, at in to_hydrate.items())
    assert gone <= known.keys()
    # a second run has nothing to do
    assert not list(changed(entries(listed), after))
    assert not vanished(listed, after)


@given(listed=TABLES)
def test_list_in_any_order_and_twice_over_gives_each_once(listed: dict[int, datetime]) -> None:
    once = entries(listed)
    assert {entry.id for entry in changed(once[::-1] + once, {})} == set(listed)
    assert list(changed(once + once, dict(listed))) == []


def read_all(pages: PullRequestList) -> set[int]:
    """Reads a list from both ends until they meet, as a run does."""
    page = pages.first()
    found = {entry.id for entry in page.newest}
    while not page.is_last and len(found) < page.total:
        page = pages.both_ends()
        found |= {entry.id for entry in (*page.newest, *page.oldest)}
    return found


@pytest.mark.parametrize(
    "kind", [None, "502", "partial", "truncate", "resource_limits", "secondary_200", "timeout_200"]
)
def test_list_is_whole_whatever_happens_on_the_way(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent, kind: str | None
) -> None:
    author = repository.pull_requests[1].author
    for number in range(420):
        api.mutate.open(repository, title=f"More {number}", author=author)
    if kind:
        api.faults.add(kind, operation="List", every=2, times=3)  # type: ignore[arg-type]
    found = read_all(PullRequestList(client, "harbour-works/quayside", spent, with_counts=False))
    assert found == {row.database_id for row in repository.pull_requests.values()}


def test_list_that_moves_while_it_is_read_misses_nothing_that_stays(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    author = repository.pull_requests[1].author
    for number in range(300):
        api.mutate.open(repository, title=f"More {number}", author=author)
    before = {row.database_id for row in repository.pull_requests.values()}
    pages = PullRequestList(client, "harbour-works/quayside", spent, with_counts=False)
    page = pages.first()
    found = {entry.id for entry in page.newest}
    # one of the oldest moves to the newest end, past the page that was read already
    moved = min(repository.pull_requests.values(), key=lambda row: row.updated_at)
    api.mutate.comment(moved, author, "still here")
    while not page.is_last and len(found) < page.total:
        page = pages.both_ends()
        found |= {entry.id for entry in (*page.newest, *page.oldest)}
    assert before - found <= {moved.database_id}


def test_list_of_a_renamed_repository_has_its_new_name(client: GitHubClient, spent: Spent) -> None:
    page = PullRequestList(client, "harbour-works/cargo-api", spent, with_counts=True).first()
    assert page.repository["nameWithOwner"] == "harbour-works/manifest-service"
    assert all(entry.commits is not None and entry.threads is not None for entry in page.newest)


def test_list_refreshes_accounts_in_the_same_request(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    people = [account for account in api.organisation.accounts() if account.kind == "User"]
    api.mutate.rename_account(people[0], "a-new-name")
    api.mutate.delete_account(people[1])
    page = PullRequestList(client, "harbour-works/quayside", spent, with_counts=False).first([row.id for row in people])
    assert (page.accounts[people[0].id] or {})["login"] == "a-new-name"
    assert page.accounts[people[1].id] is None
    assert spent.requests == 1


def test_account_that_is_gone_beside_a_fault_makes_no_repository_unreadable(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = next(account for account in api.organisation.accounts() if account.kind == "User")
    api.mutate.delete_account(person)
    ask = client.graphql

    def fail_once(text: str, variables: Any, **options: Any) -> Answer:
        answer = ask(text, variables, **options)
        if spent.requests == 1:
            answer.data["repository"] = None
            answer.errors.append({"path": ["repository"], "type": "SERVICE", "message": "It hiccups"})
        return answer

    monkeypatch.setattr(client, "graphql", fail_once)
    page = PullRequestList(client, "harbour-works/quayside", spent, with_counts=False).first([person.id])
    assert (page.total, page.accounts, spent.requests) == (len(repository.pull_requests), {person.id: None}, 2)


def test_unknown_and_unreadable_repositories_are_not_found(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    api.mutate.hide_repository(repository)
    for name in ("harbour-works/quayside", "harbour-works/nothing", "nobody/nothing"):
        with pytest.raises(NotFoundError):
            PullRequestList(client, name, spent, with_counts=False).first()
