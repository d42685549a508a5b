"""Every rule earns its place: take it away, or weigh it otherwise, and a unit test of dbt no longer holds."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg2 import extensions, sql

from tests.dbt.project import PROJECT, Project

SEEDS = ("risk_rules", "feature_rules", "path_kinds")
# columns of the seeds that are no part of a row's key
DESCRIPTIONS = ("rule", "meaning", "reason", "confidence", "points", "floor")

# model to the pieces of its SQL that are a rule or a number of the contract, each with what it must not be
BRANCHES: dict[str, list[tuple[str, str]]] = {
    "int_files_risk_scored": [
        ("(paths.is_documentation and files.lines_changed <= 50)", "false"),
        ("files.lines_changed <= 50", "files.lines_changed <= 49"),
        ("files.lines_changed <= 50", "files.lines_changed <= 51"),
        ("or paths.is_binary", ""),
        ("or (files.change_type = 'renamed' and files.lines_changed = 0)", ""),
        ("and files.lines_changed = 0)", ")"),
        ("greatest(least(points, 10), floor)", "least(points, 10)"),
        ("greatest(least(points, 10), floor)", "greatest(points, floor)"),
        ("greatest(least(points, 10), floor)", "greatest(least(points, 10), 0)"),
        ("paths.is_source and test_balances", "test_balances"),
        (
            "paths.is_test and files.change_type = 'deleted' then single_rules",
            "files.change_type = 'deleted' then single_rules",
        ),
        ("+ greatest(", "+ least("),
        ("patch_rules.rule_name\n", "patch_rules.rule_name, patch_rules.pattern\n"),
    ],
    "int_pull_requests_risk_scored": [
        ("max_risk >= 8", "max_risk >= 9"),
        ("max_risk >= 8", "max_risk >= 7"),
        (", 8.0) + 0.5", ", 0.0) + 0.5"),
        (" + 0.5, 10)", ", 10)"),
        (" + 0.5, 10)", " + 0.5, 11)"),
        ("net_test_lines > 0", "net_test_lines >= 0"),
        (" - 0.5, 0)", ", 0)"),
        (" - 0.5, 0)", " - 0.5, -1)"),
        ("coalesce(weighted_risk, mean_risk)", "mean_risk"),
        ("coalesce(weighted_risk, mean_risk)", "coalesce(weighted_risk, 0)"),
        ("score >= 7.0", "score > 7.0"),
    ],
    "int_pull_requests_risk_explained": [
        ("$[0 to 3]", "$[0 to 4]"),
        ("$[0 to 4]", "$[0 to 5]"),
        ("$[0 to 4]", "$[0 to 3]"),
        ("risk > 0", "risk >= 0"),
        ("lines_changed desc, reason", "reason"),
        ("risk desc, lines_changed desc", "lines_changed desc"),
    ],
    "int_pull_requests_feature_classified": [
        ("outcomes.confidence >= 0.6", "outcomes.confidence >= 0.8"),
        ("outcomes.confidence >= 0.6", "outcomes.confidence >= 0.3"),
        ("where not is_deleted", "where true"),
        ("([(][^)]*[)])?!?:", ":"),
        ("([(][^)]*[)])?!?:", "([(][^)]*[)])?:"),
    ],
    "repo_prs": [
        ("risk_score >= 4", "risk_score > 4"),
        ("<= 100 ", "< 100 "),
        ("<= 1000 ", "< 1000 "),
    ],
}


@dataclass(frozen=True)
class UnitTest:
    """One unit test of dbt as plain SQL.

    Attributes:
        name: its name.
        model: the model that it is about.
        statement: its rows, the actual and the expected ones, told apart by the last column.
    """

    name: str
    model: str
    statement: str

    def holds(self, connection: extensions.connection, statement: str | None = None) -> bool:
        """Whether the actual rows are the expected ones."""
        with connection.cursor() as cursor:
            cursor.execute(statement or self.statement)
            actual: Counter[Any] = Counter()
            for *row, kind in cursor.fetchall():
                actual[repr(row)] += 1 if kind == "actual" else -1
        return not any(actual.values())


@pytest.fixture(scope="module")
def unit_tests(sample: Project) -> list[UnitTest]:
    """The unit tests of the models named above, as the sample's build ran them."""
    folder = sample.target() / "run"
    found = [
        UnitTest(path.stem, path.stem.removeprefix("test_").split("__")[0], path.read_text())
        for path in folder.glob("**/test_*__*.sql")
    ]
    assert {test.model for test in found} >= BRANCHES.keys()
    return found


@pytest.fixture(scope="module")
def connection(sample: Project) -> Iterator[extensions.connection]:
    """A session with a changeable copy of every seed, in which the unit tests look for them."""
    with closing(sample.connect()) as connection, connection.cursor() as cursor:
        for seed in SEEDS:
            cursor.execute(f"create temporary table {seed} as select * from seeds.{seed}")
        cursor.execute("savepoint unchanged")
        yield connection


