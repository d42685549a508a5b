"""One dbt build for all tests of this folder; each test that writes gets a copy of its database."""

import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks.raw_bulk import Scale, load
from tests.dbt.project import Databases, Project
from tests.dbt.raw_github import REPOSITORY_ID, RawGithub

HERE = Path(__file__).parent
AS_OF_DATE = "2026-11-19"
VARS = {"as_of_date": AS_OF_DATE}
SAMPLE = Scale(pull_requests=300)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker: a second one would build everything again. Before xdist looks for groups."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("dbt"))


@pytest.fixture(scope="session")
def databases(home: Path) -> Databases:
    """The databases of the session's server."""
    return Databases(home)


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps its parsed projects."""
    return tmp_path_factory.mktemp("dbt-targets")


@pytest.fixture(scope="session")
def sample(databases: Databases, targets: Path) -> Project:
    """A project built with all its tests over made-up pull requests; for reading only."""
    databases.create("sample")
    project = Project(databases, "sample", targets)
    with closing(project.connect()) as connection, connection:
        load(connection, SAMPLE)
    project.dbt("build", vars=VARS).check()
    return project


@pytest.fixture
def scratch(sample: Project, request: pytest.FixtureRequest) -> Iterator[Project]:
    """A copy of the built sample, to be changed at will."""
    with sample.copy(f"scratch_{zlib.crc32(request.node.nodeid.encode()):08x}") as project:
        yield project


@pytest.fixture(scope="session")
def empty(sample: Project, databases: Databases, targets: Path) -> Project:
    """The built sample without its rows, and with one new repository, `acme/harbour`; for copying only."""
    databases.create("empty", template=sample.name)
    project = Project(databases, "empty", targets)
    filled = project.value(
        "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables "
        "where schemaname in ('raw_github', 'intermediate', 'marts') "
        "and tablename not in ('model_builds', 'time_spine_days')"
    )
    project.execute(f"truncate {filled}")
    with closing(project.connect()) as connection:
        RawGithub(connection).repository(REPOSITORY_ID, "acme/harbour")
    return project
