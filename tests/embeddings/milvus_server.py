"""A real Milvus server, which the package `milvus` holds for Linux on x86-64."""

import importlib.util
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

# the server is a child of this program, which ends it when its own standard input closes
PROGRAM = """
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


def is_installed() -> bool:
    """Whether there is a server for this machine."""
    is_here = sys.platform == "linux" and platform.machine() == "x86_64"
    return is_here and importlib.util.find_spec("milvus") is not None


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps its data in a folder.

    Raises:
        RuntimeError: it does not run here; the last line of its log says why.
    """
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder / "data"), str(port)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    if process.stdout.readline().strip() != b"started":
        raise RuntimeError(f"the Milvus server does not run here: {_last_line(log)}")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
