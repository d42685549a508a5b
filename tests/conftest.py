"""What every test runs in: an environment of its own, one embedded Postgres a process, and no way to the internet."""

import gc
import ipaddress
import os
import shutil
import signal
import socket
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import database
from warehouse.postgres import SERVER_SETTINGS, start, stop
from warehouse.settings import Settings, load_settings

FOREIGN_PREFIXES = ("GITHUB_", "GH_", "PG", "MILVUS_", "OPENAI_", "DBT_", "DESTINATION__")
FOREIGN_NAMES = (
    "DATABASE_URL",
    "SUPABASE_DB_URL",
    "EMBEDDING_MODEL",
    "EMBEDDING_DIMENSIONS",
    "ENRICHMENT_MODEL",
    "BATCH_SIZE",
    "MAX_WORKERS",
    "LOG_LEVEL",
    "PLIMSOLL_HOME",
)
SHARED_MEMORY = Path("/dev/shm")
# each of three workers has a server, of 0.1 to 0.3 GB
ROOM_BYTES = 2 * 1024**3
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}


def pytest_configure() -> None:
    """Let Python's collector look less often, and an interrupt reach the programs that tests start."""
    # dbt and dlt keep hundreds of thousands of objects that stay
    gc.set_threshold(100_000, 20, 100)
    # a shell has its background jobs ignore it, and what they start; these tests may be one
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test: begun last, it would keep one worker busy while the others are done."""
    items.sort(key=lambda item: item.path.name != "test_end_to_end.py")


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hides the user's settings: their variables, their `.env`, their home folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN_PREFIXES) or name in FOREIGN_NAMES:
                patch.delenv(name)
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("user")))
        patch.setitem(Settings.model_config, "env_file", None)
        # databases are made and dropped by the hundred; what a crash of the machine leaves of them matters to nobody
        patch.setitem(SERVER_SETTINGS, "fsync", "off")
        # the server may be in memory, and goes with all that it left when it is killed
        patch.setitem(SERVER_SETTINGS, "dynamic_shared_memory_type", "mmap")
        patch.setitem(SERVER_SETTINGS, "max_wal_size", "256MB")
        yield


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that talks to anything but this machine."""
    attempts: list[Any] = []

    def guarded(name: str) -> None:
        connect_for_real = getattr(socket.socket, name)

        def connect(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and not _is_loopback(address[0]):
                attempts.append(address)
                raise ConnectionRefusedError(f"a test tried to reach {address}")
            return connect_for_real(self, address)

        monkeypatch.setattr(socket.socket, name, connect)

    guarded("connect")
    guarded("connect_ex")
    yield
    assert not attempts, f"this test tried to reach {attempts}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_memory() -> Path | None:
    """A folder in memory, where databases are made and dropped with much less work; None without one, or room in it."""
    return SHARED_MEMORY if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES else None


@pytest.fixture(scope="session")
def home(own_environment: None) -> Iterator[Path]:
    """The data folder of an embedded Postgres that runs for the session."""
    # not below pytest's own folder: as root the server runs as another account, and each start of pytest shuts
    # that folder to all others
    with tempfile.TemporaryDirectory(prefix="plimsoll-test-", dir=in_memory()) as folder:
        settings = load_settings(PLIMSOLL_HOME=folder)
        start(settings)
        yield settings.home
        stop(settings)


@pytest.fixture
def settings(home: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings with a new, empty database."""
    with database(home, f"test_{zlib.crc32(request.node.nodeid.encode()):08x}") as made:
        yield made
