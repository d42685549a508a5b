"""A server that speaks OpenAI's API on a loopback port, and misbehaves when it is told to."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np

DIMENSION = 16


class FaultError(Exception):
    """An answer other than the right one.

    Args:
        status: the HTTP status.
        body: the body; JSON unless it is text.
        headers: further headers.
        delay: seconds before it is sent.
        dribble: seconds between any two bytes of the body.
    """

    def __init__(
        self,
        status: int,
        body: Any = None,
        headers: dict[str, str] | None = None,
        delay: float = 0.0,
        dribble: float = 0.0,
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = {"error": {"message": f"made to fail with {status}"}} if body is None else body
        self.headers = headers or {}
        self.delay = delay
        self.dribble = dribble


class OpenAIDouble:
    """The server; use it as a context manager.

    Attributes:
        embedding_requests: the texts of every request for embeddings, in order.
        chats: the user messages of every request for a chat completion, in order.
        misbehave: called with (path, request's JSON, number of the request from 1); may raise `FaultError`.
        judgement: what the chat model says of a description.
        completion_tokens: the tokens of its answer, if the request does not ask for fewer.
        accounts: the header Authorization of every request, in order.
    """

    def __init__(self) -> None:
        self.embedding_requests: list[list[str]] = []
        self.chats: list[str] = []
        self.misbehave: Callable[[str, dict[str, Any], int], None] = lambda path, request, number: None
        self.judgement: Callable[[str], Any] = lambda description: {
            "summary": f"It changes {description.splitlines()[0].removeprefix('Title: ')}.",
            "is_feature": True,
            "feature_confidence": 0.75,
            "risk_notes": ["It may break."],
        }
        self.completion_tokens = 100
        self.accounts: list[str] = []
        self._requests = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def embedded(self) -> list[str]:
        """Every text that was sent, in order."""
        return [text for texts in self.embedding_requests for text in texts]

    def answer(self, path: str, request: dict[str, Any]) -> Any:
        """The right answer."""
        with self._lock:
            self._requests += 1
            number = self._requests
            if path.endswith("/embeddings"):
                self.embedding_requests.append(request["input"])
            elif path.endswith("/chat/completions"):
                self.chats.append(request["messages"][-1]["content"])
        self.misbehave(path, request, number)
        if path.endswith("/embeddings"):
            dimension = request.get("dimensions", DIMENSION)
            vectors = [vector_of(text, dimension) for text in request["input"]]
            as_text = request.get("encoding_format") == "base64"
            return {
                "object": "list",
                "model": request["model"],
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": base64.b64encode(vector.tobytes()).decode() if as_text else vector.tolist(),
                    }
                    # in another order than they were asked for, as the API allows
                    for index, vector in reversed(list(enumerate(vectors)))
                ],
                "usage": {"prompt_tokens": len(request["input"]), "total_tokens": len(request["input"])},
            }
        if path.endswith("/models"):
            return {"object": "list", "data": []}
        content = self.judgement(request["messages"][-1]["content"])
        message = content if isinstance(content, dict) and "role" in content else {
            "role": "assistant", "content": content if isinstance(content, str) else json.dumps(content),
        }  # fmt: skip
        tokens = min(self.completion_tokens, request.get("max_completion_tokens", self.completion_tokens))
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": tokens, "total_tokens": 1000 + tokens},
        }

    def _handler(double) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._respond({})

            def do_POST(self) -> None:
                double.accounts.append(self.headers["Authorization"])
                self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _respond(self, request: dict[str, Any]) -> None:
                try:
                    self._send(200, double.answer(self.path, request), {})
                except FaultError as answer:
                    time.sleep(answer.delay)
                    self._send(answer.status, answer.body, answer.headers, answer.dribble)

            def _send(self, status: int, body: Any, headers: dict[str, str], dribble: float = 0.0) -> None:
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in ({"Content-Type": "application/json"} | headers).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    if not dribble:
                        self.wfile.write(content)
                        return
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        time.sleep(dribble)
                except (BrokenPipeError, ConnectionResetError):
                    # a client that was killed, or has lost its patience, is what some tests are about
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        return Handler


def vector_of(text: str, dimension: int = DIMENSION) -> Any:
    """A vector that is the same for the same text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
