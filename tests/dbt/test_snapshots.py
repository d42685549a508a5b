"""Each as_of_date has its snapshot, and no build touches another's."""

from contextlib import closing
from datetime import date

import pytest

from tests.dbt.project import Project
from tests.dbt.raw_github import RawGithub

WINDOWED = ("author_metrics_window", "author_prs_window", "author_file_ownership")
BUILD = ("run", "--select", *WINDOWED)


def snapshot(project: Project, table: str, end_date: str) -> list[dict[str, object]]:
    """The rows of one end date, updated_at included."""
    return project.rows(f"select * from marts.{table} where end_date = %s order by id", (end_date,))


@pytest.fixture
def winter(empty: Project) -> Project:
    """A warehouse with merges in January and February 2024."""
    with empty.copy("winter") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "ann")
            raw.user(2, "bob")
            for number in range(1, 21):
                day = f"2024-01-{number:02}" if number <= 15 else f"2024-02-{number:02}"
                raw.pull_request(
                    number, author_id=1 + number % 2, created_at=f"{day} 09:00+00", merged_at=f"{day} 15:00+00",
                    files=[{"path": "src/a.py", "additions": number}],
                    reviews=[{"id": number, "author_id": 1 + (number + 1) % 2, "submitted_at": f"{day} 12:00+00"}],
                )  # fmt: skip
        project.dbt("run", vars={"as_of_date": "2024-02-20"}).check()
        yield project


@pytest.mark.parametrize("table", WINDOWED)
def test_an_earlier_date_built_later_leaves_both(winter: Project, table: str) -> None:
    february = snapshot(winter, table, "2024-02-20")
    winter.dbt(*BUILD, vars={"as_of_date": "2024-01-20"}).check()
    january = snapshot(winter, table, "2024-01-20")
    assert february and january
    assert snapshot(winter, table, "2024-02-20") == february

    winter.dbt(*BUILD, vars={"as_of_date": "2024-01-20"}).check()
    assert snapshot(winter, table, "2024-01-20") == january
    assert snapshot(winter, table, "2024-02-20") == february


def test_windows_are_exactly_as_long_as_they_say(winter: Project) -> None:
    rows = winter.rows("select distinct window_days, start_date, end_date from marts.author_metrics_window")
    assert {row["window_days"] for row in rows} == {7, 14, 30, 90}
    assert all((row["end_date"] - row["start_date"]).days == row["window_days"] - 1 for row in rows)


def test_latest_views_show_the_newest_end_date_alone(winter: Project) -> None:
    winter.dbt(*BUILD, vars={"as_of_date": "2024-01-20"}).check()
    for table in WINDOWED:
        rows = winter.rows(f"select distinct end_date from marts.{table}_latest")
        assert rows == [{"end_date": date(2024, 2, 20)}]


def test_a_backfill_builds_every_date_in_one_go(winter: Project) -> None:
    one_by_one = {}
    for end_date in ("2024-01-06", "2024-01-13", "2024-01-20"):
        winter.dbt(*BUILD, vars={"as_of_date": end_date}).check()
        one_by_one[end_date] = [snapshot(winter, table, end_date) for table in WINDOWED]
    for table in WINDOWED:
        winter.execute(f"delete from marts.{table} where end_date < '2024-02-01'")

    winter.dbt(
        *BUILD, vars={"backfill_from": "2024-01-06", "backfill_to": "2024-01-20", "backfill_every_days": 7}
    ).check()

    for end_date, expected in one_by_one.items():
        for table, rows in zip(WINDOWED, expected, strict=True):
            assert without_time(snapshot(winter, table, end_date)) == without_time(rows)


def without_time(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The rows without updated_at."""
    return [{name: value for name, value in row.items() if name != "updated_at"} for row in rows]
