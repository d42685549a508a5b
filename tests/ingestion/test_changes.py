"""Whatever changes on GitHub, the tables follow, and never lose what they should keep."""

import logging
import math
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion import progress
from ingestion.loading import Loader, Memory, Selection, load, open_pipeline
from ingestion.raw_store import RawStore
from ingestion.sources.github import extraction, listing, repository_run
from ingestion.sources.github.accounts import AccountBook
from ingestion.sources.github.listing import PullRequestList
from ingestion.sources.github.reports import Options
from tests.github_api import GitHubDouble, Limits, Organisation
from tests.github_api.model import Account, File, PullRequest, Repository
from tests.ingestion.conftest import at, at_command_line, pull_request_titled, run
from tests.ingestion.warehouse_copy import Contents, contents, differences, execute, query
from warehouse.postgres import connect
from warehouse.settings import Settings

QUAYSIDE = "harbour-works/quayside"
SERVICE = "harbour-works/manifest-service"


def one(settings: Settings, table: str, columns: str, row: Any) -> tuple[Any, ...]:
    found = query(settings, f"select {columns} from raw_github.{table} where id = %s", row.database_id)
    assert len(found) == 1, found
    return found[0]


def count(settings: Settings, table: str, row: PullRequest) -> int:
    text = f"select count(*) from raw_github.{table} where pull_request_id = %s"
    return int(query(settings, text, row.database_id)[0][0])


def renamed(found: Contents, old: str, new: str) -> Contents:
    """Returns the contents with another name for a repository, in addresses, too."""

    def value(old_value: Any) -> Any:
        return re.sub(rf"(^|//[^/]+/){old}(?=/|$)", rf"\1{new}", old_value) if isinstance(old_value, str) else old_value

    return {name: sorted((tuple(map(value, row)) for row in rows), key=repr) for name, rows in found.items()}


def test_nothing_changed_costs_one_request_a_repository(loaded: Settings, api: GitHubDouble) -> None:
    before = contents(loaded)
    outcome = run(loaded, QUAYSIDE)
    assert (len(api.log), outcome.pull_requests, outcome.is_complete) == (1, 0, True)
    assert differences(before, contents(loaded)) == {}


