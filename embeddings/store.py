"""Milvus: Lite, a server or Zilliz Cloud, by URL alone."""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from embeddings.collections import Collection, milvus_schema
from warehouse.errors import PlimsollError
from warehouse.settings import Settings, split_account

if TYPE_CHECKING:
    from pymilvus import MilvusClient

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 10
READ_ROWS = 2000
LITE_WAIT_SECONDS = 3.0
LITE_BUFFER_BYTES = 32 * 1024 * 1024
NEVER_MS = 2**31 - 1
# the index over the vectors, and its parameters. Brute force in Lite: its other indexes save little at its sizes and
# cost recall. Zilliz Cloud has none but its own, which takes no parameters
INDEXES: dict[str, dict[str, int]] = {"FLAT": {}, "AUTOINDEX": {}, "HNSW": {"M": 16, "efConstruction": 200}}
ZILLIZ_CLOUD = (".zillizcloud.com", ".zilliz.com", ".zilliz.com.cn")
# of Lite and of a server
NO_SUCH_ALIAS = (100, 1600)
# what a string of the filter language cannot hold as it is
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})
# the files of Milvus Lite that this process has open
OPEN_HERE: set[Path] = set()
REMEDY = "Check MILVUS_URL and MILVUS_TOKEN, or unset them for Milvus Lite"


