"""Requests to GitHub: as it wants them, retried where that helps, counted, and never with a secret shown.

What GitHub does when it refuses, each of which is handled here:

- primary limit: GraphQL answers HTTP 200 with an error of type RATE_LIMITED or RATE_LIMIT, REST 403 or 429 with no
  budget left;
- secondary limit: 403 or 429, often with Retry-After, sometimes HTTP 200 with RATE_LIMITED while budget is left;
- too heavy: 502, 504 or a timeout after 10 s, or HTTP 200 with an error about resource limits and null nodes;
- faults on the way: 500, 503, cut answers, resets.
"""

import json
import logging
import random
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx
import orjson

from ingestion.sources.github.tokens import Token, TokenPool
from warehouse.errors import PlimsollError, one_line

logger = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
ATTEMPTS = 8
"""Tries of a request that meets faults on the way, before it fails; limits waited out do not count."""

BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 30.0
SECONDARY_WAIT_SECONDS = 60.0
RESET_MARGIN_SECONDS = 1.0
"""Waited beyond the end of an hour's budget: GitHub's clock and ours differ a little."""

ANNOUNCE_SECONDS = 3.0
"""Waits longer than this are announced."""

HEAVY_STATUS = {502, 504}
MISSING_STATUS = {404, 410, 451}
RATE_LIMIT_TYPES = {"RATE_LIMITED", "RATE_LIMIT"}
HEAVY_TYPES = {"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"}
HEAVY_MESSAGE = re.compile(r"resource limits|something went wrong while executing|timed? ?out", re.IGNORECASE)


class QueryTooHeavyError(Exception):
    """GitHub cannot answer this query in one go: ask for less."""


class NotFoundError(Exception):
    """GitHub has no such thing, or the token may not see it."""


class NoAccessError(NotFoundError):
    """GitHub has it, and says that the token may not see it."""


class StoppedError(Exception):
    """The run was asked to stop."""


@dataclass
class Spent:
    """What requests cost; thread-safe.

    Attributes:
        requests: requests sent, retries included.
        points: GraphQL points as GitHub counts them; a REST request is not counted in points.
        waited_seconds: time spent waiting because GitHub asked for it.
    """

    requests: int = 0
    points: int = 0
    waited_seconds: float = 0.0

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, *, requests: int = 0, points: int = 0, waited_seconds: float = 0.0) -> None:
        """Add to the costs."""
        with self._lock:
            self.requests += requests
            self.points += points
            self.waited_seconds += waited_seconds


@dataclass(frozen=True)
class Answer:
    """GitHub's answer to a query: data and errors together, as partial success is normal.

    Attributes:
        data: the data; fields that failed are null.
        errors: the errors, each with `type`, `message` and, where it belongs to a field, `path`.
    """

    data: dict[str, Any]
    errors: list[dict[str, Any]]


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates to trust; reading them takes longer than many a run's requests, so clients share them."""
    return httpx.create_ssl_context()


