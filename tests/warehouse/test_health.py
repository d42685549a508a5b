"""Health: each service is asked, the way it is used."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from warehouse import health
from warehouse.errors import PlimsollError
from warehouse.settings import Settings, load_settings


def test_health_says_what_is_down(settings: Settings, tmp_path: Path) -> None:
    broken = settings.model_copy(
        update={"github_api_url": "http://127.0.0.1:1", "milvus_url": str(tmp_path / "milvus.db")}
    )
    found = health.check(broken)
    assert set(found) == {"status", "timestamp", "version", "services"}
    assert set(found["services"]) == {"postgres", "milvus", "embeddings", "github"}
    assert found["status"] == "degraded"
    assert found["services"]["github"]["status"] == "down"
    assert found["services"]["postgres"]["status"] == "up"
    down = load_settings(DATABASE_URL="postgresql://ann@127.0.0.1:1/none", MILVUS_URL=str(tmp_path / "milvus.db"))
    assert health.check(down)["status"] == "down"


def test_health_asks_github_through_the_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Proxy(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self) -> None:
            self.send_response(self.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    # gh, which gives its token where none is set
    gh = tmp_path / "gh"
    gh.write_text("#!/bin/sh\necho gh-token\n")
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    settings = load_settings(GITHUB_API_URL="http://github.example")
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        assert health._github(settings) == {"url": "http://github.example", "token": "set"}
        Proxy.status = 502
        with pytest.raises(PlimsollError, match="HTTP 502"):
            health._github(settings)
        server.shutdown()
