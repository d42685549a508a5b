"""The same code against a real Milvus server over the network, which the package `milvus` holds for Linux on x86-64."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

import pytest
from psycopg2 import extensions

from embeddings.collections import COLLECTIONS, PR_INDEX
from embeddings.encoders.static import StaticEncoder
from embeddings.filters import Filters
from embeddings.searching import Searcher
from embeddings.status import status
from embeddings.store import ping
from tests.embeddings import milvus_server
from tests.embeddings.conftest import HashEncoder
from tests.embeddings.marts import File, PullRequest, put, remove
from tests.embeddings.syncing import Sidecar
from tests.embeddings.test_search import FLEET
from tests.embeddings.test_sync import AWKWARD_PATHS
from warehouse.settings import Settings

pytestmark = [
    pytest.mark.skipif(not milvus_server.is_installed(), reason="no Milvus server here: pip install milvus==2.3.5"),
    # two servers of one machine want the same ports
    pytest.mark.xdist_group("milvus server"),
]


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(milvus_server.running(tmp_path_factory.mktemp("milvus")))
        except RuntimeError as error:
            pytest.skip(str(error))
        yield url


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
        new = sidecar.store.alias_target("pr_index")
        assert new in sidecar.store.collections() and old not in sidecar.store.collections()
    assert len(ping(settings)["collections"]) == 2


def test_any_path_is_written_again_and_deleted_alone(settings: Settings, warehouse: extensions.connection) -> None:
    pull_request = PullRequest(1, files=[File(path) for path in ("plain.py", *AWKWARD_PATHS)])
    with Sidecar.open(settings, HashEncoder("awkward")) as sidecar:
        put(warehouse, [pull_request])
        assert sidecar.sync("file_changes").embedded == len(pull_request.files)
        for file in pull_request.files:
            file.risk = 9.0
        put(warehouse, [pull_request])
        assert sidecar.sync("file_changes").rewritten == len(pull_request.files)
        assert {entity["risk_score"] for entity in sidecar.entities("file_changes").values()} == {9.0}
        put(warehouse, [PullRequest(1, files=[File("plain.py")])])
        assert sidecar.sync("file_changes").deleted == len(AWKWARD_PATHS)
        assert set(sidecar.entities("file_changes")) == {"acme/ship#1:plain.py"}


def test_zilliz_clouds_index_makes_the_same_search(
    settings: Settings, warehouse: extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a server knows it, too
    monkeypatch.setattr("embeddings.store.index_of", lambda uri: "AUTOINDEX")
    put(warehouse, FLEET)
    with Sidecar.open(settings, StaticEncoder()) as sidecar, Searcher.open(settings) as searcher:
        sidecar.sync()
        assert searcher.search("the network breaks during an upload").results[0].pr_number == 1
        assert searcher.similar("acme/ship", 1, limit=2).results