class Store:
    """A connection to Milvus.

    Args:
        client: the client.
        index: the index over the vectors of collections that it makes, of `INDEXES`.
        lite_path: the file of Milvus Lite; None for a server.
        claim: what holds that file for this process.
    """

    def __init__(self, client: "MilvusClient", index: str, lite_path: Path | None, claim: contextlib.ExitStack) -> None:
        self._client = client
        self._index = index
        self._lite_path = lite_path
        self._claim = claim
        self._loaded: set[str] = set()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect.

        Raises:
            PlimsollError: it cannot be reached, or another process has the file of Milvus Lite open.
        """
        uri, account = split_account(settings.milvus_uri)
        lite_path = None if "://" in uri else Path(uri).absolute()
        with contextlib.ExitStack() as stack:
            if lite_path is not None:
                lite_path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(_claimed(lite_path))
            client = cls._connected(settings, uri, account, lite_path)
            # it is held until it is closed
            return cls(client, index_of(uri), lite_path, stack.pop_all())

    @staticmethod
    def _connected(settings: Settings, uri: str, account: str, lite_path: Path | None) -> "MilvusClient":
        if lite_path is not None:
            # read when it is imported; its own limit of 128 MB is held in memory several times over
            os.environ.setdefault("MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", str(LITE_BUFFER_BYTES))
        # gRPC's core logs by itself, and reads this when it is imported
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from pymilvus import MilvusClient
        from pymilvus.client import entity_helper

        # it goes through a row's text character by character, which takes longer than sending it; texts are cut here
        entity_helper.CHECK_STR_ARRAY = False
        _quieten()
        token = settings.milvus_token.get_secret_value() if settings.milvus_token else account
        options: dict[str, Any] = {"token": token, "timeout": CONNECT_TIMEOUT_SECONDS}
        if lite_path is not None:
            # its server hangs up on a client that pings it as often as pymilvus does
            options["grpc_options"] = {"grpc.keepalive_time_ms": NEVER_MS}
        try:
            client = MilvusClient(str(lite_path or uri), **options)
            client.list_collections(timeout=CONNECT_TIMEOUT_SECONDS)
        except Exception as error:
            reason = _reason(error).replace(token, "***") if token else _reason(error)
            raise PlimsollError(f"cannot reach Milvus at {uri}: {reason}", remedy=REMEDY) from None
        return client

    def __enter__(self) -> Self:
        """Nothing to do: it is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection, and let other processes have the file of Milvus Lite."""
        self._client.close()
        if self._lite_path is not None:
            from milvus_lite.server_manager import server_manager_instance  # type: ignore[import-untyped]

            # the client's close leaves the in-process server running, and with it the lock on the file
            server_manager_instance.release_server(str(self._lite_path))
        self._claim.close()

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client.

        Raises:
            PlimsollError: Milvus refused, or has gone away.
        """
        return _answer(method, getattr(self._client, method), *arguments, **options)

    @property
    def is_lite(self) -> bool:
        """Whether this is Milvus Lite."""
        return self._lite_path is not None

    def alias_target(self, alias: str) -> str | None:
        """The collection behind an alias; None if there is none."""
        from pymilvus import MilvusException

        try:
            return str(self._client.describe_alias(alias)["collection_name"])
        except MilvusException as error:
            if error.code in NO_SUCH_ALIAS:
                return None
            raise _failure("describe_alias", error) from error

    def collections(self) -> list[str]:
        """Every collection."""
        return sorted(self._call("list_collections"))

    def create(self, collection: Collection, name: str, dimension: int) -> None:
        """Make a collection with its index unless they are there."""
        if not self._call("has_collection", name):
            schema = milvus_schema(collection, dimension)
            self._call("create_collection", name, schema=schema, consistency_level="Strong")
        # two steps to Milvus: a sync that was killed between them left a collection that cannot be loaded
        if not self._call("list_indexes", name):
            index = self._client.prepare_index_params()
            index.add_index("vector", index_type=self._index, metric_type="COSINE", params=INDEXES[self._index])
            self._call("create_index", name, index)
            self._load(name)

    def _load(self, name: str) -> None:
        """Bring a collection into memory, as Milvus asks before it reads; Lite forgets that at its end."""
        if name not in self._loaded:
            self._call("load_collection", name)
            self._loaded.add(name)

    def switch_alias(self, alias: str, name: str) -> None:
        """Point the alias at another collection, in one step."""
        if self.alias_target(alias) is None:
            self._call("create_alias", collection_name=name, alias=alias)
        else:
            self._call("alter_alias", collection_name=name, alias=alias)

    def drop(self, name: str) -> None:
        """Remove a collection."""
        self._call("drop_collection", name)

    def count(self, name: str, expression: str = "") -> int:
        """How many entities there are."""
        if self.is_lite and not expression:
            # exact there, and asks for nothing to be read into memory
            return int(self._call("get_collection_stats", name)["row_count"])
        self._load(name)
        rows = self._call("query", name, filter=expression, output_fields=["count(*)"])
        return int(rows[0]["count(*)"])

    def read(self, name: str, expression: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Entities that match an expression, in no order."""
        self._load(name)
        iterator = self._call(
            "query_iterator", name, filter=expression, output_fields=list(fields), batch_size=READ_ROWS
        )
        try:
            while batch := _answer("query_iterator", iterator.next):
                yield from batch
        finally:
            iterator.close()

    def get(self, name: str, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The entities with these ids."""
        self._load(name)
        return list(self._call("query", name, filter=_with_ids(ids), output_fields=list(fields)))

    def upsert(self, name: str, entities: Sequence[Mapping[str, Any]]) -> None:
        """Write entities, in place of those with the same ids."""
        if entities:
            self._call("upsert", name, [dict(entity) for entity in entities])

    def delete(self, name: str, ids: Iterable[str]) -> None:
        """Remove the entities with these ids."""
        if found := list(ids):
            self._call("delete", name, filter=_with_ids(found))

    def flush(self, name: str) -> None:
        """Make what was written durable."""
        self._call("flush", name)

    def search(self, name: str, vector: Sequence[float], expression: str, limit: int) -> list[tuple[str, float]]:
        """The nearest entities: (id, cosine), nearest first."""
        self._load(name)
        hits = self._call(
            "search",
            name,
            data=[list(vector)],
            anns_field="vector",
            filter=expression,
            limit=limit,
            output_fields=["id"],
            search_params={"metric_type": "COSINE", "params": {"ef": max(128, limit)} if self._index == "HNSW" else {}},
            # a server would wait a fifth of a second for its own clock, to show what was written in that time
            consistency_level="Bounded",
        )[0]
        return [(str(hit["id"]), float(hit["distance"])) for hit in hits]


def index_of(uri: str) -> str:
    """Which index over vectors is right for the Milvus of an address, of `INDEXES`."""
    if "://" not in uri:
        return "FLAT"
    return "AUTOINDEX" if (urlsplit(uri).hostname or "").endswith(ZILLIZ_CLOUD) else "HNSW"


def literal(value: str) -> str:
    """`value` as a string of Milvus' filter language, whatever is in it."""
    return '"' + value.translate(ESCAPES) + '"'


def _with_ids(ids: Sequence[str]) -> str:
    # pymilvus makes such an expression by itself, but escapes nothing, and a file's path may hold anything
    return f"id in [{', '.join(map(literal, ids))}]"


def ping(settings: Settings) -> dict[str, Any]:
    """Whether Milvus answers, for the health check.

    Returns:
        `url` and `collections`, the names of all.

    Raises:
        PlimsollError: it does not.
    """
    with Store.open(settings) as store:
        return {"url": settings.milvus_name, "collections": store.collections()}


def _answer(method: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What Milvus answers to a call.

    Raises:
        PlimsollError: it refused, or has gone away.
    """
    from pymilvus import MilvusException

    try:
        return call(*arguments, **options)
    except MilvusException as error:
        raise _failure(method, error) from error


def _failure(method: str, error: Exception) -> PlimsollError:
    return PlimsollError(f"Milvus: {method}: {_reason(error)}", remedy=REMEDY)


def _quieten() -> None:
    """Keep the clients' own logging, which repeats every error with a traceback, out of ours."""
    for name in ("pymilvus", "milvus_lite", "grpc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # each module of pymilvus has a logger with a level of its own
    logging.getLogger("pymilvus").propagate = False
    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith("pymilvus"):
            logging.getLogger(name).disabled = True


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Hold the file of Milvus Lite, which serves one process at a time; another search has it for a moment only.

    Raises:
        PlimsollError: another has it for longer, or this process has it already.
    """
    # Milvus' own lock is taken when the file is opened, which is too late to wait for it
    with open(path.with_name(f"{path.name}.lock"), "a") as ours:
        if not (path not in OPEN_HERE and _is_free(ours, LITE_WAIT_SECONDS)):
            raise _in_use(path)
        if (path / "LOCK").exists():
            with open(path / "LOCK", "a") as of_milvus:
                if not _is_free(of_milvus, LITE_WAIT_SECONDS):
                    raise _in_use(path)
        OPEN_HERE.add(path)
        try:
            yield
        finally:
            OPEN_HERE.discard(path)


def _is_free(file: IO[str], wait_seconds: float) -> bool:
    """Whether a file's lock can be had, after a while if need be; it is held until the file is closed."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _in_use(path: Path) -> PlimsollError:
    if path in OPEN_HERE:
        return PlimsollError(
            f"this process has Milvus Lite's {path.name} open already",
            where=str(path.parent),
            remedy="Put all queries to one Searcher, or set MILVUS_URL to a server",
        )
    return PlimsollError(
        f"another process has Milvus Lite's {path.name} open",
        where=str(path.parent),
        remedy="Wait until the sync or search that uses it has ended, or set MILVUS_URL to a server",
    )


def _reason(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return text.split("\n")[0].split(os.linesep)[0]
