"""kill -9 anywhere, run again: complete, no doubles, no zero vectors."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from psycopg2 import extensions

from embeddings.collections import COLLECTIONS
from embeddings.encoders import choose
from embeddings.encoders.static import StaticEncoder
from embeddings.status import status
from embeddings.store import Store
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import PullRequest, put
from tests.embeddings.openai_double import OpenAIDouble
from tests.embeddings.syncing import Sidecar
from warehouse.postgres import connect
from warehouse.settings import Settings

ROOT = Path(__file__).parents[2]
SEED = 20240120
KILLS = 3
DOCUMENTS = 80


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        **os.environ, "PLIMSOLL_HOME": str(settings.home), "PGDATABASE": settings.database.dbname,
        "MILVUS_URL": settings.milvus_url, **more,
    }  # fmt: skip


def start(settings: Settings, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "embeddings", *arguments], cwd=ROOT, env=environment(settings, **more), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_killed_sync_is_finished_by_the_next(
    settings: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    put(warehouse, [PullRequest(number, f"Change {number}", body="Why.") for number in range(1, DOCUMENTS + 1)])
    chance = random.Random(SEED)
    running: list[subprocess.Popen[str]] = []
    kill_at = 0

    def kill(path: str, request: dict[str, Any], number: int) -> None:
        if number == kill_at:
            # in the middle of an embedding call, or a little later: before, in or after the writes that follow it
            threading.Timer(chance.choice([0.0, 0.01, 0.03, 0.1]), running[0].kill).start()
        elif 0 < kill_at < number:
            time.sleep(5)

    openai_double.misbehave = kill
    arguments, server = (
        ("sync", "--collection", "pr_index", "--batch-size", "4"),
        {"OPENAI_BASE_URL": openai_double.url},
    )
    for _ in range(KILLS):
        kill_at = len(openai_double.embedding_requests) + chance.randint(2, 5)
        running[:] = [start(settings, *arguments, **server)]
        running[0].communicate(timeout=60)
        assert running[0].returncode == -signal.SIGKILL
    kill_at = 0
    last = start(settings, *arguments, **server)
    output, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    before = len(openai_double.embedding_requests)

    remote = settings.model_copy(update={"openai_base_url": openai_double.url})
    with Sidecar.open(settings, choose(remote)) as sidecar:
        assert set(sidecar.entities()) == {f"acme/ship#{number}" for number in range(1, DOCUMENTS + 1)}
        assert not any(each.repositories[0].has_drift for each in status(sidecar.store, warehouse)[:1])
        assert sidecar.sync().embedded == 0
    with warehouse.cursor() as cursor:
        cursor.execute("select count(*), count(distinct id) from search.pr_index_documents")
        assert cursor.fetchone() == (DOCUMENTS, DOCUMENTS)
    assert len(openai_double.embedding_requests) == before
    # a kill costs a batch, not the run: 2 views of 4 documents each
    assert len(openai_double.embedded) <= 2 * DOCUMENTS + KILLS * 2 * 2 * 4 + 1


def test_a_search_beside_a_sync_says_that_milvus_lite_is_in_use(
    settings: Settings, warehouse: extensions.connection
) -> None:
    put(warehouse, [PullRequest(1)])
    with Sidecar.open(settings, HashEncoder()) as sidecar:
        sidecar.sync()
        process = start(settings, "search", "anything at all")
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors.count("\n") == 1 and "another process has Milvus Lite's milvus.db open" in errors
        # what needs no vectors is answered all the same
        process = start(settings, "search", "#1", "--json")
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, '"pr_number": 1' in output) == (0, True), errors
    # and it is let go at the end
    with Store.open(settings) as store:
        assert store.alias_target("pr_index")


def test_searches_of_several_processes_take_turns(settings: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    with Sidecar.open(settings, StaticEncoder()) as sidecar:
        sidecar.sync()
    processes = [start(settings, "search", "anything at all") for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_syncs_of_two_processes_do_not_mix(
    settings: Settings, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    put(warehouse, [PullRequest(1)])
    server = {"OPENAI_BASE_URL": openai_double.url}
    second: list[tuple[int, str]] = []

    def meanwhile(path: str, request: dict[str, Any], number: int) -> None:
        if not second:
            second.append((0, ""))
            process = start(settings, "sync", **server)
            _, errors = process.communicate(timeout=60)
            second[0] = (process.returncode, errors)

    openai_double.misbehave = meanwhile
    first = start(settings, "sync", **server)
    _, errors = first.communicate(timeout=90)
    assert first.returncode == 0, errors
    code, complaint = second[0]
    assert code == 1
    assert complaint == "error: another embeddings sync is running. Let it finish, then run this again\n"
    with closing(connect(settings)) as connection, Store.open(settings) as store:
        assert not any(each.has_drift for each in status(store, connection))
        assert {store.count(store.alias_target(alias) or "") for alias in COLLECTIONS} == {1}
