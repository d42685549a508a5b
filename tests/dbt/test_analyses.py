"""Every question of the docs page, answered over an organisation small enough to know the answers."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt.conftest import VARS
from tests.dbt.project import PROJECT, TABLES, Project
from tests.dbt.raw_github import RawGithub

ANALYSES = sorted(path.stem for path in PROJECT.glob("analyses/*.sql"))
ANN, BOB, CYD, DAN, EVE, ROBOT = 1, 2, 3, 4, 5, 6
WINDOWED = ("author_metrics_window", "author_prs_window", "author_file_ownership")
TWO_DAYS_LATER = "2026-11-21"


def write_harbour(raw: RawGithub) -> None:
    """A quarter of a small team, seen from 2026-11-19, a Thursday."""
    for user_id, login in ((ANN, "ann"), (BOB, "bob"), (CYD, "cyd"), (DAN, "dan"), (EVE, "eve")):
        raw.user(user_id, login)
    raw.user(ROBOT, "robot", type="Bot")

    # long ago, so that neither ann nor bob is new; dan only talked
    raw.pull_request(
        1, author_id=ANN, created_at="2026-02-02 09:00+00", merged_at="2026-02-02 12:00+00",
        comments=[{"id": 11, "author_id": DAN, "created_at": "2026-02-02 10:00+00"}],
    )  # fmt: skip
    raw.pull_request(2, author_id=BOB, created_at="2026-02-03 09:00+00", merged_at="2026-02-03 12:00+00")
    raw.pull_request(
        3, author_id=ANN, title="feat: berth calendar",
        created_at="2026-11-16 09:00+00", merged_at="2026-11-17 15:00+00",
        files=[{"path": "src/billing/invoice.py", "additions": 120}],
        commits=[
            {"oid": "a" * 40, "position": 1, "author_user_id": ANN, "committed_at": "2026-11-16 08:00+00"},
            {"oid": "b" * 40, "position": 2, "author_user_id": ANN, "committed_at": "2026-11-17 10:00+00"},
        ],
        reviews=[{"id": 31, "author_id": BOB, "submitted_at": "2026-11-16 11:00+00"}],
    )  # fmt: skip
    # nobody looked at it before the merge: ann's own review, the robot's and bob's late one do not count
    raw.pull_request(
        4, author_id=ANN, title="Drop the sessions", created_at="2026-11-02 10:00+00", merged_at="2026-11-02 12:00+00",
        files=[{"path": "migrations/auth/0001_sessions.sql", "additions": 700}],
        commits=[{"oid": "c" * 40, "position": 1, "author_user_id": ANN, "committed_at": "2026-11-02 09:00+00"}],
        reviews=[
            {"id": 41, "author_id": ANN, "state": "COMMENTED", "submitted_at": "2026-11-02 10:30+00"},
            {"id": 42, "author_id": ROBOT, "submitted_at": "2026-11-02 10:40+00"},
            {"id": 43, "author_id": BOB, "submitted_at": "2026-11-03 10:00+00"},
        ],
    )  # fmt: skip
    raw.pull_request(
        5, author_id=BOB, title="fix: tide", created_at="2026-10-20 09:00+00", merged_at="2026-10-21 09:00+00",
        files=[{"path": "docs/tide.md", "additions": 30}, {"path": "src/billing/invoice.py", "additions": 40}],
        commits=[{"oid": "d" * 40, "position": 1, "author_user_id": BOB, "committed_at": "2026-10-20 08:00+00"}],
        reviews=[
            {"id": 51, "author_id": ANN, "state": "CHANGES_REQUESTED", "submitted_at": "2026-10-20 19:00+00"},
            {"id": 52, "author_id": ANN, "submitted_at": "2026-10-21 08:00+00"},
        ],
    )  # fmt: skip
    raw.pull_request(
        6, author_id=CYD, title="Add quay names", created_at="2026-11-10 09:00+00", merged_at="2026-11-12 09:00+00",
        files=[{"path": "src/quays.py", "additions": 300}],
        commits=[{"oid": "e" * 40, "position": 1, "author_user_id": CYD, "committed_at": "2026-11-10 08:00+00"}],
        reviews=[{"id": 61, "author_id": ANN, "submitted_at": "2026-11-10 13:00+00"}],
    )  # fmt: skip
    raw.pull_request(
        7, author_id=ROBOT, title="Bump lodash", created_at="2026-11-17 00:00+00", merged_at="2026-11-17 01:00+00",
        files=[{"path": "package.json", "additions": 2, "deletions": 2}],
    )  # fmt: skip
    raw.pull_request(10, author_id=DAN, created_at="2026-11-11 13:00+00", merged_at="2026-11-11 16:00+00")
    raw.pull_request(9, author_id=ANN, title="Not yet", created_at="2026-10-01 00:00+00", is_draft=True)
    # what happened the day after is there, and no answer may know of it
    raw.pull_request(
        8, author_id=BOB, title="Slow tide", created_at="2026-10-01 00:00+00", closed_at="2026-11-20 12:00+00",
        reviews=[{"id": 81, "author_id": ANN, "submitted_at": "2026-11-20 09:00+00"}],
    )  # fmt: skip
    raw.pull_request(
        12, author_id=ANN, title="feat: drop", created_at="2026-11-20 09:00+00", merged_at="2026-11-20 10:00+00",
        files=[{"path": "migrations/auth/0002_drop.sql", "additions": 700}],
    )  # fmt: skip
    raw.pull_request(
        13, author_id=EVE, title="feat: buoys", created_at="2026-11-20 09:00+00", merged_at="2026-11-20 12:00+00",
        files=[{"path": "src/billing/buoys.py", "additions": 400}],
        commits=[{"oid": "f" * 40, "position": 1, "author_user_id": EVE, "committed_at": "2026-11-20 11:00+00"}],
        reviews=[{"id": 131, "author_id": BOB, "submitted_at": "2026-11-20 10:00+00"}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def harbour(empty: Project) -> Iterator[Project]:
    """The team's warehouse, built."""
    with empty.copy("harbour") as project:
        with closing(project.connect()) as connection:
            write_harbour(RawGithub(connection))
        project.dbt("run", *TABLES, vars=VARS).check()
        project.dbt("run", "--select", *WINDOWED, vars={"as_of_date": TWO_DAYS_LATER}).check()
        yield project


