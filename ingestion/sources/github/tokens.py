"""GitHub's tokens: which to use next, what each may still spend, and App installation tokens that renew themselves."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import jwt

from warehouse.errors import PlimsollError

logger = logging.getLogger(__name__)

POINTS_PER_MINUTE = 1900
"""Held a little under GitHub's secondary limit of 2,000 GraphQL points a minute."""

REST_REQUESTS_PER_MINUTE = 850
"""The same for REST's own limit: 900 points a minute, and one for each GET."""

MINUTE = 60.0
RENEW_BEFORE_SECONDS = 300
RENEW_AGAIN_SECONDS = 30
"""How long the pool waits, while an App's token is still valid, before it tries again to have a new one."""

APP_ATTEMPTS = 4
APP_RETRY_SECONDS = 1.0
"""The first pause between tries to have an App's token; each is twice the one before."""

REMEDY = "Set GITHUB_TOKEN to a token that can read the repositories"


@dataclass
class Budget:
    """What may be spent of one kind: GitHub counts points of GraphQL and requests by REST apart.

    Attributes:
        a_minute: how much may be spent within a minute.
        remaining: what is left of the hour's; None as long as GitHub has not said.
        resting_until: when GitHub wants to hear of it again.
    """

    a_minute: int
    remaining: int | None = None
    resting_until: float = 0.0
    _recent: deque[tuple[float, int]] = field(default_factory=deque)

    def ready_at(self, cost: int, now: float) -> float:
        """When so much may be spent, after a rest that GitHub asked for."""
        while self._recent and self._recent[0][0] <= now - MINUTE:
            self._recent.popleft()
        spent = sum(before for _, before in self._recent)
        paced = now
        for at, before in self._recent:
            if spent + cost <= self.a_minute:
                break
            spent -= before
            paced = at + MINUTE
        return max(paced, self.resting_until)

    def charge(self, cost: int, at: float) -> None:
        """Note that so much is spent then."""
        self._recent.append((at, cost))
        if self.remaining is not None:
            self.remaining -= cost

    def rest(self, until: float) -> None:
        """Leave it alone until a time."""
        self.resting_until = max(self.resting_until, until)

    @property
    def load(self) -> tuple[int, int]:
        """How much has been asked of it; of several, the one that has been asked least is the best."""
        return -(self.remaining if self.remaining is not None else 10**9), len(self._recent)


@dataclass
class Token:
    """One token and its budgets.

    Attributes:
        secret: the token itself.
        name: what to call it in messages.
        graphql: its points.
        rest: its requests by REST.
    """

    secret: str
    name: str
    graphql: Budget = field(default_factory=lambda: Budget(POINTS_PER_MINUTE))
    rest: Budget = field(default_factory=lambda: Budget(REST_REQUESTS_PER_MINUTE))

    def budget(self, points: int) -> Budget:
        """What pays for `points`, or for one REST request if 0."""
        return self.graphql if points else self.rest


