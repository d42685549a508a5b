"""The one command: from nothing to marts, vectors and a search, and a second time with nothing to do."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.github_api import sample
from warehouse import dbt, postgres
from warehouse.settings import ROOT, load_settings

# on one worker: a second one would make the first run of its own
pytestmark = pytest.mark.xdist_group("end to end")

MARTS = (
    "author_file_ownership",
    "author_metrics_daily",
    "author_metrics_window",
    "author_prs_window",
    "authors",
    "file_changes",
    "pull_request_lifecycle",
    "repo_prs",
)


@pytest.fixture(scope="module")
def fresh_home() -> Iterator[Path]:
    """A data folder with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="plimsoll first run ") as folder:
        home = Path(folder).resolve() / "home"
        yield home
        postgres.stop(load_settings(PLIMSOLL_HOME=home))


def run(home: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "warehouse", "run"],
        cwd=ROOT,
        env={**os.environ, "PLIMSOLL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def figures(home: Path) -> dict[str, tuple[object, ...]]:
    """Rows, and the newest change, of every mart; what was loaded by how many requests."""
    with closing(postgres.connect(load_settings(PLIMSOLL_HOME=home))) as connection, connection.cursor() as cursor:
        found = {}
        for mart in MARTS:
            cursor.execute(f"select count(*), max(updated_at) from marts.{mart}")
            found[mart] = cursor.fetchone() or ()
        cursor.execute("select count(distinct _dlt_load_id) from raw_github.pull_requests")
        found["loads"] = cursor.fetchone() or ()
        return found


def sampled(home: Path) -> int:
    """How many pull requests the sample of a data folder has: work begun on its last weekend is not opened in it."""
    until = date.fromisoformat(json.loads((home / "sample.json").read_text())["until"])
    organisation = sample.build(until)
    return sum(len(repository.pull_requests) for repository in organisation.repositories(organisation.account))


@pytest.fixture(scope="module")
def said(fresh_home: Path) -> str:
    """What the first run said."""
    return run(fresh_home)


def test_every_question_of_the_docs_has_an_answer_in_the_sample(fresh_home: Path, said: str) -> None:
    settings = load_settings(PLIMSOLL_HOME=fresh_home)
    command = dbt.command("--quiet", "compile", "--select", "resource_type:analysis", "--project-dir", "dbt_project")
    subprocess.run(command, cwd=ROOT, env=dbt.environment(settings), check=True, capture_output=True)
    answers = {}
    with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
        for path in (dbt.PROJECT / "target" / "compiled" / "plimsoll" / "analyses").glob("*.sql"):
            cursor.execute(path.read_text())
            answers[path.stem] = len(cursor.fetchall())
    assert answers.keys() == {path.stem for path in dbt.PROJECT.glob("analyses/*.sql")}
    # nobody in the sample is new, and its risky pull requests are reviewed
    without = {name for name, rows in answers.items() if not rows}
    assert without <= {"newcomers_first_merges", "risky_merges_nobody_reviewed"}


def test_first_run_shows_everything_and_the_second_changes_nothing(fresh_home: Path, said: str) -> None:
    assert "a sample" in said
    for mart in MARTS:
        assert re.search(rf"{mart} +[\d,]+", said), f"{mart} is not in the summary"
    for heading in ("What shipped lately", "Who does what", "A search by meaning", "Where it lies", "Try next"):
        assert heading in said
    assert "https://github.example/harbour-works/" in said
    first = figures(fresh_home)
    assert first["repo_prs"][0] == sampled(fresh_home)

    again = run(fresh_home)
    assert figures(fresh_home) == first
    assert re.search(r"embedded +0 +0\b", again)
    assert re.search(r"calls +0 +0\b", again)
