"""Each as_of_date has its snapshot, and no build touches another's."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.dbt.project import PROJECT, TABLES, WITHOUT_SMALL_TESTS, Project
from tests.dbt.raw_github import RawGithub

WINDOWED = ("author_metrics_window", "author_prs_window", "author_file_ownership")
# analyses of windowed tables
OF_SNAPSHOTS = ("bots_against_people", "review_load", "reviewers_for_a_path")
BUILD = ("run", "--select", *WINDOWED)
# of the tables, those that the snapshots are made of
UPSTREAM = (*TABLES, "--select", *(f"+{table}" for table in WINDOWED))


def snapshot(project: Project, table: str, end_date: str) -> list[dict[str, object]]:
    """The rows of one end date, updated_at included."""
    return project.rows(f"select * from marts.{table} where end_date = %s order by id", (end_date,))


@pytest.fixture(scope="module")
def winter(empty: Project) -> Iterator[Project]:
    """A warehouse with merges in January and February 2024, built as of 20 February and then as of 20 January."""
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
        project.dbt("run", *TABLES, vars={"as_of_date": "2024-02-20"}).check()
        project.dbt(*BUILD, vars={"as_of_date": "2024-01-20"}).check()
        yield project


def test_each_date_has_its_snapshot_and_rebuilding_one_changes_neither(winter: Project) -> None:
    before = {(table, day): snapshot(winter, table, day) for table in WINDOWED for day in ("2024-01-20", "2024-02-20")}
    assert all(before.values())
    winter.dbt(*BUILD, vars={"as_of_date": "2024-01-20"}).check()
    assert {(table, day): snapshot(winter, table, day) for table, day in before} == before


def test_of_a_snapshot_built_before_only_what_changed_is_made_again(winter: Project) -> None:
    spoiled = {
        "author_metrics_window": "prs_merged",
        "author_prs_window": "pr_number",
        "author_file_ownership": "lines_owned",
    }
    with winter.copy("again") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.repository(11, "acme/dock")
            columns = {"author_id": 1, "created_at": "2024-02-18 09:00+00", "merged_at": "2024-02-18 15:00+00"}
            files = [{"path": "src/a.py", "additions": 5}]
            raw.pull_request(30, repository_id=11, title="Add berths", files=files, **columns)
        project.dbt("run", *UPSTREAM, vars={"as_of_date": "2024-02-20"}).check()
        right = {table: snapshot(project, table, "2024-02-20") for table in WINDOWED}
        for table, column in spoiled.items():
            project.execute(f"update marts.{table} set {column} = 999 where end_date = '2024-02-20'")

        with closing(project.connect()) as connection:
            RawGithub(connection).pull_request(30, repository_id=11, title="Add more", files=files, **columns)
        project.dbt("run", *UPSTREAM, vars={"as_of_date": "2024-02-20"}).check()
        for table, column in spoiled.items():
            still = {row["repo_name"] for row in snapshot(project, table, "2024-02-20") if row[column] == 999}
            assert still == {"acme/harbour"}

        project.dbt("run", *UPSTREAM, "--full-refresh", vars={"as_of_date": "2024-02-20"}).check()
        for table, column in spoiled.items():
            healed = snapshot(project, table, "2024-02-20")
            assert [(row["id"], row[column]) for row in healed] == [(row["id"], row[column]) for row in right[table]]


def test_windows_are_exactly_as_long_as_they_say(winter: Project) -> None:
    rows = winter.rows("select distinct window_days, start_date, end_date from marts.author_metrics_window")
    assert {row["window_days"] for row in rows} == {7, 14, 30, 90}
    assert all((row["end_date"] - row["start_date"]).days == row["window_days"] - 1 for row in rows)


def test_latest_views_show_the_newest_end_date_alone(winter: Project) -> None:
    for table in WINDOWED:
        rows = winter.rows(f"select distinct end_date from marts.{table}_latest")
        assert rows == [{"end_date": date(2024, 2, 20)}]


def test_the_newest_snapshot_may_have_no_rows(winter: Project) -> None:
    with winter.copy("quiet") as project:
        project.dbt(*BUILD, vars={"as_of_date": "2025-02-20"}).check()
        for table in WINDOWED:
            assert not project.rows(f"select * from marts.{table}_latest")
        for day, are_there in (("2025-02-20", False), ("2025-02-19", True)):
            project.dbt("compile", "--select", *OF_SNAPSHOTS, vars={"as_of_date": day}).check()
            for name in OF_SNAPSHOTS:
                statement = project.target() / "compiled" / "plimsoll" / "analyses" / f"{name}.sql"
                assert bool(project.rows(statement.read_text())) == are_there, (name, day)


def test_a_later_day_alone_makes_no_test_fail(winter: Project) -> None:
    winter.dbt("test", "--select", "test_type:singular", vars={"as_of_date": "2024-02-25"}).check()


def test_a_backfill_builds_every_date_in_one_go(winter: Project) -> None:
    with winter.copy("backfilled") as project:
        project.dbt(
            *BUILD, vars={"backfill_from": "2024-01-06", "backfill_to": "2024-01-20", "backfill_every_days": 7}
        ).check()
        for table in WINDOWED:
            rows = project.rows(f"select distinct end_date from marts.{table} order by 1")
            assert [row["end_date"] for row in rows] == [
                date(2024, 1, 6), date(2024, 1, 13), date(2024, 1, 20), date(2024, 2, 20)
            ]  # fmt: skip
            # that of the 20th was there already, and says the same still
            assert snapshot(project, table, "2024-01-20") == snapshot(winter, table, "2024-01-20")


def test_days_and_what_depends_on_them_need_no_other_table_of_their_date(winter: Project) -> None:
    with winter.copy("days") as project:
        project.dbt(
            "build", *WITHOUT_SMALL_TESTS, "--select", "author_metrics_daily+", vars={"as_of_date": "2024-02-22"}
        ).check()
        alone = snapshot(project, "author_metrics_window", "2024-02-22")
        assert any(row["ownership_low_risk_prs"] for row in alone)
        project.dbt(*BUILD, vars={"as_of_date": "2024-02-22"}).check()
        assert snapshot(project, "author_metrics_window", "2024-02-22") == alone


def test_a_full_refresh_keeps_history(winter: Project) -> None:
    with winter.copy("refreshed") as project:
        # as in a warehouse that an older version has built
        project.execute("alter table intermediate.snapshot_builds drop column window_days")
        project.dbt(*BUILD, "--full-refresh", vars={"as_of_date": "2024-02-20"}).check()
        for table in WINDOWED:
            assert snapshot(project, table, "2024-01-20") == snapshot(winter, table, "2024-01-20")
        assert project.rows("select distinct window_days from intermediate.snapshot_builds") == [
            {"window_days": [7, 14, 30, 90]}
        ]


def test_a_new_column_is_null_in_snapshots_of_before(winter: Project, tmp_path: Path) -> None:
    changed = tmp_path / "project"
    shutil.copytree(PROJECT, changed, ignore=shutil.ignore_patterns("target", "logs"))
    [model] = changed.glob("models/**/author_prs_window.sql")
    [properties] = changed.glob("models/**/_engineer_lens__models.yml")
    was = "        pull_requests.pr_summary,\n"
    model.write_text(model.read_text().replace(was, was + "        pull_requests.additions,\n"))
    was = '        description: "Summary of the pull request, as in `repo_prs`."\n'
    column = '      - name: additions\n        data_type: integer\n        description: "Lines added."\n'
    properties.write_text(properties.read_text().replace(was, was + column, 1))
    with winter.copy("widened") as project:
        before = snapshot(project, "author_prs_window", "2024-01-20")
        project.dbt("run", "--select", "author_prs_window", vars={"as_of_date": "2024-02-20"}, project=changed).check()
        assert snapshot(project, "author_prs_window", "2024-01-20") == [row | {"additions": None} for row in before]
        assert all(row["additions"] for row in snapshot(project, "author_prs_window", "2024-02-20"))


def test_a_rename_reaches_every_snapshot(winter: Project) -> None:
    with winter.copy("renamed") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "anna")
            raw.repository(10, "acme/port")
        project.dbt("run", *UPSTREAM, vars={"as_of_date": "2024-02-20"}).check()
        for table in WINDOWED:
            rows = project.rows(f"select distinct username, repo_name, end_date from marts.{table}")
            assert {(row["username"], row["repo_name"]) for row in rows} == {
                ("anna", "acme/port"),
                ("bob", "acme/port"),
            }
            assert {row["end_date"] for row in rows} == {date(2024, 1, 20), date(2024, 2, 20)}


def test_an_account_that_joins_another_author_joins_it_in_every_snapshot(winter: Project) -> None:
    with winter.copy("joined") as project:
        with closing(project.connect()) as connection:
            for user_id in (1, 2):
                RawGithub(connection).user(user_id, f"gone-{user_id}", deleted_at="2024-03-01")
        project.dbt("run", *UPSTREAM, vars={"as_of_date": "2024-02-20"}).check()
        for table in WINDOWED:
            rows = project.rows(f"select distinct username, end_date from marts.{table} order by end_date")
            assert rows == [
                {"username": "ghost", "end_date": date(2024, 1, 20)},
                {"username": "ghost", "end_date": date(2024, 2, 20)},
            ]


def test_only_a_deletion_rebuilds_the_snapshots_that_counted_it(winter: Project) -> None:
    with winter.copy("deleted") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.execute("update raw_github.pull_requests set deleted_at = '2024-03-01' where id = 3")
        project.dbt("run", *UPSTREAM, vars={"as_of_date": "2024-02-20", "window_days": [30]}).check()
        assert {row["window_days"] for row in snapshot(project, "author_metrics_window", "2024-02-20")} == {30}
        kept = {table: snapshot(project, table, "2024-01-20") for table in WINDOWED}
        # a snapshot that is built again has the windows that it had
        assert all({row["window_days"] for row in kept[table]} == {7, 14, 30, 90} for table in WINDOWED)
        assert 3 not in {row["pr_id"] for row in kept["author_prs_window"]}
        assert sum(row["prs_merged"] for row in kept["author_metrics_window"] if row["window_days"] == 30) == 14
        assert {row["total_lines"] for row in kept["author_file_ownership"] if row["window_days"] == 30} == {117}

        # they cover all that this build noticed, and the next one need not look again
        assert project.value(
            "select bool_and(covers_until = (select covers_until from intermediate.model_builds "
            "where model_name = 'int_pull_requests_tracked')) from intermediate.snapshot_builds"
        )

        project.execute("update raw_github.pull_requests set title = 'Another', additions = 99 where id = 5")
        project.execute("update raw_github.pull_request_files set additions = 99 where pull_request_id = 5")
        for options in (("--full-refresh",), ("--empty",), ("--empty",), ()):
            project.dbt("run", *UPSTREAM, *options, vars={"as_of_date": "2024-02-20"}).check()
        assert {table: snapshot(project, table, "2024-01-20") for table in WINDOWED} == kept


def test_an_alias_taken_back_gives_back_its_work_in_every_snapshot(winter: Project, tmp_path: Path) -> None:
    changed = tmp_path / "project"
    shutil.copytree(PROJECT, changed, ignore=shutil.ignore_patterns("target", "logs"))
    [seed] = changed.glob("seeds/**/author_aliases.csv")
    shipped = seed.read_text()
    days = ("2024-01-20", "2024-02-20")
    build = ("build", *UPSTREAM, "--exclude-resource-type", "test", "unit_test")

    def told(project: Project) -> dict[tuple[str, str], list[dict[str, object]]]:
        return {
            (table, day): [
                {column: value for column, value in row.items() if column != "updated_at"}
                for row in snapshot(project, table, day)
            ]
            for table in WINDOWED
            for day in days
        }

    with winter.copy("aliased") as project:
        before = told(project)
        for aliases in ("bob,ann\n", "bob,bobby\n", "bob,ann\n"):
            seed.write_text(shipped + aliases)
            project.dbt(*build, vars={"as_of_date": "2024-02-20"}, project=changed).check()
            names = {row["username"] for rows in told(project).values() for row in rows}
            assert names == {"ann"} if "ann" in aliases else {"ann", "bobby"}
        seed.write_text(shipped)
        project.dbt(*build, vars={"as_of_date": "2024-02-20"}, project=changed).check()
        assert told(project) == before


def test_an_author_stays_as_long_as_a_snapshot_names_them(winter: Project) -> None:
    thread = {
        "review_threads": [{"id": "T1", "path": "src/a.py", "comments_total": 1}],
        "review_comments": [
            {"id": 1, "thread_id": "T1", "author_id": 3, "path": "src/a.py", "created_at": "2024-01-18 12:00+00"}
        ],
    }
    columns = {"author_id": 1, "created_at": "2024-01-18 09:00+00", "files": [{"path": "src/a.py"}]}
    with winter.copy("forgotten") as project:
        with closing(project.connect()) as connection:
            RawGithub(connection).user(3, "dan")
            RawGithub(connection).pull_request(30, **columns, **thread)
        project.dbt("run", *TABLES, vars={"as_of_date": "2024-01-20"}).check()
        with closing(project.connect()) as connection:
            RawGithub(connection).pull_request(30, **columns)
        project.dbt("run", *TABLES, vars={"as_of_date": "2024-02-20"}).check()
        assert project.value("select count(*) from marts.author_metrics_window where username = 'dan'") == 4
        project.dbt("test", "--select", "authors", vars={"as_of_date": "2024-02-20"}).check()
        [dan] = project.rows("select first_seen_at, last_seen_at from marts.authors where username = 'dan'")
        assert (str(dan["first_seen_at"].date()), str(dan["last_seen_at"].date())) == ("2024-01-14", "2024-01-20")
