"""The ways people run dbt, each of which must behave."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from tests.dbt import marts
from tests.dbt.conftest import VARS
from tests.dbt.project import PROJECT, TABLES, WITHOUT_SMALL_TESTS, Project
from tests.dbt.raw_github import RawGithub


def test_builds_of_what_is_unchanged_change_nothing(scratch: Project) -> None:
    before = marts.read(scratch)
    for options in (
        ("--select", "repo_prs+"),
        ("--select", "authors", "--target", "prod"),
        TABLES,
    ):
        outcome = scratch.dbt("run", *options, vars=VARS).check()
        assert outcome.statuses
        assert marts.read(scratch) == before, options


def test_full_refresh_gives_the_same_rows(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.dbt("run", *TABLES, "--full-refresh", vars=VARS).check()
    after = marts.read(scratch)
    assert not marts.differences(before, after)
    assert not marts.wrong_update_times(before, after)


def test_build_after_an_empty_build_is_whole(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.dbt("build", *WITHOUT_SMALL_TESTS, "--empty", vars=VARS).check()
    # with the staging views, which are empty too after an empty build
    scratch.dbt("run", vars=VARS).check()
    assert not marts.differences(before, marts.read(scratch))


def test_thresholds_are_vars(scratch: Project) -> None:
    scratch.dbt("run", *TABLES, "--select", "+repo_prs", vars={**VARS, "high_risk_threshold": 4.0}).check()
    [row] = scratch.rows(
        "select count(*) filter (where high_risk) as high, "
        "count(*) filter (where high_risk <> (risk_score >= 4)) as wrong, "
        "count(*) filter (where (risk_band = 'high') <> high_risk) as misnamed from marts.repo_prs"
    )
    assert row["high"] and not row["wrong"] and not row["misnamed"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_days", [0, -7]),
        ("window_days", [7, 7]),
        ("window_days", [7, "30"]),
        ("window_days", 7),
        ("window_days", []),
        ("high_risk_threshold", "abc"),
        ("feature_min_confidence", 7),
        ("as_of_date", "2024-1-20"),
        ("as_of_date", "20240120"),
        ("backfill_from", "tomorrow"),
    ],
)
def test_a_var_that_is_malformed_stops_the_build_before_it_writes(scratch: Project, name: str, value: object) -> None:
    before = marts.read(scratch)
    given = {**VARS, "backfill_to": "2024-02-20", name: value}
    outcome = scratch.dbt("run", *TABLES, "--select", "author_metrics_window", vars=given)
    assert not outcome.success and "author_metrics_window" not in outcome.named("success")
    assert f"{name} is " in outcome.failure + outcome.messages.get("author_metrics_window", "")
    assert not marts.differences(before, marts.read(scratch))


@pytest.mark.parametrize(
    ("name", "value"), [("standard_conforming_strings", "off"), ("default_transaction_isolation", "serializable")]
)
def test_a_setting_that_builds_go_wrong_under_stops_them(scratch: Project, name: str, value: str) -> None:
    before = marts.read(scratch)
    scratch.execute(f"alter database warehouse set {name} = '{value}'")
    outcome = scratch.dbt("run", *TABLES, "--select", "authors", vars=VARS)
    assert not outcome.success and not outcome.named("success")
    assert f"sets {name} to {value}" in outcome.failure + " ".join(outcome.messages.values())
    scratch.execute(f"alter database warehouse reset {name}")
    assert not marts.differences(before, marts.read(scratch))


def test_a_build_of_some_models_leaves_their_parents_work_to_the_next(empty: Project) -> None:
    columns = {"author_id": 1, "created_at": "2026-11-10 09:00+00", "merged_at": "2026-11-10 15:00+00"}
    with empty.copy("partial") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "ann")
            raw.pull_request(100, **columns, title="Berths", files=[{"path": "src/a.py"}])
        project.dbt("run", *TABLES, vars=VARS).check()
        with closing(project.connect()) as connection:
            RawGithub(connection).pull_request(
                100, **columns, title="Add berths", files=[{"path": "src/auth/b.sql", "additions": 700}]
            )
        # as after a failure: the change is noticed, nothing is done about it, and then the marts alone are built
        project.dbt("run", "--select", "int_pull_requests_tracked", vars=VARS).check()
        project.dbt("run", "--select", "repo_prs+", "author_metrics_daily+", vars=VARS).check()
        project.dbt("run", *TABLES, vars=VARS).check()
        after = marts.read(project)
        project.dbt("run", *TABLES, "--full-refresh", vars=VARS).check()
        assert not marts.differences(after, marts.read(project))


def test_a_build_in_the_middle_of_a_load_leaves_the_rest_to_the_next(empty: Project) -> None:
    columns = {"author_id": 1, "created_at": "2026-11-10 09:00+00", "merged_at": "2026-11-10 15:00+00"}
    what = ("--select", "+repo_prs", "+file_changes")
    with empty.copy("midway") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "ann")
            raw.pull_request(100, **columns, title="Berths", files=[{"path": "src/a.py"}])
        project.dbt("run", *what, vars=VARS).check()
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.pull_request(100, **columns, title="Add berths", files=[{"path": "src/auth/b.sql", "additions": 700}])
            # dlt writes one table after the other: the pull request is there, its files and the end of the load are not
            raw.execute("create table files_to_come as select * from raw_github.pull_request_files")
            raw.execute("create table end_to_come as select * from raw_github._dlt_loads order by load_id desc limit 1")
            raw.execute("delete from raw_github.pull_request_files")
            raw.execute("delete from raw_github._dlt_loads where load_id in (select load_id from end_to_come)")
        project.dbt("run", *what, vars=VARS).check()
        assert project.value("select title from marts.repo_prs") == "Add berths"
        assert project.value("select count(*) from marts.file_changes") == 0
        project.execute("insert into raw_github.pull_request_files select * from files_to_come")
        project.execute("insert into raw_github._dlt_loads select * from end_to_come")
        project.dbt("run", *what, vars=VARS).check()
        assert project.value("select file_path from marts.file_changes") == "src/auth/b.sql"
        assert project.value("select changed_files from marts.repo_prs") == 1


def test_models_built_anew_take_nothing_with_them(scratch: Project) -> None:
    scratch.dbt("run", *TABLES, "--select", "+repo_prs", vars={**VARS, "high_risk_threshold": 4.0}).check()
    scratch.dbt("run", "--select", "author_file_ownership+", "author_metrics_window+", vars=VARS).check()


def test_slim_build_runs_what_changed_and_what_follows(scratch: Project, tmp_path: Path) -> None:
    changed = tmp_path / "project"
    shutil.copytree(PROJECT, changed, ignore=shutil.ignore_patterns("target", "logs"))
    [model] = changed.glob("models/**/author_metrics_daily.sql")
    model.write_text(model.read_text() + "\n{# changed #}\n")
    found = scratch.dbt(
        "list", "--select", "state:modified+", "--resource-type", "model", "--state", str(scratch.target()),
        vars=VARS, project=changed,
    ).listed  # fmt: skip

    assert {name.split(".")[-1] for name in found} == {
        "author_metrics_daily",
        "author_metrics_window",
        "author_metrics_window_latest",
        "authors",
    }


def test_unexpected_raw_column_passes(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.execute("alter table raw_github.pull_requests add column mergeable text default 'CLEAN'")
    scratch.dbt(
        "run", "--select", "stg_github__pull_requests", "int_pull_requests_tracked", "repo_prs", vars=VARS
    ).check()
    assert marts.read(scratch) == before


def test_changed_raw_type_fails_with_the_model_s_name(scratch: Project) -> None:
    scratch.execute("drop schema staging cascade")
    scratch.execute("alter table raw_github.pull_requests alter column created_at type text using 'yesterday'")
    outcome = scratch.dbt("run", "--select", "stg_github__pull_requests+1", "--exclude", "path:models/marts", vars=VARS)
    assert not outcome.success
    failed = outcome.named("error")
    assert failed
    assert all(name in message for name, message in failed.items())


def test_one_pull_request_is_enough(empty: Project) -> None:
    with empty.copy("single") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "ann", name="Ann")
            raw.pull_request(100, number=1, author_id=1, created_at="2026-11-10 09:00+00", files=[{"path": "src/a.py"}])
        project.dbt("run", *TABLES, vars=VARS).check()
        [row] = project.rows("select * from marts.repo_prs")
    assert (row["repo_name"], row["author"], row["state"], row["additions"]) == ("acme/harbour", "ann", "open", 10)
