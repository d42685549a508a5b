"""The ways people run dbt, each of which must behave."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from tests.dbt import marts
from tests.dbt.conftest import AS_OF_DATE
from tests.dbt.project import PROJECT, Project
from tests.dbt.raw_github import RawGithub

VARS = {"as_of_date": AS_OF_DATE}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--select", "repo_prs+"), id="one mart and what follows"),
        pytest.param(("--select", "author_metrics_daily"), id="one mart alone"),
        pytest.param(("--target", "prod"), id="other target"),
    ],
)
def test_partial_builds_change_nothing_that_is_right(scratch: Project, options: tuple[str, ...]) -> None:
    before = marts.read(scratch)
    outcome = scratch.dbt("run", *options, vars=VARS).check()
    assert outcome.statuses
    assert marts.read(scratch) == before


def test_full_refresh_gives_the_same_rows(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.dbt("run", "--full-refresh", vars=VARS).check()
    assert not marts.differences(before, marts.read(scratch))


def test_build_after_an_empty_build_is_whole(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.dbt("run", "--empty", vars=VARS).check()
    scratch.dbt("run", vars=VARS).check()
    assert not marts.differences(before, marts.read(scratch))


def test_thresholds_are_vars(scratch: Project) -> None:
    scratch.dbt("run", "--select", "+repo_prs", vars={**VARS, "high_risk_threshold": 4.0}).check()
    [row] = scratch.rows(
        "select count(*) filter (where high_risk) as high, "
        "count(*) filter (where high_risk <> (risk_score >= 4)) as wrong, "
        "count(*) filter (where (risk_band = 'high') <> high_risk) as misnamed from marts.repo_prs"
    )
    assert row["high"] and not row["wrong"] and not row["misnamed"]


def test_slim_build_runs_what_changed_and_what_follows(scratch: Project, tmp_path: Path) -> None:
    changed = tmp_path / "project"
    shutil.copytree(PROJECT, changed, ignore=shutil.ignore_patterns("target", "logs"))
    [model] = changed.glob("models/**/author_metrics_daily.sql")
    model.write_text(model.read_text() + "\n{# changed #}\n")
    state = tmp_path / "state"
    state.mkdir()
    shutil.copy(scratch.target_path / "manifest.json", state)
    scratch.target_path = tmp_path / "target"

    outcome = scratch.dbt(
        "run", "--select", "state:modified+", "--state", str(state), vars=VARS, project=changed
    ).check()

    assert "author_metrics_daily" in outcome.statuses
    assert "author_metrics_window" in outcome.statuses
    assert "repo_prs" not in outcome.statuses


def test_unexpected_raw_column_passes(scratch: Project) -> None:
    before = marts.read(scratch)
    scratch.execute("alter table raw_github.pull_requests add column mergeable text default 'CLEAN'")
    scratch.dbt("run", vars=VARS).check()
    assert not marts.differences(before, marts.read(scratch))


def test_changed_raw_type_fails_with_the_model_s_name(scratch: Project) -> None:
    scratch.execute("drop schema staging cascade")
    scratch.execute("alter table raw_github.pull_requests alter column created_at type text using 'yesterday'")
    outcome = scratch.dbt("run", vars=VARS)
    assert not outcome.success
    failed = outcome.named("error")
    assert failed
    assert all(name in message for name, message in failed.items())


def test_empty_warehouse_builds_with_all_its_tests(empty: Project) -> None:
    with empty.copy("nothing") as project:
        project.dbt("build", vars=VARS).check()
        assert not any(marts.read(project).values())


def test_one_pull_request_builds_with_all_its_tests(empty: Project) -> None:
    with empty.copy("single") as project:
        with closing(project.connect()) as connection:
            raw = RawGithub(connection)
            raw.user(1, "ann", name="Ann")
            raw.pull_request(100, number=1, author_id=1, created_at="2026-11-10 09:00+00", files=[{"path": "src/a.py"}])
        project.dbt("build", vars=VARS).check()
        [row] = project.rows("select * from marts.repo_prs")
    assert (row["repo_name"], row["author"], row["state"], row["additions"]) == ("acme/harbour", "ann", "open", 10)
