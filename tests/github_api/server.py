"""The double itself: an HTTP server on the loopback interface that answers as GitHub does."""

import re
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import orjson

from . import rest
from .execution import Execution, QueryTimeoutError
from .faults import Fault, Faults
from .limits import App, Ledger, Limits
from .model import Account, Organisation, timestamp
from .mutations import Mutations
from .queries import GraphQLAnswerError, InvalidQueryError, Price, Query, price, read
from .resolvers import RESOLVERS, Context
from .rest import Answer

GRAPHQL_PATHS = ("/graphql", "/api/graphql")
FREE_PATHS = ("/rate_limit", "/meta")
DOCUMENTATION = "https://docs.github.com/rest"
SOMETHING_WENT_WRONG = "Something went wrong while executing your query. Please include a request id when reporting it."


@dataclass
class LoggedRequest:
    """One request as the double saw it.

    Attributes:
        path: the request line's target.
        token: the token it carried; empty for none.
        operation: the GraphQL operation's name; empty for REST.
        query: the GraphQL text; empty for REST.
        variables: the GraphQL variables.
        status: the HTTP status answered; 0 where the connection was cut.
        points: what it cost.
        nodes: rows resolved.
        fault: the fault that fired, if one did.
        in_flight: requests being answered at its start, itself included.
    """

    path: str
    token: str
    operation: str = ""
    query: str = ""
    variables: dict[str, Any] | None = None
    status: int = 0
    points: int = 0
    nodes: int = 0
    fault: str | None = None
    in_flight: int = 1


