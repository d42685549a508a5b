"""The semantic models through MetricFlow: valid, and equal to the SQL that an analyst would write."""

import contextlib
import csv
import shutil
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from dbt_metricflow.cli.main import cli

from tests.dbt.project import PROJECT, Project
from warehouse.settings import ROOT


class MetricFlow:
    """The `mf` command over one warehouse, in this process: as a program it imports for longer than it answers.

    Args:
        project: the dbt project.
        folder: `mf` wants a project folder with the parsed project in `target`; this becomes one.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self.folder = folder
        shutil.copy(PROJECT / "dbt_project.yml", folder)
        (folder / "target").mkdir()
        shutil.copy(project.target() / "semantic_manifest.json", folder / "target")
        self.environment = {
            **project.settings.database.environment(),
            "DBT_PROFILES_DIR": str(ROOT),
            "DBT_PROJECT_DIR": str(folder),
            # mf asks the package index for a newer version of itself; nobody answers here
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }

    def __call__(self, *arguments: str) -> str:
        """Run one command; return what it said."""
        with contextlib.chdir(self.folder):
            # it keeps the interrupt to itself for good
            interrupted = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
            try:
                result = CliRunner().invoke(cli, arguments, env=self.environment, catch_exceptions=False)
            finally:
                signal.signal(signal.SIGINT, interrupted[0])
                signal.signal(signal.SIGTERM, interrupted[1])
        assert result.exit_code == 0, result.output
        return result.output

    def query(self, *arguments: str) -> list[dict[str, str]]:
        """The rows of one query."""
        answer = self.folder / "answer.csv"
        self("query", *arguments, "--csv", str(answer))
        with answer.open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mf(sample: Project, tmp_path_factory: pytest.TempPathFactory) -> MetricFlow:
    """MetricFlow over the sample."""
    return MetricFlow(sample, tmp_path_factory.mktemp("mf"))


def test_configuration_is_valid_against_the_warehouse(mf: MetricFlow) -> None:
    # it ends with 1, which fails here, if any measure, dimension or metric cannot be queried
    mf("validate-configs")


def test_daily_metrics_equal_the_sql(mf: MetricFlow, sample: Project) -> None:
    answered = mf.query("--metrics", "prs_merged,high_risk_ratio", "--group-by", "metric_time__month,author__is_bot")
    expected = sample.rows(
        "select cast(date_trunc('month', daily.day) as date) as month, authors.is_bot, "
        "sum(daily.prs_merged) as prs_merged, "
        "1.0 * sum(daily.high_risk_prs) / nullif(sum(daily.prs_merged), 0) as high_risk_ratio "
        "from marts.author_metrics_daily as daily inner join marts.authors on daily.username = authors.username "
        "group by 1, 2"
    )
    assert {
        (row["metric_time__month"][:10], row["author__is_bot"]): (
            int(row["prs_merged"]),
            rounded(row["high_risk_ratio"]),
        )
        for row in answered
    } == {
        (row["month"].isoformat(), str(row["is_bot"])): (int(row["prs_merged"]), rounded(row["high_risk_ratio"]))
        for row in expected
    }


def test_lifecycle_percentiles_equal_the_sql(mf: MetricFlow, sample: Project) -> None:
    answered = mf.query("--metrics", "p90_hours_to_first_review", "--group-by", "lifecycle__repo_name")
    expected = sample.rows(
        "select repo_name, percentile_cont(0.9) within group (order by hours_to_first_review) as hours "
        "from marts.pull_request_lifecycle group by 1"
    )
    assert {row["lifecycle__repo_name"]: rounded(row["p90_hours_to_first_review"]) for row in answered} == {
        row["repo_name"]: rounded(row["hours"]) for row in expected
    }


def rounded(value: object) -> float | None:
    """A number as far as both print it; None for none."""
    return None if value in (None, "", "None", "nan") else round(float(str(value)), 6)
