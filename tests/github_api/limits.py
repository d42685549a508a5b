"""What GitHub grants a client: tokens, points in a window, requests at a time, weight of a query."""

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

SECONDARY_WINDOW_SECONDS = 60.0


@dataclass
class Limits:
    """The limits of a double; all but the primary one are off unless set.

    Attributes:
        points: points a token has in each window; REST and GraphQL have this budget each.
        window_seconds: the length of the window.
        points_per_minute: GraphQL points of a token within any 60 seconds; above it the secondary limit answers.
        concurrent: requests of one token in flight at once; above it the secondary limit answers.
        secondary_status: the HTTP status of the secondary limit, 403 or 429.
        retry_after: the seconds that its Retry-After names; None leaves the header out.
        node_budget: rows that a query may resolve; the rest are null with RESOURCE_LIMITS_EXCEEDED.
        timeout_budget: rows that a query may resolve before it ends in a 502.
        latency: seconds added to every answer.
        latency_per_node: seconds added for each row that a query resolved.
    """

    points: int = 5_000
    window_seconds: float = 3_600
    points_per_minute: int | None = None
    concurrent: int | None = None
    secondary_status: int = 403
    retry_after: int | None = 1
    node_budget: int | None = None
    timeout_budget: int | None = None
    latency: float = 0.0
    latency_per_node: float = 0.0


@dataclass
class App:
    """A GitHub App that may exchange its signed JWT for installation tokens.

    Attributes:
        app_id: the issuer of the JWT.
        installation_id: the installation that the tokens are for.
        public_key: PEM text that the JWT's signature is checked with.
        token_seconds: how long a token lives.
        issued: the tokens given out so far.
    """

    app_id: str
    installation_id: int
    public_key: str
    token_seconds: float = 3_600
    issued: list[str] = field(default_factory=list)

    def is_signed_by_app(self, token: str) -> bool:
        """Whether a JWT is this app's own and still valid."""
        try:
            jwt.decode(token, self.public_key, algorithms=["RS256"], issuer=self.app_id)
        except jwt.PyJWTError:
            return False
        return True

    def issue(self) -> tuple[str, datetime]:
        """Returns a new installation token and when it ends."""
        token = f"ghs_{secrets.token_hex(18)}"
        self.issued.append(token)
        return token, datetime.now(UTC) + timedelta(seconds=self.token_seconds)


@dataclass
class Window:
    """One token's budget of one resource, `core` or `graphql`."""

    limit: int
    resource: str
    ends_at: float
    used: int = 0

    @property
    def remaining(self) -> int:
        """The points left until `ends_at`."""
        return max(0, self.limit - self.used)

    @property
    def headers(self) -> dict[str, str]:
        """The X-RateLimit headers of an answer."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(int(self.ends_at)),
            "X-RateLimit-Resource": self.resource,
        }


class Ledger:
    """Who may still ask: the valid tokens, and what each has used.

    Attributes:
        limits: the limits now in force; they may be changed while serving.
        tokens: the valid tokens; empty accepts any.
    """

    def __init__(self, limits: Limits, tokens: tuple[str, ...] = ()) -> None:
        self.limits = limits
        self.tokens = set(tokens)
        self._ends: dict[str, float] = {}
        self._revoked: set[str] = set()
        self._windows: dict[tuple[str, str], Window] = {}
        self._recent: dict[str, deque[tuple[float, int]]] = {}
        self._in_flight: dict[str, int] = {}
        self._lock = threading.Lock()

    def revoke(self, token: str) -> None:
        """Makes a token answer 401 from now on."""
        self._revoked.add(token)

    def grant(self, token: str, until: datetime) -> None:
        """Adds a token that ends by itself."""
        self._ends[token] = until.timestamp()

    def is_valid(self, token: str) -> bool:
        """Whether GitHub knows the token."""
        if not token or token in self._revoked:
            return False
        if token in self._ends:
            return time.time() < self._ends[token]
        return not self.tokens or token in self.tokens

    def window(self, token: str, resource: str) -> Window:
        """Returns the token's running window, a new one if the last has ended."""
        with self._lock:
            window, now = self._windows.get((token, resource)), time.time()
            if window is None or now >= window.ends_at:
                # GitHub names the end in whole seconds and never early
                ends_at = float(int(now + self.limits.window_seconds + 0.999))
                window = self._windows[token, resource] = Window(self.limits.points, resource, ends_at)
            return window

    def charge(self, token: str, resource: str, points: int) -> bool:
        """Takes points from the window; False, and nothing left, if there are too few."""
        window = self.window(token, resource)
        with self._lock:
            if window.used + points > window.limit:
                window.used = window.limit
                return False
            window.used += points
            return True

    def is_too_fast(self, token: str, points: int) -> bool:
        """Whether these points would exceed the points of the last minute; counts them if not."""
        allowed = self.limits.points_per_minute
        if allowed is None:
            return False
        with self._lock:
            recent, now = self._recent.setdefault(token, deque()), time.monotonic()
            while recent and recent[0][0] < now - SECONDARY_WINDOW_SECONDS:
                recent.popleft()
            if sum(used for _, used in recent) + points > allowed:
                return True
            recent.append((now, points))
            return False

    def enter(self, token: str) -> bool:
        """Counts a request in; False if the token has too many in flight. Always pair with `leave`."""
        with self._lock:
            self._in_flight[token] = self._in_flight.get(token, 0) + 1
            return self.limits.concurrent is None or self._in_flight[token] <= self.limits.concurrent

    def leave(self, token: str) -> None:
        """Counts a request out."""
        with self._lock:
            self._in_flight[token] -= 1

    @property
    def in_flight(self) -> int:
        """Requests being answered now, of all tokens."""
        return sum(self._in_flight.values())