def test_few_changes_cost_few_requests(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    rows = [row for row in repository.pull_requests.values() if row.title.startswith("Bump")]
    assert len(rows) > 1
    for row in rows:
        api.mutate.comment(row, row.author, "again")
    outcome = run(loaded, QUAYSIDE)
    assert outcome.pull_requests == len(rows)
    assert len(api.log) <= 3


def test_list_ends_where_nothing_has_changed_but_not_above_a_late_update(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 5)
    monkeypatch.setattr(repository_run, "SETTLED", 3)
    late, other, *rows = [row for row in repository.pull_requests.values() if len(row.commits) < 20][:14]
    for row in rows:
        api.mutate.comment(row, row.author, "within the last hour")
    assert run(loaded, QUAYSIDE).pull_requests == len(rows)
    api.log.clear()
    assert run(loaded, QUAYSIDE).pull_requests == 0
    assert len(api.log) == 1

    # a replica shows it only now, below what the list began with last time
    newest = max(row.updated_at for row in repository.pull_requests.values())
    api.mutate.comment(late, late.author, "unseen until now")
    late.updated_at = newest
    api.mutate.comment(other, other.author, "new")
    assert run(loaded, QUAYSIDE).pull_requests == 2
    assert one(loaded, "pull_requests", "comments_total", late) == (len(late.comments),)


def test_long_list_with_nothing_to_read_is_no_silence(
    loaded: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO), progress.ProgressDisplay() as display:
        load(loaded, Selection((QUAYSIDE,)), Options(reconcile=True), display)
    assert re.search(r"[1-9]\d* pull requests listed, none to read yet", caplog.text)


def test_edits_to_old_and_closed_pull_requests_are_seen(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    row = min((row for row in repository.pull_requests.values() if row.merged_at), key=lambda row: row.updated_at)
    author = row.author
    api.mutate.edit(row, title="A title of today", body="A body of today")
    api.mutate.add_label(row, "bug")
    api.mutate.review(row, author, "COMMENTED", "late")
    run(loaded, QUAYSIDE)
    assert one(loaded, "pull_requests", "title, body", row) == ("A title of today", "A body of today")
    for table, expected in (("pull_request_labels", row.labels), ("pull_request_reviews", row.reviews)):
        assert count(loaded, table, row) == len(expected)


def test_empty_text_stays_apart_from_none(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    empty, none = list(repository.pull_requests.values())[:2]
    api.mutate.edit(empty, body="")
    api.mutate.edit(none, body=None)
    run(loaded, QUAYSIDE)
    assert one(loaded, "pull_requests", "body", empty) == ("",)
    assert one(loaded, "pull_requests", "body", none) == (None,)


def test_force_push_leaves_no_stale_commits_and_files(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    row = pull_request_titled(repository, "Import of ten years of tide tables")
    api.mutate.force_push(row, ["All of it at once"], row.author)
    api.mutate.set_files(row, [File(path="app/tides/all.py", change_type="ADDED", additions=3, deletions=0)])
    run(loaded, QUAYSIDE)
    text = "select message from raw_github.pull_request_commits where pull_request_id = %s"
    assert query(loaded, text, row.database_id) == [("All of it at once",)]
    text = "select path from raw_github.pull_request_files where pull_request_id = %s"
    assert query(loaded, text, row.database_id) == [("app/tides/all.py",)]


def test_last_child_that_goes_leaves_nothing_behind(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    row = next(row for row in repository.pull_requests.values() if 0 < len(row.comments) < 5 and row.review_threads)
    for comment in list(row.comments):
        api.mutate.delete_comment(comment)
    for comment in [comment for thread in row.review_threads for comment in thread.comments]:
        api.mutate.delete_comment(comment)
    for label in list(row.labels):
        api.mutate.remove_label(row, label.name)
    run(loaded, QUAYSIDE)
    tables = ("comments", "review_threads", "review_comments", "labels")
    assert {table: count(loaded, f"pull_request_{table}", row) for table in tables} == dict.fromkeys(tables, 0)


def test_deletion_is_noticed_by_itself_and_kept_as_deleted(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    row = next(row for row in repository.pull_requests.values() if row.comments)
    children = count(loaded, "pull_request_comments", row)
    api.mutate.delete(row)
    assert run(loaded, QUAYSIDE).is_complete
    assert one(loaded, "pull_requests", "deleted_at is not null, title", row) == (True, row.title)
    assert count(loaded, "pull_request_comments", row) == children
    deleted_at = one(loaded, "pull_requests", "deleted_at", row)
    assert run(loaded, reconcile=True).is_complete
    assert one(loaded, "pull_requests", "deleted_at", row) == deleted_at


def test_deletion_hidden_by_a_new_pull_request_is_found_by_reconciling(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    row = next(row for row in repository.pull_requests.values() if row.merged_at)
    api.mutate.delete(row)
    api.mutate.open(repository, title="In its place", author=None)
    run(loaded, reconcile=True)
    assert one(loaded, "pull_requests", "deleted_at is not null", row) == (True,)
    text = "select count(*) from raw_github.pull_requests where deleted_at is not null"
    assert query(loaded, text) == [(1,)]


def test_reconciling_costs_the_list_alone(loaded: Settings, api: GitHubDouble) -> None:
    run(loaded, QUAYSIDE, reconcile=True)
    assert [request.operation for request in api.log] == ["List"]


def test_renamed_repository_stays_one(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    before = contents(loaded)
    api.mutate.rename_repository(repository, "waterside")
    # asked for under either name
    for name in (QUAYSIDE, "harbour-works/waterside"):
        assert run(loaded, name).is_complete
        assert one(loaded, "repositories", "name_with_owner", repository) == ("harbour-works/waterside",)
    after = contents(loaded)
    assert len(after["repositories"]) == len(before["repositories"])
    assert differences(renamed(before, QUAYSIDE, "harbour-works/waterside"), after).keys() <= {"repositories"}


def test_both_names_of_a_repository_in_one_run_load_it_once(settings: Settings, api: GitHubDouble) -> None:
    assert run(at(settings, api), "harbour-works/cargo-api", SERVICE).is_complete
    text = "select count(*), count(distinct id) from raw_github.pull_requests"
    service = api.organisation.repository(SERVICE)
    assert service is not None
    assert query(settings, text) == [(len(service.pull_requests),) * 2]


def test_transferred_repository_stays_one(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    owner = api.organisation.create(
        Account, login="port-authority", kind="Organization", created_at="2020-01-01T00:00:00Z"
    )
    api.mutate.rename_repository(repository, repository.name, owner)
    assert run(loaded, QUAYSIDE).is_complete
    columns = "name_with_owner, owner_login"
    assert one(loaded, "repositories", columns, repository) == ("port-authority/quayside", "port-authority")


def test_renamed_account_is_renamed_everywhere_and_never_doubled(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    person = api.organisation.account_named("ines-calder")
    assert person is not None
    accounts = len(contents(loaded)["users"])
    api.mutate.rename_account(person, "ines-of-the-quay")
    run(loaded, QUAYSIDE)
    assert one(loaded, "users", "login", person) == ("ines-of-the-quay",)
    assert len(contents(loaded)["users"]) == accounts


def test_login_taken_over_by_another_account_stays_apart(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    person = api.organisation.account_named("marek-w")
    assert person is not None
    api.mutate.rename_account(person, "marek-wojcik")
    heir = api.organisation.create(Account, login="marek-w", created_at="2026-06-30T00:00:00Z")
    api.mutate.open(repository, title="By another Marek", author=heir)
    run(loaded, QUAYSIDE)
    assert one(loaded, "users", "login", person) == ("marek-wojcik",)
    assert one(loaded, "users", "login", heir) == ("marek-w",)


def test_deleted_account_is_marked_and_its_work_stays(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    person = api.organisation.account_named("greta-lindqvist")
    assert person is not None
    api.mutate.delete_account(person)
    run(loaded)
    assert one(loaded, "users", "deleted_at is not null, login", person) == (True, "greta-lindqvist")
    deleted_at = one(loaded, "users", "deleted_at", person)
    run(loaded, reconcile=True)
    assert one(loaded, "users", "deleted_at", person) == deleted_at


@pytest.mark.parametrize("options", [{}, {"reconcile": True}], ids=["ordinary", "reconciling"])
@pytest.mark.parametrize("repositories", [(QUAYSIDE,), ()], ids=["with a list", "with none"])
def test_accounts_of_another_github_are_left_alone(
    loaded: Settings, api: GitHubDouble, options: dict[str, Any], repositories: tuple[str, ...]
) -> None:
    person, namesake = api.organisation.account_named("ines-calder"), api.organisation.account_named("marek-w")
    assert person is not None and namesake is not None
    # one that this GitHub has never heard of, and one whose id it gave to somebody else
    execute(
        loaded,
        "insert into raw_github.users (id, node_id, login, type, url, _dlt_load_id) "
        "values (1, 'U_kgDOAAAAAQ', 'elsewhere', 'User', 'https://github.test/elsewhere', '0')",
    )
    execute(
        loaded,
        "update raw_github.users set login = 'namesake', url = 'https://github.test/namesake' "
        f"where id = {namesake.database_id}",
    )
    api.mutate.delete_account(person)
    assert run(loaded, *repositories, **options).is_complete
    text = "select login, deleted_at is null from raw_github.users where url like %s order by 1"
    assert query(loaded, text, "https://github.test/%") == [("elsewhere", True), ("namesake", True)]
    assert one(loaded, "users", "deleted_at is null", person) == (False,)


def test_account_that_is_back_is_found_by_reconciling(loaded: Settings, api: GitHubDouble) -> None:
    person = api.organisation.account_named("ines-calder")
    assert person is not None
    execute(loaded, f"update raw_github.users set deleted_at = now() where id = {person.database_id}")
    run(loaded, QUAYSIDE)
    assert one(loaded, "users", "deleted_at is null", person) == (False,)
    run(loaded, QUAYSIDE, reconcile=True)
    assert one(loaded, "users", "deleted_at is null", person) == (True,)


def test_accounts_beyond_those_of_a_list_are_asked_about_only_to_reconcile(
    loaded: Settings, api: GitHubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccountBook.take, "__defaults__", (2,))
    monkeypatch.setattr(extraction, "PAGE", 5)
    known = query(loaded, "select count(*) from raw_github.users where deleted_at is null")[0][0]
    run(loaded, QUAYSIDE)
    assert [request.operation for request in api.log] == ["List"]
    api.log.clear()
    outcome = run(loaded, QUAYSIDE, reconcile=True)
    assert [request.operation for request in api.log] == ["List"] + ["Accounts"] * math.ceil((known - 2) / 5)
    text = "select step, requests::int from raw_github.sync_runs where run_id = %s and repository = '*'"
    assert query(loaded, text, outcome.run_id) == [("accounts", len(api.log) - 1)]


def test_unchanged_organisation_costs_two_requests_that_the_ledger_shows(loaded: Settings, api: GitHubDouble) -> None:
    outcome = run(loaded)
    assert [request.operation for request in api.log] == ["Probe", "Accounts"]
    text = "select step, requests::int from raw_github.sync_runs where run_id = %s and repository = '*' order by 1"
    assert query(loaded, text, outcome.run_id) == [("accounts", 1), ("probe", 1)]


def test_each_run_asks_about_other_accounts() -> None:
    stored = {number: {"id": number, "node_id": f"U_{number}", "url": "", "deleted_at": None} for number in range(100)}
    assert len({account for _ in range(100) for account in AccountBook(stored).take(10)}) > 90


def test_everything_before_since_is_read_by_the_next_ordinary_run(
    settings: Settings, api: GitHubDouble, repository: Repository
) -> None:
    times = sorted(row.updated_at for row in repository.pull_requests.values())
    target = at(settings, api)
    first = run(target, QUAYSIDE, since=datetime.fromisoformat(times[-5]))
    assert first.pull_requests < len(times)
    assert run(target, QUAYSIDE).is_complete
    assert query(target, "select count(*) from raw_github.pull_requests") == [(len(times),)]


def test_changes_before_since_are_not_forgotten(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    rows = [row for row in repository.pull_requests.values() if len(row.commits) < 20]
    early, late = rows[:2]
    newest = datetime.fromisoformat(max(row.updated_at for row in repository.pull_requests.values()))
    for days, row in ((5, early), (9, late)):
        api.mutate.comment(row, row.author, "after the last run")
        row.updated_at = (newest + timedelta(days=days)).isoformat().replace("+00:00", "Z")
    assert run(loaded, QUAYSIDE, since=newest + timedelta(days=7)).pull_requests == 1
    assert run(loaded, QUAYSIDE).pull_requests == 1
    assert one(loaded, "pull_requests", "comments_total", early) == (len(early.comments),)


def test_what_a_killed_load_left_half_done_is_done_again(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    ordinary = [row for row in repository.pull_requests.values() if len(row.commits) < 20]
    bare, doomed = next(row for row in ordinary if row.labels), ordinary[-1]
    # as after a kill between two tables: the rows are there, and their load is not among the finished ones
    execute(loaded, "delete from raw_github._dlt_loads")
    for label in list(bare.labels):
        api.mutate.remove_label(bare, label.name)
    api.mutate.delete(doomed)
    assert run(loaded, QUAYSIDE).is_complete
    assert count(loaded, "pull_request_labels", bare) == 0
    assert one(loaded, "pull_requests", "deleted_at is not null", doomed) == (True,)


def test_half_loaded_pull_request_far_down_the_list_is_read_again(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 5)
    oldest = min(repository.pull_requests.values(), key=lambda row: row.updated_at)
    text = "update raw_github.pull_requests set _dlt_load_id = '0', title = 'half' where id = "
    execute(loaded, f"{text}{oldest.database_id}")
    assert run(loaded, QUAYSIDE).pull_requests == 1
    assert one(loaded, "pull_requests", "title", oldest) == (oldest.title,)


def test_pull_request_that_stays_unreadable_costs_no_whole_list(
    settings: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 5)
    doomed = min(repository.pull_requests.values(), key=lambda row: row.updated_at)
    doomed.created_at = "the day before yesterday"
    for _ in range(2):
        api.log.clear()
        outcome = run(at(settings, api), QUAYSIDE)
        assert [report.status for report in outcome.reports] == ["partial"]
    assert [request.operation for request in api.log].count("List") == 1


def test_patterns_choose_repositories_of_an_organisation(
    settings: Settings, api: GitHubDouble, organisation: Organisation
) -> None:
    archived = api.mutate.create_repository("archived-one", is_archived=True)
    api.mutate.open(archived, title="Old", author=None)
    selection = Selection(owners=("harbour-works",), include=("*a*", "quay*"), exclude=("harbour-works/quay*",))
    outcome = load(at(settings, api), selection, Options(workers=2))
    assert [report.repository for report in outcome.reports] == [SERVICE]
    selection = Selection(owners=("harbour-works",), include=("archived-*",), archived=True)
    outcome = load(at(settings, api), selection, Options(workers=2))
    assert [report.repository for report in outcome.reports] == ["harbour-works/archived-one"]


def test_last_changes_of_a_repository_arrive_after_it_was_archived(
    loaded: Settings, api: GitHubDouble, repository: Repository
) -> None:
    assert run(loaded).is_complete
    last = next(row for row in repository.pull_requests.values() if row.state == "OPEN")
    api.mutate.close(last, actor=None)
    repository.is_archived = True
    assert QUAYSIDE in [report.repository for report in run(loaded).reports]
    assert one(loaded, "pull_requests", "state", last) == ("CLOSED",)
    archived = "select is_archived from raw_github.repositories where id = %s"
    assert query(loaded, archived, repository.database_id) == [(True,)]
    api.log.clear()
    assert run(loaded).is_complete
    assert "List" not in [request.operation for request in api.log]


def test_patches_come_with_statuses_and_previous_paths(settings: Settings, api: GitHubDouble) -> None:
    assert run(at(settings, api), SERVICE, with_patches=True).is_complete
    service = api.organisation.repository(SERVICE)
    assert service is not None
    text = """select path, previous_path, patch, patch_status, additions from raw_github.pull_request_files
              where pull_request_id = %s order by path"""
    tariffs = query(settings, text, pull_request_titled(service, "Tariff tables").database_id)
    # GitHub stops giving patches within the third file, and its counts with them
    assert [(row[3], row[2] is not None, row[4]) for row in tariffs] == [
        ("loaded", True, 7_400),
        ("loaded", True, 7_400),
        ("too_large", False, 7_400),
    ]
    moved = query(settings, text, pull_request_titled(service, "Name the packages").database_id)
    assert ("internal/manifests/module.go", "internal/cargo/module.go") in [row[:2] for row in moved]
    truth = {
        (row.database_id, file.path): file.patch
        for row in service.pull_requests.values()
        for file in row.files
        if file.patch and file.additions + file.deletions < 5_000
    }
    text = "select pull_request_id, path, patch from raw_github.pull_request_files where patch_status = 'loaded'"
    found = {(number, path): patch for number, path, patch in query(settings, text)}
    assert {key: found.get(key) for key in truth} == truth


def test_patches_are_remembered_for_the_next_run(settings: Settings, api: GitHubDouble) -> None:
    run(at(settings, api), SERVICE, with_patches=True)
    service = api.organisation.repository(SERVICE)
    assert service is not None
    row = pull_request_titled(service, "Old import job")
    api.mutate.comment(row, row.author, "again")
    run(at(settings, api), SERVICE)
    text = "select patch_status from raw_github.pull_request_files where pull_request_id = %s"
    assert query(settings, text, row.database_id) == [("loaded",)]


@pytest.mark.parametrize("repositories", [(SERVICE,), ()], ids=["by name", "of the organisation"])
def test_patches_asked_for_later_are_loaded_without_a_change_on_github(
    loaded: Settings, api: GitHubDouble, repositories: tuple[str, ...]
) -> None:
    service = api.organisation.repository(SERVICE)
    assert service is not None
    count_without = (
        "select count(*) from raw_github.pull_request_files where repository_id = %s and patch_status is null"
    )
    times = sorted(datetime.fromisoformat(row.updated_at) for row in service.pull_requests.values())
    # a range brings a part, and the next run knows that there is more
    assert run(loaded, SERVICE, with_patches=True, since=times[-3]).is_complete
    assert query(loaded, count_without, service.database_id)[0][0] > 0
    outcome = run(loaded, *repositories, with_patches=True)
    assert outcome.is_complete
    assert query(loaded, count_without, service.database_id) == [(0,)]
    # and then there is nothing to do, and the wish is remembered
    assert run(loaded, *repositories, with_patches=True).pull_requests == 0
    row = next(row for row in service.pull_requests.values() if row.files)
    api.mutate.comment(row, row.author, "again")
    assert run(loaded, SERVICE).pull_requests == 1
    assert query(loaded, count_without, service.database_id) == [(0,)]


@pytest.mark.parametrize(("place", "moment", "mine"), [(Loader, "load", QUAYSIDE), (PullRequestList, "first", SERVICE)])
def test_what_another_run_remembers_meanwhile_is_kept(
    loaded: Settings, api: GitHubDouble, monkeypatch: pytest.MonkeyPatch, place: type, moment: str, mine: str
) -> None:
    service, quayside = api.organisation.repository(SERVICE), api.organisation.repository(QUAYSIDE)
    assert service is not None and quayside is not None
    before = getattr(place, moment)
    for repository in (service, quayside):
        api.mutate.open(repository, title="Since the last run", author=None)

    def after_another_run(*arguments: Any) -> Any:
        monkeypatch.setattr(place, moment, before)
        command = [sys.executable, "-m", "ingestion", "github", "--repo", SERVICE, "--with-patches"]
        subprocess.run(command, env=at_command_line(loaded, api), check=True, capture_output=True)
        return before(*arguments)

    monkeypatch.setattr(place, moment, after_another_run)
    assert run(loaded, mine).is_complete
    with closing(connect(loaded, autocommit=True)) as connection, open_pipeline(loaded) as pipeline:
        memory = Memory(pipeline, RawStore(connection, "raw_github")).restored()
    assert memory[str(service.database_id)]["with_patches"]
    for repository in (service, quayside) if mine == QUAYSIDE else (service,):
        newest = max(row.updated_at for row in repository.pull_requests.values())
        assert memory[str(repository.database_id)]["watermark"] == newest


def test_dates_choose_pull_requests_and_a_later_run_brings_the_rest(
    settings: Settings, api: GitHubDouble, repository: Repository
) -> None:
    first, last = datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    run(at(settings, api), QUAYSIDE, since=first, until=last)
    expected = {
        row.database_id
        for row in repository.pull_requests.values()
        if first <= datetime.fromisoformat(row.updated_at) <= last
    }
    text = "select id from raw_github.pull_requests"
    assert {number for (number,) in query(settings, text)} == expected
    run(at(settings, api), QUAYSIDE)
    everything = {row.database_id for row in repository.pull_requests.values()}
    assert {number for (number,) in query(settings, text)} == everything


def test_repository_without_pull_requests_is_loaded(settings: Settings, api: GitHubDouble) -> None:
    api.mutate.create_repository("empty")
    assert run(at(settings, api), "harbour-works/empty").is_complete
    assert query(settings, "select name from raw_github.repositories") == [("empty",)]


def test_size_that_works_is_remembered(settings: Settings, organisation: Organisation) -> None:
    with GitHubDouble(organisation, limits=Limits(node_budget=300)) as api:
        assert run(at(settings, api), QUAYSIDE).is_complete
        asked_first = first_batch(api)
        api.log.clear()
        assert run(at(settings, api), QUAYSIDE, full_refresh=True).is_complete
        assert first_batch(api) < asked_first


def first_batch(api: GitHubDouble) -> int:
    """Returns how many pull requests the first request for them asked for."""
    return next(len((request.variables or {})["ids"]) for request in api.log if request.operation.startswith("Hydrate"))


def test_every_run_is_in_the_ledger(loaded: Settings, api: GitHubDouble, repository: Repository) -> None:
    row = repository.pull_requests[max(repository.pull_requests)]
    api.mutate.comment(row, row.author, "again")
    outcome = run(loaded, QUAYSIDE)
    text = """select repository, step, status, coalesce(listed, 0), coalesce(hydrated, 0), finished_at >= started_at
              from raw_github.sync_runs where run_id = %s order by started_at"""
    steps = query(loaded, text, outcome.run_id)
    assert {(name, status, is_finished) for name, _, status, _, _, is_finished in steps} == {(QUAYSIDE, "done", True)}
    assert {step: (listed > 0, hydrated) for _, step, _, listed, hydrated, _ in steps} == {
        "list": (True, 0),
        "hydrate": (False, 1),
    }
    text = "select sum(requests)::int, sum(points)::int from raw_github.sync_runs where run_id = %s"
    assert query(loaded, text, outcome.run_id) == [(len(api.log), api.points)]


@pytest.mark.parametrize(
    "names", [("harbour-works/cargo-api", "Harbour-Works/QUAYSIDE"), ("harbour-works/cargo-api", SERVICE)]
)
def test_ledger_ends_what_it_began_under_whatever_name(
    loaded: Settings, api: GitHubDouble, names: tuple[str, str]
) -> None:
    outcome = run(loaded, *names)
    text = """select count(*) filter (where status = 'running'), sum(requests)::int
              from raw_github.sync_runs where run_id = %s"""
    assert query(loaded, text, outcome.run_id) == [(0, len(api.log))]
    text = "select distinct repository, status from raw_github.sync_runs where run_id = %s"
    assert len(query(loaded, text, outcome.run_id)) == 2