class GitHubDouble:
    """GitHub's API over one organisation, in this process, for the length of a `with` block.

    Attributes:
        url: the REST address, as GITHUB_API_URL wants it.
        graphql_url: the GraphQL address, as GITHUB_GRAPHQL_URL wants it.
        organisation: the data.
        mutate: changes to the data that also move `updatedAt` and the timeline, as GitHub's own do.
        faults: what goes wrong.
        ledger: tokens and limits.
        log: every request so far.
    """

    def __init__(
        self,
        organisation: Organisation,
        *,
        limits: Limits | None = None,
        tokens: tuple[str, ...] = (),
        app: App | None = None,
        port: int = 0,
    ) -> None:
        self.organisation = organisation
        self.mutate = Mutations(organisation)
        self.faults = Faults()
        self.limits = limits or Limits()
        self.ledger = Ledger(self.limits, tokens)
        self.app = app
        self.log: list[LoggedRequest] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.double = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.graphql_url = f"{self.url}/graphql"

    def __enter__(self) -> "GitHubDouble":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def viewer(self) -> Account:
        """The account that every token belongs to: the organisation's first person."""
        return next(account for account in self.organisation.accounts() if account.kind == "User")

    @property
    def points(self) -> int:
        """The GraphQL points that all logged requests cost."""
        return sum(request.points for request in self.log if request.query)

    def answer(self, request: LoggedRequest, body: bytes) -> Answer:
        """Returns the answer of a request with a valid token and no fault."""
        if request.path in GRAPHQL_PATHS:
            return self._graphql(request, body)
        resource = "core"
        is_free = request.path.removeprefix("/api/v3").split("?")[0] in FREE_PATHS
        if not is_free and not self.ledger.charge(request.token, resource, 1):
            message = {"message": "API rate limit exceeded for this token.", "documentation_url": DOCUMENTATION}
            return Answer(403, message, self.ledger.window(request.token, resource).headers)
        request.points = 0 if is_free else 1
        windows = {name: self.ledger.window(request.token, name) for name in ("core", "graphql")}
        with self.organisation.lock:
            call = rest.Call.of(self.url, request.path, self.organisation, self.viewer, windows)
            answer = rest.answer(call)
        answer.headers |= windows[resource].headers
        return answer

    def _graphql(self, request: LoggedRequest, body: bytes, fail_every: int | None = None) -> Answer:
        window = self.ledger.window(request.token, "graphql")
        try:
            query = self._read(request, body)
            cost = price(query)
        except InvalidQueryError as error:
            return Answer(200, {"errors": error.errors}, window.headers)
        except GraphQLAnswerError as problem:
            return Answer(200, {"errors": [problem.as_dict()]}, window.headers)
        if self.ledger.is_too_fast(request.token, cost.points):
            return self.secondary_limit(self.limits.secondary_status, self.limits.retry_after)
        if not self.ledger.charge(request.token, "graphql", cost.points):
            return self._rate_limited(window.headers)
        request.points = cost.points
        return self._execute(request, query, cost, fail_every)

    def _read(self, request: LoggedRequest, body: bytes) -> Query:
        try:
            payload = orjson.loads(body)
            request.query, request.variables = payload["query"], payload.get("variables")
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InvalidQueryError([{"message": "Problems parsing JSON"}]) from error
        query = read(request.query, request.variables, payload.get("operationName"))
        request.operation = query.name
        return query

    def _execute(self, request: LoggedRequest, query: Query, cost: Price, fail_every: int | None) -> Answer:
        window = self.ledger.window(request.token, "graphql")
        rate_limit = {
            "cost": cost.points,
            "limit": window.limit,
            "node_count": cost.nodes,
            "remaining": window.remaining,
            "reset_at": timestamp(datetime.fromtimestamp(window.ends_at, UTC)),
            "used": window.used,
        }
        execution = Execution(
            query,
            RESOLVERS,
            Context(self.organisation, self.viewer, rate_limit),
            node_budget=self.limits.node_budget,
            timeout_budget=self.limits.timeout_budget,
            fail_every=fail_every,
        )
        try:
            with self.organisation.lock:
                data = execution.run()
        except QueryTimeoutError:
            # GitHub charges a query that timed out once more
            self.ledger.charge(request.token, "graphql", cost.points)
            return Answer(502, {"data": None, "errors": [{"message": SOMETHING_WENT_WRONG}]}, window.headers)
        finally:
            request.nodes = execution.nodes
        errors = {"errors": execution.errors} if execution.errors else {}
        return Answer(200, {"data": data} | errors, window.headers)

    def faulty(self, fault: Fault, request: LoggedRequest, body: bytes) -> Answer | None:
        """Returns the answer of a request that goes wrong; None where only the sending of the right answer does."""
        window = self.ledger.window(request.token, "graphql" if request.path in GRAPHQL_PATHS else "core")
        match fault.kind:
            case "500" | "502" | "503" | "504":
                return Answer(int(fault.kind), {"message": SOMETHING_WENT_WRONG})
            case "html_502":
                return Answer(502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
            case "timeout_200":
                return Answer(200, {"data": None, "errors": [{"message": SOMETHING_WENT_WRONG}]}, window.headers)
            case "empty":
                return Answer(200, b"")
            case "unauthorized":
                return self.bad_credentials()
            case "forbidden":
                return Answer(403, {"message": "Resource not accessible by personal access token", "status": "403"})
            case "secondary":
                return self.secondary_limit(fault.status, fault.retry_after)
            case "secondary_200":
                message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                return Answer(200, {"errors": [{"type": "RATE_LIMITED", "message": message}]}, window.headers)
            case "rate_limited":
                spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() + fault.seconds))}
                return self._rate_limited(window.headers | spent)
            case "resource_limits":
                return self._resource_limited(request, body)
            case "partial":
                return self._graphql(request, body, fail_every=3)
            case _:
                return None

    def _resource_limited(self, request: LoggedRequest, body: bytes) -> Answer:
        full = self._graphql(request, body, fail_every=1)
        for error in full.body.get("errors", ()):
            error |= {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}
        return full

    def _rate_limited(self, headers: dict[str, str]) -> Answer:
        message = "API rate limit already exceeded for this token."
        return Answer(200, {"errors": [{"type": "RATE_LIMITED", "message": message}]}, headers)

    def secondary_limit(self, status: int, retry_after: int | str | None) -> Answer:
        """Returns the answer to a client that asks too much at once."""
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Answer(status, {"message": message, "documentation_url": DOCUMENTATION}, headers)

    def bad_credentials(self) -> Answer:
        """Returns GitHub's 401."""
        return Answer(401, {"message": "Bad credentials", "documentation_url": DOCUMENTATION, "status": "401"})

    def installation_token(self, installation_id: int, token: str) -> Answer:
        """Returns a new installation token to an app that proves itself by its JWT."""
        if self.app is None or not self.app.is_signed_by_app(token):
            return Answer(401, {"message": "A JSON web token could not be decoded", "status": "401"})
        if installation_id != self.app.installation_id:
            return rest.not_found()
        issued, until = self.app.issue()
        self.ledger.grant(issued, until)
        return Answer(201, {"token": issued, "expires_at": timestamp(until), "permissions": {"pull_requests": "read"}})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # a burst of new connections must not be refused by the listen queue
    request_queue_size = 128
    double: GitHubDouble

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stays quiet about clients that hang up, as killed ones do; anything else is a bug worth its traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "GitHub.com"
    disable_nagle_algorithm = True
    # one send for the head and the body of an answer
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Leaves the request log to the double."""

    def do_GET(self) -> None:
        """Answers REST."""
        self._respond(b"")

    def do_POST(self) -> None:
        """Answers GraphQL, and an app that wants a token."""
        self._respond(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _respond(self, body: bytes) -> None:
        double = self.server.double
        token = re.sub(r"(?i)^(bearer|token)\s+", "", self.headers.get("Authorization", "")).strip()
        request = LoggedRequest(path=self.path, token=token)
        double.log.append(request)
        try:
            is_within_limit = double.ledger.enter(token)
            request.in_flight = double.ledger.in_flight
            fault, answer = self._answer(double, request, body, is_within_limit)
            request.fault = fault.kind if fault else None
            pause = double.limits.latency + double.limits.latency_per_node * request.nodes
            time.sleep(pause + (fault.seconds if fault and fault.kind == "slow" else 0))
        finally:
            double.ledger.leave(token)
        self._send(request, fault, answer)

    def _answer(
        self, double: GitHubDouble, request: LoggedRequest, body: bytes, is_within_limit: bool
    ) -> tuple[Fault | None, Answer]:
        installation = re.fullmatch(r"(?:/api/v3)?/app/installations/(\d+)/access_tokens", request.path)
        if installation:
            fault = double.faults.pick(request.path, "", "")
            answer = double.faulty(fault, request, body) if fault else None
            return fault, answer or double.installation_token(int(installation[1]), request.token)
        if not double.ledger.is_valid(request.token):
            return None, double.bad_credentials()
        if not is_within_limit:
            return None, double.secondary_limit(double.limits.secondary_status, double.limits.retry_after)
        text = body.decode("utf-8", "replace")
        operation = re.search(r"\b(?:query|mutation)\s+(\w+)", text)
        fault = double.faults.pick(request.path, operation[1] if operation else "", text)
        answer = double.faulty(fault, request, body) if fault else None
        return fault, answer or double.answer(request, body)

    def _send(self, request: LoggedRequest, fault: Fault | None, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        if fault and fault.kind == "refuse":
            return self._cut()
        if fault and fault.kind == "truncate":
            body = body[: len(body) // 2]
        request.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if body.startswith(b"<") else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault and fault.kind == "reset":
            self.wfile.write(body[: len(body) // 2])
            return self._cut()
        self.wfile.write(body)
        self.wfile.flush()
        return None

    def _cut(self) -> None:
        """Ends the connection at once, with a reset where the system allows it."""
        self.close_connection = True
        self.wfile.flush()
        # a lingering time of zero turns the close into a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
