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


def test_one_build_of_a_database_at_a_time(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(dbt, "command", lambda *arguments: [sys.executable, "-c", ASK, settings.database.url])
    with closing(postgres.connect(settings, autocommit=True)) as other, other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (dbt.BUILD_LOCK,))
        with pytest.raises(PlimsollError, match="another build is under way"):
            dbt.build(settings, [])
    assert dbt.build(settings, []) == HELD
    # and lets it go
    assert dbt.build(settings, []) == HELD


def test_interrupted_build_lets_dbt_cancel_its_queries(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    line = [sys.executable, "-c", SLOW, str(begun), str(ended)]
    monkeypatch.setattr(dbt, "command", lambda *arguments: line)

    def interrupt() -> None:
        while not begun.exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    # a shell has its background jobs ignore the signal, and these tests may be one
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            dbt.build(settings, [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.exists()
