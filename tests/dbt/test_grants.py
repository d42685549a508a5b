"""The role analyst reads marts, and nothing else."""

from contextlib import closing

import psycopg2
import pytest

from tests.dbt import marts
from tests.dbt.project import Project


def attempt(project: Project, statement: str) -> None:
    """Run one statement as the role analyst."""
    with closing(project.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("set role analyst")
        cursor.execute(statement)


def relations(project: Project, schema: str) -> list[str]:
    """The tables and views of a schema."""
    rows = project.rows("select table_name from information_schema.tables where table_schema = %s", (schema,))
    return [row["table_name"] for row in rows]


def test_analyst_reads_every_relation_of_marts(sample: Project) -> None:
    found = relations(sample, "marts")
    assert set(found) >= marts.KEYS.keys()
    for relation in found:
        attempt(sample, f"select * from marts.{relation} limit 1")


def test_analyst_reads_a_mart_as_soon_as_it_is_built(scratch: Project) -> None:
    # a build that is killed after this leaves it so
    scratch.execute("create table marts.just_built as select 1 as id")
    attempt(scratch, "select * from marts.just_built")


@pytest.mark.parametrize("schema", ["raw_github", "staging", "intermediate", "seeds"])
def test_analyst_reads_nothing_of_another_schema(sample: Project, schema: str) -> None:
    found = relations(sample, schema)
    assert found
    for relation in found:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            attempt(sample, f"select * from {schema}.{relation} limit 1")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into marts.authors default values",
        "update marts.authors set username = ''",
        "delete from marts.authors",
        "truncate marts.authors",
        "drop table marts.authors",
        "create table marts.mine (id integer)",
    ],
)
def test_analyst_changes_nothing(sample: Project, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        attempt(sample, statement)