class GitHubClient:
    """Talks to one GitHub; thread-safe.

    Args:
        tokens: the tokens to use.
        api_url: REST address.
        graphql_url: GraphQL address.
        max_in_flight: requests at the same time, at most; GitHub allows 100.
        stop: set when the run shall end; waits end at once then.
    """

    def __init__(
        self,
        tokens: TokenPool,
        api_url: str,
        graphql_url: str,
        max_in_flight: int = 8,
        stop: threading.Event | None = None,
    ) -> None:
        self._tokens = tokens
        self._api_url = api_url
        self._graphql_url = graphql_url
        self._stop = stop or threading.Event()
        self._announced_until = 0.0
        self._announcing = threading.Lock()
        self._in_flight = threading.BoundedSemaphore(max_in_flight)
        # redirects stay on: a renamed repository's REST address answers with one
        self._http = httpx.Client(
            verify=_certificates(),
            timeout=TIMEOUT,
            follow_redirects=True,
            limits=httpx.Limits(max_connections=100),
        )

    @property
    def token_count(self) -> int:
        """How many tokens share the requests, each with budgets of its own."""
        return self._tokens.count

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def graphql(self, query: str, variables: Mapping[str, Any], *, points: int, spent: Spent) -> Answer:
        """Run a query.

        Args:
            query: its text, with one operation.
            variables: its variables.
            points: what it will about cost, to hold the limit of points a minute.
            spent: is charged with what it really cost.

        Returns:
            The answer. Its errors are for the caller to judge: which nodes are gone, which were merely not read.

        Raises:
            QueryTooHeavyError: GitHub gave up on it.
            PlimsollError: it cannot be answered, and trying again would not help.
        """
        body = orjson.dumps({"query": query, "variables": dict(variables)})
        return self._read_answer(self._send("POST", self._graphql_url, points=points, spent=spent, content=body), spent)

    def rest(self, path: str, params: Mapping[str, Any], *, spent: Spent) -> Any:
        """Get a REST resource.

        Returns:
            Its JSON.

        Raises:
            NotFoundError: GitHub answers 404, or 410 or 451.
            PlimsollError: it cannot be had.
        """
        return self._send("GET", f"{self._api_url}{path}", points=0, spent=spent, params=dict(params))

    def _send(self, method: str, url: str, *, points: int, spent: Spent, **request: Any) -> Any:
        """Send a request until it is answered; the answer's JSON."""
        faults = waits = 0
        while True:
            token, delay = self._tokens.take(points)
            if delay > 0:
                self._wait(delay, "pacing under GitHub's limits", spent)
                # a wait for the hour's budget may outlast an App's token
                self._tokens.renew()
            self._check_stop()
            headers = {"Authorization": f"Bearer {token.secret}", "Accept": "application/vnd.github+json"}
            try:
                spent.add(requests=1)
                with self._in_flight:
                    response = self._http.request(method, url, headers=headers, **request)
                if response.status_code == httpx.codes.OK:
                    body = parse(response.content)
                    if not _is_rate_limited(body):
                        self._tokens.accept(token)
                        self._observe(token, points, response)
                        return body
                    waits += 1
                    self._rest(token, points, response, waits, "a rate limit")
                    continue
            except httpx.ReadTimeout:
                if points:
                    raise QueryTooHeavyError(f"no answer within {TIMEOUT.read:.0f} s") from None
                faults += 1
                self._retry(faults, "no answer from GitHub", spent, url)
                continue
            except (httpx.HTTPError, json.JSONDecodeError) as error:
                faults += 1
                self._retry(faults, _fault(error), spent, url)
                continue
            waits, faults = self._handle_refusal(token, response, waits, faults, points, spent, url)

    def _handle_refusal(
        self, token: Token, response: httpx.Response, waits: int, faults: int, points: int, spent: Spent, url: str
    ) -> tuple[int, int]:
        status = response.status_code
        text = response.text[:2000]
        if status == httpx.codes.UNAUTHORIZED:
            self._tokens.drop(token)
            return waits, faults
        if status in (403, 429) and _is_limit(response, text):
            reason = "a secondary limit" if "secondary" in text else "a rate limit"
            self._rest(token, points, response, waits + 1, reason)
            return waits + 1, faults
        if status in HEAVY_STATUS and points and faults:
            # once may be an accident on the way; twice is the query
            raise QueryTooHeavyError(f"HTTP {status}")
        if status >= 500:
            self._retry(faults + 1, f"HTTP {status} from GitHub", spent, url)
            return waits, faults + 1
        if status in MISSING_STATUS and not points:
            raise NotFoundError(_message(text))
        # GraphQL says within an answer what it does not have: without one, the address is wrong
        remedy = (
            "Check GITHUB_GRAPHQL_URL"
            if status in MISSING_STATUS
            else "Check the token's scopes (repo, read:org) and its single sign-on authorisation"
        )
        raise PlimsollError(f"GitHub answers HTTP {status}: {_message(text)}", where=_address(url), remedy=remedy)

    def _read_answer(self, body: dict[str, Any], spent: Spent) -> Answer:
        errors = body.get("errors") or []
        data = body.get("data")
        for error in errors:
            if is_heavy(error) and not data:
                raise QueryTooHeavyError(str(error.get("message")))
        if data is None:
            messages = "; ".join(str(error.get("message")) for error in errors[:3])
            raise PlimsollError(f"GitHub refuses the query: {messages or 'no data and no reason'}")
        spent.add(points=(data.get("rateLimit") or {}).get("cost", 0))
        return Answer(data, errors)

    def _observe(self, token: Token, points: int, response: httpx.Response) -> None:
        remaining = response.headers.get("x-ratelimit-remaining")
        if remaining is not None:
            reset_at = float(response.headers.get("x-ratelimit-reset", 0)) + RESET_MARGIN_SECONDS
            self._tokens.observe(token, points, int(remaining), reset_at)

    def _rest(self, token: Token, points: int, response: httpx.Response, waits: int, reason: str) -> None:
        """Leave the token alone for as long as GitHub says; another may go on meanwhile."""
        now = self._tokens.now()
        headers = response.headers
        retry_after = _retry_after_seconds(headers.get("retry-after", ""), now)
        reset_at = float(headers.get("x-ratelimit-reset", 0)) + RESET_MARGIN_SECONDS
        if retry_after is not None:
            self._tokens.rest(token, now + retry_after)
        # an end of the hour that is past by the clock here says nothing
        elif headers.get("x-ratelimit-remaining") == "0" and reset_at > now:
            # the budget of one kind: what the token may do otherwise, it may do still
            self._tokens.observe(token, points, 0, reset_at)
        else:
            self._tokens.rest(token, now + SECONDARY_WAIT_SECONDS * 2 ** min(waits - 1, 4))
        logger.info("GitHub reports %s for %s", reason, token.name)

    def pause(self, attempt: int, spent: Spent, reason: str = "a fault on GitHub's side") -> None:
        """Wait a moment before trying again what failed for no reason of ours; the longer the more often it did."""
        # full jitter, so that workers that failed together do not come back together
        longest = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1))
        self._wait(random.uniform(0.5, 1.0) * longest, reason, spent)  # noqa: S311

    def _retry(self, faults: int, what: str, spent: Spent, url: str) -> None:
        if faults >= ATTEMPTS:
            raise PlimsollError(
                f"{what}, {faults} times in a row",
                where=_address(url),
                remedy="Check GITHUB_API_URL and the network, then run again: it goes on where it stopped",
            )
        logger.debug("%s; trying again", what)
        self.pause(faults, spent, what)

    def _wait(self, seconds: float, reason: str, spent: Spent) -> None:
        if seconds > ANNOUNCE_SECONDS and self._is_news(time.time() + seconds):
            end = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
            logger.warning("waiting %.0f s, until %s: %s", seconds, end, reason)
        spent.add(waited_seconds=seconds)
        self._stop.wait(seconds)
        self._check_stop()

    def _is_news(self, until: float) -> bool:
        """Whether a wait ends noticeably later than what was announced: all workers wait for the same limit."""
        with self._announcing:
            is_news = until > self._announced_until + ANNOUNCE_SECONDS
            if is_news:
                self._announced_until = until
            return is_news

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError


