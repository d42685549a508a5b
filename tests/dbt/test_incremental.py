"""An incremental build gives what a full refresh would, whatever happened in between."""

import csv
import os
import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import marts
from tests.dbt.conftest import VARS
from tests.dbt.history import History
from tests.dbt.project import PROJECT, TABLES, Project
from tests.dbt.raw_github import RawGithub

SEQUENCES = int(os.environ.get("PLIMSOLL_TEST_SEQUENCES", "1"))
STEPS = int(os.environ.get("PLIMSOLL_TEST_STEPS", "2"))
EARLIER = "2026-10-20"
FIRST_SEED = int(os.environ.get("PLIMSOLL_TEST_FIRST_SEED", "0"))


class Rules:
    """The project's seeds and vars, changed at random in a copy of the project."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.vars: dict[str, Any] = dict(VARS)
        shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))

    def change(self, history: History) -> str:
        """Change one seed or var."""
        return self.random.choice([self.flag_bot, self.add_alias, self.drop_row, self.reweigh, self.move_threshold])(
            history
        )

    def flag_bot(self, history: History) -> str:
        login = self.random.choice(list(history.users.values()))["login"]
        return self._edit(
            "bot_accounts",
            lambda rows, columns: [*(row for row in rows if row[columns[0]] != login), {columns[0]: login}],
        )

    def add_alias(self, history: History) -> str:
        alias, username = self.random.sample([user["login"] for user in history.users.values()], 2)
        # an alias stands once and leads to no other alias, as the seed's own tests want it
        return self._edit("author_aliases", lambda rows, columns: [{"alias": alias, "username": username}])

    def drop_row(self, history: History) -> str:
        name = self.random.choice(["risk_rules", "feature_rules", "bot_accounts"])
        return self._edit(name, lambda rows, columns: [row for row in rows if self.random.random() > 0.2])

    def reweigh(self, history: History) -> str:
        def heavier(rows: list[dict[str, str]], columns: list[str]) -> list[dict[str, str]]:
            row = self.random.choice(rows)
            row["points"] = str(float(row["points"] or 0) + 1).removesuffix(".0")
            return rows

        return self._edit("risk_rules", heavier)

    def move_threshold(self, history: History) -> str:
        name, values = self.random.choice(
            [("high_risk_threshold", [3.0, 5.0, 7.0]), ("feature_min_confidence", [0.2, 0.6, 0.85])]
        )
        self.vars[name] = self.random.choice(values)
        return f"{name} = {self.vars[name]}"

    def _edit(self, seed: str, change: Any) -> str:
        [path] = self.folder.glob(f"seeds/**/{seed}.csv")
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = change(list(reader), columns)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return f"seed {seed} has {len(rows)} rows"


def build(project: Project, rules: Rules, *options: str) -> marts.Contents:
    project.dbt(
        "build",
        *TABLES,
        "--exclude-resource-type",
        "test",
        "unit_test",
        *options,
        vars=rules.vars,
        project=rules.folder,
    ).check()
    return marts.read(project)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEQUENCES))
def test_incremental_builds_equal_full_refreshes(empty: Project, tmp_path: Path, seed: int) -> None:
    rules = Rules(seed, tmp_path / "project")
    history = History(seed)
    with empty.copy(f"incremental_{seed}") as project:
        with closing(project.connect()) as connection:
            history.begin(RawGithub(connection))
        # a snapshot that none of the builds below asks for
        rules.vars["as_of_date"] = EARLIER
        build(project, rules)
        rules.vars |= VARS
        before = build(project, rules)
        for step in range(STEPS):
            with closing(project.connect()) as connection:
                changes = history.step(RawGithub(connection))
            if rules.random.random() < 0.25:
                changes.append(rules.change(history))
            context = f"seed {seed}, step {step}: {'; '.join(changes)}"

            after = build(project, rules)
            assert not marts.wrong_update_times(before, after), context

            with project.copy(f"full_{seed}") as refreshed:
                full = build(refreshed, rules, "--full-refresh")
            assert not marts.differences(after, full), context
            before = after