class TokenPool:
    """The tokens of a run; thread-safe.

    Args:
        secrets: personal or installation tokens.
        app: makes one more token, of a GitHub App's installation.
        clock: seconds since the epoch; tests replace it.
    """

    def __init__(
        self, secrets: Iterable[str] = (), app: "AppInstallation | None" = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._tokens = [Token(secret, f"token {number}") for number, secret in enumerate(dict.fromkeys(secrets), 1)]
        self._app = app
        self._app_token: Token | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._renewing = threading.Lock()

    @property
    def count(self) -> int:
        """How many tokens share the work, an App's included."""
        is_to_come = self._app is not None and self._app_token is None
        return len(self._tokens) + is_to_come

    def now(self) -> float:
        """The time by which tokens rest."""
        return self._clock()

    def take(self, points: int) -> tuple[Token, float]:
        """Choose the token that can spend `points` first, and charge it; no points are one request by REST.

        Returns:
            The token, and the seconds to wait before using it. After a wait, call `renew` before reading its secret.

        Raises:
            PlimsollError: every token has been refused.
        """
        self.renew()
        with self._lock:
            if not self._tokens:
                raise PlimsollError("no GitHub token is left to use", remedy=REMEDY)
            now = self._clock()
            # among those ready at the same time the one with the most budget left, so that several share the load
            cost = points or 1
            token = min(self._tokens, key=lambda t: (t.budget(points).ready_at(cost, now), t.budget(points).load))
            ready = token.budget(points).ready_at(cost, now)
            token.budget(points).charge(cost, ready)
            return token, ready - now

    def rest(self, token: Token, until: float) -> None:
        """Leave `token` alone until a time, whatever it is to pay for."""
        with self._lock:
            token.graphql.rest(until)
            token.rest.rest(until)

    def observe(self, token: Token, points: int, remaining: int, reset_at: float) -> None:
        """Note what GitHub says is left of the hour's budget that pays for `points`, or for REST if 0."""
        with self._lock:
            budget = token.budget(points)
            budget.remaining = remaining
            if remaining <= 0:
                budget.rest(reset_at)

    def accept(self, token: Token) -> None:
        """Note that GitHub takes a token."""
        with self._lock:
            if self._app is not None and token is self._app_token:
                self._app.accept()

    def drop(self, token: Token) -> None:
        """Stop using a token that GitHub refuses.

        Raises:
            PlimsollError: it was the last one.
        """
        with self._lock:
            if token not in self._tokens:
                return
            self._tokens.remove(token)
            if token is self._app_token:
                self._app_token = None
                if self._app is not None and self._app.may_renew():
                    return
                self._app = None
            if not self._tokens:
                raise PlimsollError("GitHub refuses the token (401 Bad credentials)", remedy=REMEDY)
        logger.warning("GitHub refuses %s (401); going on with the other %d", token.name, len(self._tokens))

    def renew(self) -> None:
        """Make the App's token, or a new one in its place before it runs out; without an App do nothing.

        Raises:
            PlimsollError: GitHub gives none, and there is none that is still valid.
        """
        app = self._app
        if app is None or not self._is_due(app):
            return
        # with a token that is still valid the others go on while one of them fetches the new one
        if not self._renewing.acquire(blocking=self._app_token is None or app.is_expired()):
            return
        try:
            if not self._is_due(app):
                return
            secret = app.make_token()
            with self._lock:
                if self._app_token is not None:
                    self._app_token.secret = secret
                else:
                    self._app_token = Token(secret, f"App installation {app.installation_id}")
                    self._tokens.append(self._app_token)
        except PlimsollError as error:
            if self._app_token is None or app.is_expired():
                raise
            app.postpone()
            logger.warning("the App's token is not renewed yet, the old one still works: %s", error)
        finally:
            self._renewing.release()

    def _is_due(self, app: "AppInstallation") -> bool:
        return self._app_token is None or app.is_stale()


class AppInstallation:
    """A GitHub App's installation, which trades the App's key for tokens that last an hour.

    Args:
        app_id: the App's id.
        private_key: its PEM.
        installation_id: the installation's id.
        api_url: GitHub's REST address.
    """

    def __init__(self, app_id: str, private_key: str, installation_id: str, api_url: str) -> None:
        self.installation_id = installation_id
        self._app_id = app_id
        self._key = private_key
        self._api_url = api_url
        self._expires_at = 0.0
        self._renew_at = 0.0
        self._refusals = 0

    def is_stale(self) -> bool:
        """Whether the token runs out within minutes."""
        return time.time() > self._renew_at

    def is_expired(self) -> bool:
        """Whether the token has run out."""
        return time.time() >= self._expires_at

    def postpone(self) -> None:
        """Leave it at the old token for a moment, at most until it has run out."""
        self._renew_at = min(time.time() + RENEW_AGAIN_SECONDS, self._expires_at)

    def accept(self) -> None:
        """Note that GitHub takes the token: should it be refused later, that is news again."""
        self._refusals = 0

    def may_renew(self) -> bool:
        """Whether a refused token is worth one more try with a new one."""
        self._expires_at = self._renew_at = 0.0
        self._refusals += 1
        return self._refusals <= 1

    def make_token(self) -> str:
        """Ask GitHub for a token.

        Raises:
            PlimsollError: the key is malformed, or GitHub refuses the App.
        """
        now = int(time.time())
        try:
            # a minute back: GitHub refuses a token from a clock ahead of its own; ten minutes is the longest it allows
            claims = {"iat": now - 60, "exp": now + 540, "iss": self._app_id}
            proof = jwt.encode(claims, self._key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise PlimsollError(
                f"GITHUB_APP_PRIVATE_KEY cannot be used ({type(error).__name__})", remedy="Set it to the App's PEM key"
            ) from None
        answer = self._ask(proof)
        if answer.status_code != httpx.codes.CREATED:
            raise PlimsollError(
                f"GitHub refuses the App's installation {self.installation_id} (HTTP {answer.status_code})",
                remedy="Check GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID",
            )
        body = answer.json()
        self._expires_at = datetime.fromisoformat(body["expires_at"]).timestamp()
        self._renew_at = self._expires_at - RENEW_BEFORE_SECONDS
        return str(body["token"])

    def _ask(self, proof: str) -> httpx.Response:
        """GitHub's answer to the App's proof; accidents on the way are tried again."""
        url = f"{self._api_url}/app/installations/{self.installation_id}/access_tokens"
        headers = {"Authorization": f"Bearer {proof}", "Accept": "application/vnd.github+json"}
        attempt = 1
        while True:
            try:
                answer = httpx.post(url, headers=headers, timeout=30)
                if answer.status_code < 500 or attempt == APP_ATTEMPTS:
                    return answer
            except httpx.HTTPError as error:
                if attempt == APP_ATTEMPTS:
                    raise PlimsollError(
                        f"cannot reach GitHub at {self._api_url} ({type(error).__name__})",
                        remedy="Check GITHUB_API_URL",
                    ) from None
            time.sleep(APP_RETRY_SECONDS * 2 ** (attempt - 1))
            attempt += 1