def with_changeable_seeds(statement: str) -> str:
    for seed in SEEDS:
        statement = statement.replace(f"from __dbt__cte__{seed}", f"from pg_temp.{seed}")
    return statement


def survivors(
    connection: extensions.connection, tests: list[UnitTest], seed: str, changes: dict[str, sql.Composable]
) -> list[str]:
    """The changes of a seed under which every unit test that reads it still holds."""
    readers = [
        (test, with_changeable_seeds(test.statement)) for test in tests if f"__dbt__cte__{seed}" in test.statement
    ]
    assert readers and all(test.holds(connection, statement) for test, statement in readers)
    found = []
    with connection.cursor() as cursor:
        for name, change in changes.items():
            cursor.execute(change)
            assert cursor.rowcount, name
            seen_by = next((reader for reader in readers if not reader[0].holds(connection, reader[1])), None)
            if seen_by is None:
                found.append(name)
            else:
                # it is the likeliest to see the next change, too
                readers.remove(seen_by)
                readers.insert(0, seen_by)
            cursor.execute("rollback to savepoint unchanged")
    return found


def condition(row: dict[str, str], columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(" and ").join(
        sql.SQL("cast({} as text) = {}").format(sql.Identifier(column), sql.Literal(row[column])) for column in columns
    )


def rows_of(seed: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{seed}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_an_alternative(pattern: str) -> Iterator[tuple[str, str]]:
    """The pattern without each of its alternatives, at whatever depth, and that alternative."""
    # a group is the places of its opening bracket and its bars; what is escaped or in a class is no bar
    groups = [[-1]]
    for token in re.finditer(r"\\.|\[\^?\]?[^]]*\]|[(|)]|$", pattern):
        if token[0] == "(":
            groups.append([token.start()])
        elif token[0] == "|":
            groups[-1].append(token.start())
        elif token[0] in (")", ""):
            bars = [*groups.pop(), token.start()]
            for start, end in zip(bars, bars[1:], strict=False):
                if len(bars) > 2:
                    cut = (start + 1, end + 1) if start == bars[0] else (start, end)
                    yield pattern[: cut[0]] + pattern[cut[1] :], pattern[start + 1 : end]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_row_of_a_seed_can_be_missed(
    connection: extensions.connection, unit_tests: list[UnitTest], seed: str
) -> None:
    rows = rows_of(seed)
    key = tuple(column for column in rows[0] if column not in DESCRIPTIONS)
    changes: dict[str, sql.Composable] = {
        "/".join(row[column] for column in key): sql.SQL("delete from pg_temp.{} where {}").format(
            sql.Identifier(seed), condition(row, key)
        )
        for row in rows
    }
    assert not survivors(connection, unit_tests, seed, changes)


@pytest.mark.parametrize("seed", ["risk_rules", "path_kinds"])
def test_no_alternative_of_a_pattern_can_be_missed(
    connection: extensions.connection, unit_tests: list[UnitTest], seed: str
) -> None:
    changes: dict[str, sql.Composable] = {}
    for row in rows_of(seed):
        for shorter, alternative in without_an_alternative(row["pattern"]):
            changes[f"{alternative} of {row['pattern']}"] = sql.SQL(
                "update pg_temp.{} set pattern = {} where pattern = {}"
            ).format(sql.Identifier(seed), sql.Literal(shorter), sql.Literal(row["pattern"]))
    assert len(changes) > 200 and not survivors(connection, unit_tests, seed, changes)


@pytest.mark.parametrize("seed", ["risk_rules", "feature_rules"])
def test_no_weight_of_a_seed_can_be_another(
    connection: extensions.connection, unit_tests: list[UnitTest], seed: str
) -> None:
    changes: dict[str, sql.Composable] = {}
    for row in rows_of(seed):
        # what a rule with a floor adds is nothing; the floor is its weight. Rows of one rule or step share their weight
        weight = "confidence" if seed == "feature_rules" else "floor" if row["floor"] != "0" else "points"
        rule = "step" if seed == "feature_rules" else "rule_name"
        for by in (0.1, -0.1) if weight == "confidence" else (1, -1):
            changes[f"{row[rule]} of {row[weight]} {by:+}"] = sql.SQL(
                "update pg_temp.{seed} set {weight} = {weight} + {by} where {rows}"
            ).format(
                seed=sql.Identifier(seed),
                weight=sql.Identifier(weight),
                by=sql.Literal(by),
                rows=condition(row, (rule, weight)),
            )
    assert not survivors(connection, unit_tests, seed, changes)


@pytest.mark.parametrize(
    ("model", "piece", "other"), [(model, *branch) for model, branches in BRANCHES.items() for branch in branches]
)
def test_no_branch_of_a_model_can_be_another(
    connection: extensions.connection, unit_tests: list[UnitTest], model: str, piece: str, other: str
) -> None:
    tests = [test for test in unit_tests if test.model == model]
    assert all(piece in test.statement for test in tests), f"{model} no longer says {piece}"
    assert not all(test.holds(connection, test.statement.replace(piece, other)) for test in tests)