def _fault(error: httpx.HTTPError | json.JSONDecodeError) -> str:
    """What went wrong on the way, for people."""
    if isinstance(error, json.JSONDecodeError):
        return "an answer from GitHub that was cut"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"no connection to GitHub ({one_line(str(error)) or 'no answer'})"
    return f"{type(error).__name__} from GitHub"


def parse(content: bytes) -> Any:
    """JSON as Python, with what Postgres cannot hold mended: NUL becomes U+FFFD, as do halves of surrogate pairs."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, the standard library reads them
        body = json.loads(content)
        return _mended(body)
    return _mended(body) if b"\\u0000" in content else body


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {key: _mended(item) for key, item in value.items()}
    return value


def _is_rate_limited(body: Any) -> bool:
    """Whether an answer with HTTP 200 is a limit in disguise."""
    errors = body.get("errors") if isinstance(body, dict) else None
    return any(error.get("type") in RATE_LIMIT_TYPES for error in errors or ())


def is_heavy(error: Mapping[str, Any]) -> bool:
    """Whether an error of GraphQL says that the query was too much at once."""
    return error.get("type") in HEAVY_TYPES or bool(HEAVY_MESSAGE.search(str(error.get("message", ""))))


def _address(url: str) -> str:
    """A URL without its query."""
    return url.partition("?")[0]


def _retry_after_seconds(header: str, now: float) -> float | None:
    """How long to wait: HTTP allows seconds and a date. None if it says neither."""
    try:
        return float(header)
    except ValueError:
        try:
            return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
        except ValueError:
            return None


def _is_limit(response: httpx.Response, text: str) -> bool:
    headers = response.headers
    return (
        response.status_code == httpx.codes.TOO_MANY_REQUESTS
        or "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in text.lower()
    )


def _message(text: str) -> str:
    try:
        return str(orjson.loads(text)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return text[:120]