@pytest.fixture(scope="module")
def answers(harbour: Project) -> dict[str, list[dict[str, Any]]]:
    """The rows of every analysis, that of the reviewers for one folder."""
    return {name: harbour.rows(statement) for name, statement in compiled(harbour, path="src/billing/").items()}


def compiled(project: Project, **variables: str) -> dict[str, str]:
    """The plain SQL of every analysis."""
    variables = {**VARS, **variables}
    project.dbt("compile", "--select", "resource_type:analysis", vars=variables).check()
    folder = project.target() / "compiled" / "plimsoll" / "analyses"
    return {name: (folder / f"{name}.sql").read_text() for name in ANALYSES}


def only(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of the rows, decimals as floats."""
    return [
        tuple(float(row[column]) if isinstance(row[column], Decimal) else row[column] for column in columns)
        for row in rows
    ]


def test_dbt_shows_every_answer(harbour: Project) -> None:
    outcome = harbour.dbt("show", "--select", "resource_type:analysis", "--limit", "5", vars=VARS).check()
    assert set(outcome.statuses) == set(ANALYSES)


def test_shipped_last_week(answers: dict[str, Any]) -> None:
    assert only(answers["shipped_last_week"], "title", "author", "is_feature", "lines_changed") == [
        ("feat: berth calendar", "ann", True, 120),
        ("Bump lodash", "robot[bot]", False, 4),
    ]


def test_throughput_trend(answers: dict[str, Any]) -> None:
    # bob in the week of 19 October, ann in that of 2 November, cyd and dan in that of 9 November; this week is not over
    rows = only(
        answers["throughput_trend"], "week", "contributors", "prs_merged", "change_on_previous_week", "lines_changed"
    )
    assert len(rows) == 13
    assert rows[:5] == [
        (date(2026, 11, 9), 2, 2, 1, 300),
        (date(2026, 11, 2), 1, 1, 1, 700),
        (date(2026, 10, 26), 0, 0, -1, 0),
        (date(2026, 10, 19), 1, 1, 1, 70),
        (date(2026, 10, 12), 0, 0, 0, 0),
    ]
    assert only(answers["throughput_trend"], "average_of_four_weeks")[0] == (1,)


def test_risky_merges_nobody_reviewed(answers: dict[str, Any]) -> None:
    assert only(answers["risky_merges_nobody_reviewed"], "pr_number", "author") == [(4, "ann")]


def test_reviewers_for_a_path(answers: dict[str, Any]) -> None:
    # the rest of both their changed lines, 700 and 30 for ann and bob, lies elsewhere
    assert only(answers["reviewers_for_a_path"], "username", "lines_owned", "owned_pct") == [
        ("ann", 120, 75),
        ("bob", 40, 25),
    ]


def test_files_with_a_single_owner(answers: dict[str, Any]) -> None:
    assert only(answers["files_with_a_single_owner"], "file_path", "username", "lines_owned") == [
        ("migrations/auth/0001_sessions.sql", "ann", 700),
        ("src/quays.py", "cyd", 300),
    ]


def test_review_load(answers: dict[str, Any]) -> None:
    # since 21 October: ann reviewed bob's and cyd's, bob ann's twice; four people were active
    assert only(answers["review_load"], "username", "reviews_submitted", "share_pct", "times_fair_share") == [
        ("ann", 2, 50, 2),
        ("bob", 2, 50, 2),
        ("cyd", 0, 0, 0),
        ("dan", 0, 0, 0),
    ]


def test_time_to_first_review(answers: dict[str, Any]) -> None:
    # november: 2, 24 (after the merge) and 4 hours, and dan's without any; october: 10 hours, and bob's stale one
    assert only(
        answers["time_to_first_review"], "month", "reviewed", "never_reviewed", "median_hours", "p90_hours"
    ) == [(date(2026, 11, 1), 3, 1, 4, pytest.approx(20)), (date(2026, 10, 1), 1, 1, 10, 10)]


def test_rework(answers: dict[str, Any]) -> None:
    # ann's of 2 November was reviewed too late to be worked on again
    assert only(
        answers["rework"], "size", "prs_merged", "reworked_pct", "rework_commits_pct", "average_review_rounds"
    ) == [("medium", 2, 50, pytest.approx(100 / 3), 0), ("small", 1, 0, 0, 1)]


def test_newcomers_first_merges(answers: dict[str, Any]) -> None:
    assert only(answers["newcomers_first_merges"], "author", "pr_number", "hours_to_first_review", "cycle_hours") == [
        ("cyd", 6, 4, 48),
        ("dan", 10, None, 3),
    ]


def test_stale_open_pull_requests(answers: dict[str, Any]) -> None:
    assert only(answers["stale_open_pull_requests"], "pr_number", "days_ready", "waits_for") == [(8, 49, "a reviewer")]


def test_bots_against_people(answers: dict[str, Any]) -> None:
    assert only(
        answers["bots_against_people"], "who", "accounts", "prs_merged", "prs_merged_pct", "reviews_submitted"
    ) == [
        ("bots", 1, 1, pytest.approx(100 / 6), 1),
        ("people", 4, 5, pytest.approx(500 / 6), 5),
    ]


def test_busiest_hours(answers: dict[str, Any]) -> None:
    rows = only(answers["busiest_hours"], "weekday", "hour_of_day", "opened", "merged")
    # on Tuesdays at 9: bob's and cyd's opened; on Wednesdays at 9: bob's merged; on Thursdays at 0: two opened
    assert (2, 9, 2, 0) in rows
    assert (3, 9, 0, 1) in rows
    assert (4, 0, 2, 0) in rows
    assert sum(row[2] for row in rows) == 8
    assert sum(row[3] for row in rows) == 6


def test_risk_hotspots(answers: dict[str, Any]) -> None:
    assert only(answers["risk_hotspots"], "file_path", "prs_merged", "authors", "lines_changed") == [
        ("migrations/auth/0001_sessions.sql", 1, 1, 700)
    ]


def test_a_later_day_s_questions_have_later_answers(harbour: Project) -> None:
    later = {name: harbour.rows(statement) for name, statement in compiled(harbour, as_of_date=TWO_DAYS_LATER).items()}
    assert only(later["risky_merges_nobody_reviewed"], "pr_number") == [(12,), (4,)]
    assert only(later["newcomers_first_merges"], "author") == [("eve",), ("cyd",), ("dan",)]
    assert ("src/billing/buoys.py", "eve") in only(later["files_with_a_single_owner"], "file_path", "username")
    assert not later["stale_open_pull_requests"]


def test_another_repository_s_questions_have_no_answers(harbour: Project) -> None:
    for name, statement in compiled(harbour, repo_name="o'hara/harbour").items():
        assert not harbour.rows(statement), name
