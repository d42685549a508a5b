"""Hydration brings every row of every connection, whatever GitHub does meanwhile."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.github import batch_size, tables
from ingestion.sources.github.batch_size import BatchSize
from ingestion.sources.github.client import Answer, GitHubClient, QueryTooHeavyError, Spent
from ingestion.sources.github.connections import CONNECTIONS
from ingestion.sources.github.hydration import Hydrator
from ingestion.sources.github.pull_requests import Entry, Hydrated
from tests.github_api import GitHubDouble
from tests.github_api.model import PullRequest, Repository
from tests.ingestion.conftest import pull_request_titled
from warehouse.errors import PlimsollError

LIMITED = ("CONVERT_TO_DRAFT_EVENT", "READY_FOR_REVIEW_EVENT", "CLOSED_EVENT", "REOPENED_EVENT", "MERGED_EVENT")
EVENTS = (*LIMITED, "REVIEW_REQUESTED_EVENT", "HEAD_REF_FORCE_PUSHED_EVENT", "RENAMED_TITLE_EVENT")
EVENT_KINDS = {"".join(word.title() for word in kind.split("_")) for kind in EVENTS}


def entry(row: PullRequest, *, is_counted: bool = False) -> Entry:
    counts = (len(row.commits), len(row.review_threads)) if is_counted else (None, None)
    return Entry(row.id, row.database_id, row.updated_at, *counts)


def hydrate(
    client: GitHubClient,
    repository: Repository,
    spent: Spent,
    *,
    whole: bool = False,
    size: int = 24,
    rows: list[PullRequest] | None = None,
) -> Hydrated:
    hydrator = Hydrator(client, repository.database_id, repository.name_with_owner, BatchSize(size), spent)
    chosen = list(repository.pull_requests.values()) if rows is None else rows
    return hydrator.hydrate([entry(row, is_counted=whole) for row in chosen], whole=whole)


def truth(rows: list[PullRequest]) -> dict[str, set[Any]]:
    """Returns the keys that each table must hold for these pull requests."""
    truth: dict[str, set[Any]] = {table.name: set() for table in tables.CHILDREN}
    for row in rows:
        key = row.database_id
        truth["pull_request_files"] |= {(key, file.path) for file in row.files}
        truth["pull_request_commits"] |= {(key, item.commit.oid) for item in row.commits}
        truth["pull_request_reviews"] |= {(review.database_id,) for review in row.reviews}
        truth["pull_request_review_threads"] |= {(thread.id,) for thread in row.review_threads}
        for thread in row.review_threads:
            truth["pull_request_review_comments"] |= {(comment.database_id,) for comment in thread.comments}
        truth["pull_request_comments"] |= {(comment.database_id,) for comment in row.comments}
        truth["pull_request_labels"] |= {(key, label.id) for label in row.labels}
        truth["pull_request_assignees"] |= {(key, who.database_id) for who in row.assignees if not who.is_deleted}
        truth["pull_request_review_requests"] |= {(request.id,) for request in row.review_requests}
        truth["pull_request_closing_issues"] |= {(key, issue.database_id) for issue in row.closing_issues}
        truth["pull_request_events"] |= {(event.id,) for event in row.events if event.kind in EVENT_KINDS}
    return truth


def keys(hydrated: Hydrated) -> dict[str, set[Any]]:
    found = {}
    for table in tables.CHILDREN:
        rows = [tuple(row[name] for name in table.primary_key) for row in hydrated.rows[table]]
        assert len(rows) == len(set(rows)), table.name
        found[table.name] = set(rows)
    return found


@pytest.mark.parametrize("whole", [False, True], ids=["in rounds", "in one round"])
def test_nothing_is_cut(client: GitHubClient, repository: Repository, spent: Spent, whole: bool) -> None:
    rows = list(repository.pull_requests.values())
    hydrated = hydrate(client, repository, spent, whole=whole)
    assert hydrated.ids == {row.database_id for row in rows}
    assert keys(hydrated) == truth(rows)
    assert not hydrated.letters and not hydrated.gone and not hydrated.reread


FAULTS = (
    *("500", "502", "503", "504", "html_502", "timeout_200", "reset", "refuse", "truncate", "empty"),
    *("secondary", "secondary_200", "rate_limited", "resource_limits", "partial"),
)


@pytest.mark.parametrize("operation", ["Hydrate", "Follow", "Details"])
@pytest.mark.parametrize("kind", FAULTS)
def test_fault_changes_nothing(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent, kind: Any, operation: str
) -> None:
    rows = [row for row in repository.pull_requests.values() if row.number % 3 == 0 or len(row.comments) > 50]
    fault = api.faults.add(kind, operation=f"^{operation}$", every=2, times=3, seconds=0, retry_after=None)
    api.faults.add(kind, operation=f"^{operation}$", nth=(1,), seconds=0, retry_after=None)
    hydrated = hydrate(client, repository, spent, size=6, rows=rows)
    assert fault.fired
    assert keys(hydrated) == truth(rows)
    assert not hydrated.letters


def test_pull_request_that_github_does_not_give_is_set_aside(
    client: GitHubClient, repository: Repository, spent: Spent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(repository.pull_requests.values())[:5]
    doomed = rows[2]
    ask = client.graphql

    def fail(text: str, variables: Any, **options: Any) -> Answer:
        answer = ask(text, variables, **options)
        if doomed.id in variables.get("ids", ()):
            place = variables["ids"].index(doomed.id)
            answer.data["nodes"][place] = None
            answer.errors.append({"path": ["nodes", place], "type": "SERVICE", "message": "It is broken"})
        return answer

    monkeypatch.setattr(client, "graphql", fail)
    hydrated = hydrate(client, repository, spent, rows=rows)
    assert hydrated.ids == {row.database_id for row in rows if row is not doomed}
    assert [(each.pull_request_id, each.entity, each.reason) for each in hydrated.letters] == [
        (doomed.database_id, "pull_requests", "It is broken")
    ]
    assert not hydrated.gone


def test_field_that_the_token_may_not_see_is_null(
    client: GitHubClient, repository: Repository, spent: Spent, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in repository.pull_requests.values() if row.review_requests)
    ask = client.graphql

    def hide(text: str, variables: Any, **options: Any) -> Answer:
        answer = ask(text, variables, **options)
        if "HydrateWhole" in text:
            answer.data["nodes"][0]["reviewRequests"]["nodes"][0]["requestedReviewer"] = None
            path = ["nodes", 0, "reviewRequests", "nodes", 0, "requestedReviewer"]
            answer.errors.append({"path": path, "type": "FORBIDDEN", "message": "Resource not accessible"})
        return answer

    monkeypatch.setattr(client, "graphql", hide)
    hydrated = hydrate(client, repository, spent, whole=True, rows=[row])
    assert hydrated.ids == {row.database_id}
    assert not hydrated.letters
    assert hydrated.rows[tables.REVIEW_REQUESTS][0]["reviewer_user_id"] is None


@pytest.mark.parametrize("whole", [False, True], ids=["in rounds", "in one round"])
# those that may be null by GitHub's schema
@pytest.mark.parametrize("connection", ["files", "reviews", "labels", "reviewRequests", "closingIssuesReferences"])
def test_count_of_what_the_token_may_not_see_is_null(
    client: GitHubClient,
    repository: Repository,
    spent: Spent,
    monkeypatch: pytest.MonkeyPatch,
    connection: str,
    whole: bool,
) -> None:
    [row, other, *_] = repository.pull_requests.values()
    ask = client.graphql

    def hide(text: str, variables: Any, **options: Any) -> Answer:
        answer = ask(text, variables, **options)
        if row.id in variables.get("ids", ()):
            place = variables["ids"].index(row.id)
            if connection in (answer.data["nodes"][place] or {}):
                answer.data["nodes"][place][connection] = None
                path = ["nodes", place, connection]
                answer.errors.append({"path": path, "type": "FORBIDDEN", "message": "Resource not accessible"})
        return answer

    monkeypatch.setattr(client, "graphql", hide)
    hydrated = hydrate(client, repository, spent, whole=whole, rows=[row, other])
    assert (hydrated.ids, hydrated.letters) == ({row.database_id, other.database_id}, [])
    table = next(each.table for each in CONNECTIONS if each.field == connection)
    totals = {each["id"]: each[table.total] for each in hydrated.rows[tables.PULL_REQUESTS]}
    assert totals[row.database_id] is None and totals[other.database_id] is not None


@pytest.mark.parametrize("limit", ["node_budget", "timeout_budget"])
@pytest.mark.parametrize("budget", [120, 300, 900])
@pytest.mark.parametrize("whole", [False, True], ids=["in rounds", "in one round"])
def test_too_heavy_is_split_until_it_passes(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent, limit: str, budget: int, whole: bool
) -> None:
    setattr(api.limits, limit, budget)
    rows = list(repository.pull_requests.values())
    hydrated = hydrate(client, repository, spent, whole=whole)
    assert keys(hydrated) == truth(rows)
    assert not hydrated.letters


def test_size_that_passed_is_kept_for_the_next_batch(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    api.limits.node_budget = 150
    size = BatchSize(24)
    rows = [entry(row) for row in repository.pull_requests.values() if len(row.commits) < 20]
    Hydrator(client, repository.database_id, repository.name_with_owner, size, spent).hydrate(rows, whole=False)
    assert 1 <= size.current < 24


@pytest.mark.parametrize("is_heavy", [True, False], ids=["heavy", "light"])
def test_size_learns_nothing_from_details(
    client: GitHubClient, repository: Repository, spent: Spent, monkeypatch: pytest.MonkeyPatch, is_heavy: bool
) -> None:
    ask = client.graphql

    def weigh(text: str, variables: Any, **options: Any) -> Answer:
        if is_heavy and text.startswith("query Details") and sum(map(len, variables.values())) > 4:
            raise QueryTooHeavyError("HTTP 502")
        return ask(text, variables, **options)

    monkeypatch.setattr(client, "graphql", weigh)
    monkeypatch.setattr(batch_size, "GROW_AFTER", 1)
    size = BatchSize(50, 20)
    rows = [entry(row) for row in repository.pull_requests.values()][:10]
    Hydrator(client, repository.database_id, repository.name_with_owner, size, spent).hydrate(rows, whole=False)
    assert size.current == 20


@pytest.mark.parametrize("whole", [False, True], ids=["in rounds", "in one round"])
def test_size_grows_back_by_full_batches(
    client: GitHubClient, repository: Repository, spent: Spent, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(batch_size, "GROW_AFTER", 1)
    # in rounds, fourteen are asked for where twenty might be
    size = BatchSize(50, 20)
    rows = [entry(row, is_counted=whole) for row in repository.pull_requests.values()][:20]
    Hydrator(client, repository.database_id, repository.name_with_owner, size, spent).hydrate(rows, whole=whole)
    assert size.current == 21


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=200), st.integers(1, 100))
def test_batch_size_stays_within_its_bounds(answers: list[tuple[int, bool]], limit: int) -> None:
    size = BatchSize(limit)
    for asked, is_heavy in answers:
        before = size.current
        size.too_heavy(asked) if is_heavy else size.went_through()
        assert 1 <= size.current <= limit
        assert size.current <= before if is_heavy else before <= size.current <= before + 1


def test_what_vanishes_while_it_is_read_is_gone_and_not_unread(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    rows = list(repository.pull_requests.values())
    api.mutate.delete(rows[4])
    hydrated = hydrate(client, repository, spent, rows=rows)
    assert hydrated.gone == {rows[4].database_id}
    assert hydrated.ids == {row.database_id for row in rows} - hydrated.gone


def test_repository_that_becomes_unreadable_empties_nothing(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    rows = list(repository.pull_requests.values())[:5]
    api.mutate.hide_repository(repository)
    hydrated = hydrate(client, repository, spent, rows=rows)
    assert not hydrated.ids
    assert not hydrated.rows[tables.PULL_REQUESTS]


def test_deleted_accounts_and_bots_keep_their_rows(client: GitHubClient, repository: Repository, spent: Spent) -> None:
    hydrated = hydrate(client, repository, spent)
    wind = pull_request_titled(repository, "Cranes know the wind")
    row = next(row for row in hydrated.rows[tables.PULL_REQUESTS] if row["id"] == wind.database_id)
    assert (row["author_id"], row["merged_by_id"], row["state"]) == (None, None, "MERGED")
    types = {account["login"]: account["type"] for account in hydrated.rows.accounts.values()}
    assert types["cargo-bump"] == "Bot"
    assert "pieter-vos" not in types


def test_ids_are_githubs_64_bit_ids(client: GitHubClient, repository: Repository, spent: Spent) -> None:
    hydrated = hydrate(client, repository, spent)
    assert min(row["id"] for row in hydrated.rows[tables.COMMENTS]) > 2**31


def test_addresses_are_hashed_unless_they_are_asked_for(
    client: GitHubClient, repository: Repository, spent: Spent
) -> None:
    rows = [entry(next(iter(repository.pull_requests.values())))]
    for keep in (False, True):
        hydrator = Hydrator(
            client, repository.database_id, repository.name_with_owner, BatchSize(5), spent, keep_emails=keep
        )
        commit = hydrator.hydrate(rows, whole=False).rows[tables.COMMITS][0]
        assert len(commit["author_email_hash"]) == 64
        assert (commit["author_email"] is not None) is keep


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("broken", ["commit", "pull request"])
def test_addresses_are_not_set_aside_either(
    client: GitHubClient,
    repository: Repository,
    spent: Spent,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    keep: bool,
) -> None:
    ask = client.graphql

    def spoil(text: str, variables: Any, **options: Any) -> Answer:
        answer = ask(text, variables, **options)
        for node in answer.data.get("nodes", ()):
            if broken == "pull request":
                del node["title"]
            else:
                del node["commits"]["nodes"][0]["commit"]["message"]
        return answer

    row = next(row for row in repository.pull_requests.values() if 0 < len(row.commits) < 20)
    monkeypatch.setattr(client, "graphql", spoil)
    hydrator = Hydrator(
        client, repository.database_id, repository.name_with_owner, BatchSize(5), spent, keep_emails=keep
    )
    letters = hydrator.hydrate([entry(row, is_counted=True)], whole=True).letters
    address = row.commits[0].commit.author.email
    assert address and letters
    assert any(address in letter.payload for letter in letters) is keep


@pytest.mark.parametrize("kind", ["resource_limits", "502", "partial"])
def test_fault_that_never_ends_is_an_error_and_no_half_row(
    api: GitHubDouble, client: GitHubClient, repository: Repository, spent: Spent, kind: Any
) -> None:
    api.faults.add(kind)
    with pytest.raises(PlimsollError, match="GitHub"):
        hydrate(client, repository, spent)
