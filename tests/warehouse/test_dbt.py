"""dbt as a program of ours: one build of a database at a time."""

import signal
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from warehouse import dbt, postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

# stands for dbt: its exit code says whether somebody holds the lock
HELD, FREE = 7, 8
ASK = f"""
import sys, psycopg2
cursor = psycopg2.connect(sys.argv[1]).cursor()
cursor.execute("select pg_try_advisory_lock({dbt.BUILD_LOCK})")
sys.exit({FREE} if cursor.fetchone()[0] else {HELD})
"""

# takes its time to end
SLOW = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
time.sleep(1)
pathlib.Path(sys.argv[2]).touch()
"""


@pytest.fixture
def loaded(settings: Settings) -> Settings:
    """A database in which there is something to build from, as far as the lock is concerned."""
    with closing(postgres.connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("create schema raw_github; create table raw_github.pull_requests (id bigint)")
    return settings


def test_a_build_of_nothing_says_so(settings: Settings) -> None:
    with pytest.raises(PlimsollError, match="nothing was loaded yet. Run python -m ingestion"):
        dbt.build(settings, [])


def test_one_build_of_a_database_at_a_time(monkeypatch: pytest.MonkeyPatch, loaded: Settings) -> None:
    monkeypatch.setattr(dbt, "command", lambda *arguments: [sys.executable, "-c", ASK, loaded.database.url])
    with closing(postgres.connect(loaded, autocommit=True)) as other, other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (dbt.BUILD_LOCK,))
        with pytest.raises(PlimsollError, match="another build is under way"):
            dbt.build(loaded, [])
    assert dbt.build(loaded, []) == HELD
    # and lets it go
    assert dbt.build(loaded, []) == HELD


def test_interrupted_build_lets_dbt_cancel_its_queries(
    monkeypatch: pytest.MonkeyPatch, loaded: Settings, tmp_path: Path
) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    line = [sys.executable, "-c", SLOW, str(begun), str(ended)]
    monkeypatch.setattr(dbt, "command", lambda *arguments: line)

    def interrupt() -> None:
        while not begun.exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        dbt.build(loaded, [])
    assert ended.exists()
