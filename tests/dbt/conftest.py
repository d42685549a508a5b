"""One dbt build for all tests of this folder; each test that writes gets a copy of its database."""

import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks.raw_bulk import Scale, load
from tests.dbt.project import Project
from tests.dbt.raw_github import RawGithub
from warehouse.postgres import connect
from warehouse.settings import load_settings

HERE = Path(__file__).parent
AS_OF_DATE = "2026-11-19"
VARS = {"as_of_date": AS_OF_DATE}
SAMPLE = Scale(pull_requests=300)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker: a second one would build everything again."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("dbt"))


@pytest.fixture(scope="session")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps its parsed project."""
    return tmp_path_factory.mktemp("dbt-target")


def make_project(home: Path, database: str, target_path: Path) -> Project:
    """A project over a new, empty database."""
    with closing(connect(load_settings(PLIMSOLL_HOME=home, pgdatabase="postgres"), autocommit=True)) as administrator:
        administrator.cursor().execute(f'create database "{database}"')
    return Project(home, database, target_path)


@pytest.fixture(scope="session")
def sample(home: Path, target_path: Path) -> Project:
    """A project built with all its tests over made-up pull requests; for reading only."""
    project = make_project(home, "sample", target_path)
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
def empty(home: Path, target_path: Path) -> Project:
    """A project built and tested over raw tables that hold one repository and nothing else; for copying only."""
    project = make_project(home, "empty", target_path)
    with closing(project.connect()) as connection:
        RawGithub(connection).reset()
    project.dbt("build", "--exclude-resource-type", "unit_test", vars=VARS).check()
    return project
