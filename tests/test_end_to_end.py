"""The one command: from nothing to marts, vectors and a search, and a second time with nothing to do."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from warehouse import postgres
from warehouse.settings import ROOT, load_settings

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


def test_first_run_shows_everything_and_the_second_changes_nothing(fresh_home: Path) -> None:
    said = run(fresh_home)
    assert "a sample" in said
    for mart in MARTS:
        assert re.search(rf"{mart} +[\d,]+", said), f"{mart} is not in the summary"
    for heading in ("What shipped lately", "Who does what", "A search by meaning", "Where it lies", "Try next"):
        assert heading in said
    assert "https://github.com/harbour-works/" in said
    first = figures(fresh_home)
    assert first["repo_prs"][0] == 400

    again = run(fresh_home)
    assert figures(fresh_home) == first
    assert re.search(r"embedded +0 +0\b", again)
    assert re.search(r"calls +0 +0\b", again)
