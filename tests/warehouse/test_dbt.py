"""dbt as a program of ours: one build of a database at a time."""

import sys
from contextlib import closing

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


def test_one_build_of_a_database_at_a_time(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(dbt, "command", lambda *arguments: [sys.executable, "-c", ASK, settings.database.url])
    with closing(postgres.connect(settings, autocommit=True)) as other, other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (dbt.BUILD_LOCK,))
        with pytest.raises(PlimsollError, match="another build is under way"):
            dbt.build(settings, [])
    assert dbt.build(settings, []) == HELD
    # and lets it go
    assert dbt.build(settings, []) == HELD
