"""The same code against a real Milvus server over the network, which the package `milvus` holds for Linux on x86-64."""

import importlib.util
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from psycopg2 import extensions

from embeddings.collections import COLLECTIONS, PR_INDEX
from embeddings.encoders.static import StaticEncoder
from embeddings.filters import Filters
from embeddings.search import Searcher
from embeddings.status import status
from embeddings.store import ping
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import PullRequest, put, remove
from tests.embeddings.syncing import Sidecar
from tests.embeddings.test_search import FLEET
from warehouse.settings import Settings

IS_INSTALLED = importlib.util.find_spec("milvus") is not None
RUNS_HERE = sys.platform == "linux" and platform.machine() == "x86_64"
pytestmark = pytest.mark.skipif(
    not (IS_INSTALLED and RUNS_HERE), reason="no Milvus server here: pip install milvus==2.3.5"
)

# the server is a child of this program, which ends it when its own standard input closes
SERVER = """
import sys
from milvus import MilvusServer
server = MilvusServer()
server.set_base_dir(sys.argv[1])
server.listen_port = int(sys.argv[2])
server.start()
print("started", flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("milvus-log") / "server.log"
    folder = tmp_path_factory.mktemp("milvus")
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors,
        )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    started = time.monotonic()
    if process.stdout.readline().strip() != b"started":
        pytest.skip(f"the Milvus server does not run here: {_last_line(log)} ({time.monotonic() - started:.0f} s)")
    yield f"http://127.0.0.1:{port}"
    process.stdin.close()
    process.wait(timeout=30)


@pytest.fixture
def settings(settings: Settings, server_url: str) -> Settings:
    """Settings that point at the server."""
    return settings.model_copy(update={"milvus_url": server_url})


def test_sync_filter_search_delete_and_switch(settings: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, FLEET)
    with Sidecar.open(settings, StaticEncoder()) as sidecar:
        for alias in COLLECTIONS:
            assert sidecar.sync(alias).embedded == sum(1 if alias == "pr_index" else len(each.files) for each in FLEET)
            assert sidecar.sync(alias).embedded == 0
        assert set(sidecar.entities()) == {f"{each.repo_name}#{each.number}" for each in FLEET}
        assert sidecar.entities()["acme/web#6"]["title"] == "Повторять неудачные загрузки"

        with Searcher.open(settings) as searcher:
            assert searcher.search("the network breaks during an upload").results[0].pr_number == 1
            for filters, expected in (
                (Filters(repo_name="acme/web"), {5, 6}),
                (Filters(author="jane", high_risk=True), {3}),
                (Filters(merged_since=date(2024, 1, 4), merged_until=date(2024, 1, 5)), {2, 3}),
                (Filters(language="TypeScript"), {5, 6}),
            ):
                query = "uploads release migration key charts"
                found = searcher.search(query, filters=filters).results
                assert {result.pr_number for result in found} == expected
                dense = searcher._dense(PR_INDEX, query, filters, 10)
                assert {int(id.split("#")[1]) for id, _ in dense} == expected
            assert searcher.similar("acme/ship", 1, limit=2).results
            assert searcher.search("drop a column", kind="file").results[0].file_path == "db/migrations/0042_drop.sql"

        pull_requests = [FLEET[0], PullRequest(2, "Quite another thing")]
        put(warehouse, pull_requests)
        remove(warehouse, FLEET[2:])
        report = sidecar.sync()
        assert (report.embedded, report.deleted) == (1, 4)
        assert set(sidecar.entities()) == {"acme/ship#1", "acme/ship#2"}
        sidecar.sync("file_changes")
        assert not any(each.has_drift for each in status(sidecar.store, warehouse))

        old = sidecar.store.alias_target("pr_index")
        assert sidecar.sync(encoder=HashEncoder("other", 24)).embedded == 2
        assert sidecar.store.collections_of(PR_INDEX) == [sidecar.store.alias_target("pr_index")] != [old]
    assert len(ping(settings)["collections"]) == 2


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
