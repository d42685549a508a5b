"""The dlt source, for people with pipelines of their own."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.sources.github import github, tables
from tests.github_api import GitHubDouble
from tests.github_api.model import Repository
from tests.ingestion.conftest import TOKEN, run
from tests.ingestion.warehouse_copy import query
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

SERVICE = "harbour-works/manifest-service"
COUNTS = {
    "pull_requests": "count(*), count(distinct id)",
    "pull_request_files": "count(*), count(distinct (pull_request_id, path))",
    "pull_request_commits": "count(*), count(distinct (pull_request_id, oid))",
    "pull_request_review_comments": "count(*), count(distinct id)",
    "pull_request_events": "count(*), count(distinct id)",
    "users": "count(*), count(distinct id)",
}


@pytest.fixture
def pipeline(settings: Settings, api: GitHubDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dlt.Pipeline:
    """A pipeline as a user would make it, into a dataset of their own."""
    monkeypatch.setenv("GITHUB_API_URL", api.url)
    monkeypatch.setenv("GITHUB_GRAPHQL_URL", api.graphql_url)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    destination = dlt.destinations.postgres(settings.database.dlt_url)
    return dlt.pipeline("mine", pipelines_dir=str(tmp_path), destination=destination, dataset_name="mine")


def counts(settings: Settings, dataset: str) -> dict[str, Any]:
    return {table: query(settings, f"select {what} from {dataset}.{table}")[0] for table, what in COUNTS.items()}


def test_source_loads_what_the_command_loads(pipeline: dlt.Pipeline, settings: Settings, api: GitHubDouble) -> None:
    pipeline.run(github(repositories=[SERVICE]))
    service = api.organisation.repository(SERVICE)
    assert service is not None
    mine = counts(settings, "mine")
    assert mine["pull_requests"] == (len(service.pull_requests),) * 2
    assert mine["pull_request_files"] == (sum(len(row.files) for row in service.pull_requests.values()),) * 2
    assert all(rows == distinct for rows, distinct in mine.values())


def test_second_run_reads_what_changed_and_doubles_nothing(
    pipeline: dlt.Pipeline, settings: Settings, api: GitHubDouble
) -> None:
    pipeline.run(github(repositories=[SERVICE]))
    before = counts(settings, "mine")
    service = api.organisation.repository(SERVICE)
    assert service is not None
    row = next(row for row in service.pull_requests.values() if row.labels)
    api.mutate.edit(row, title="Another title")
    for label in list(row.labels):
        api.mutate.remove_label(row, label.name)
    pipeline.run(github(repositories=[SERVICE]))
    after = counts(settings, "mine")
    assert after["pull_requests"] == before["pull_requests"]
    assert all(rows == distinct for rows, distinct in after.values())
    text = "select title from mine.pull_requests where id = %s"
    assert query(settings, text, row.database_id) == [("Another title",)]
    text = "select count(*) from mine.pull_request_labels where pull_request_id = %s"
    assert query(settings, text, row.database_id) == [(0,)]


def test_since_is_where_the_first_run_begins(pipeline: dlt.Pipeline, settings: Settings, api: GitHubDouble) -> None:
    service = api.organisation.repository(SERVICE)
    assert service is not None
    rows = sorted(service.pull_requests.values(), key=lambda row: row.updated_at)
    old, chosen = rows[0], rows[len(rows) // 2 :]
    since = datetime.fromisoformat(chosen[0].updated_at)
    expected = {row.database_id for row in rows if datetime.fromisoformat(row.updated_at) >= since}
    pipeline.run(github(repositories=[SERVICE], since=since))
    loaded = "select id from mine.pull_requests"
    assert {number for (number,) in query(settings, loaded)} == expected
    api.mutate.edit(old, title="Another title")
    api.log.clear()
    pipeline.run(github(repositories=[SERVICE], since=since))
    assert {number for (number,) in query(settings, loaded)} == {*expected, old.database_id}
    # not all of them once more: those of the last hour before the mark, at most, come again
    assert sum(len(request.variables.get("ids", ())) for request in api.log) < len(expected)


def test_repository_that_cannot_be_read_fails_the_pipeline(pipeline: dlt.Pipeline) -> None:
    with pytest.raises(PipelineStepFailed, match="nobody/nothing.*token may not see it"):
        pipeline.run(github(repositories=["nobody/nothing"]))


def test_repository_that_cannot_be_read_keeps_no_other_from_being_loaded(
    pipeline: dlt.Pipeline, settings: Settings, api: GitHubDouble, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.run(github(repositories=["nobody/nothing", SERVICE]))
    service = api.organisation.repository(SERVICE)
    assert service is not None
    assert query(settings, "select count(*) from mine.pull_requests") == [(len(service.pull_requests),)]
    assert re.search("nobody/nothing.*token may not see it", caplog.text)


def test_changed_type_fails_loudly(
    loaded: Settings, api: GitHubDouble, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tables.PULL_REQUESTS.columns, "closed_at", "text")
    row = next(iter(repository.pull_requests.values()))
    api.mutate.edit(row, title="Another title")
    with pytest.raises(PlimsollError, match="closed_at"):
        run(loaded, "harbour-works/quayside")
    text = "select title from raw_github.pull_requests where id = %s"
    assert query(loaded, text, row.database_id) != [("Another title",)]
