"""Talking to OpenAI, or to a server that speaks its API: patience with what passes, clear words for what does not."""

import email.utils
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from warehouse.errors import PlimsollError
from warehouse.settings import Settings, split_account

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

ATTEMPTS = 7
# a request that the server may have worked for, and bill, without an answer that can be read
UNANSWERED_ATTEMPTS = 3
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# a server that asks for more is out of service as far as a sync is concerned
LONGEST_RETRY_AFTER_SECONDS = 600.0
REQUEST_TIMEOUT = 408
REMEDY = "Check OPENAI_API_KEY and OPENAI_BASE_URL"


class InvalidAnswerError(Exception):
    """The server answered, but not what was asked."""


class RefusedInputError(Exception):
    """The server will never take this input, however often it is sent.

    Attributes:
        is_too_long: whether it says that a shorter one might do.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        lower = reason.lower()
        words = ("context", "too long", "too large", "many tokens", "maximum", "length")
        self.is_too_long = any(word in lower for word in words)


class ServerFailedError(PlimsollError):
    """The server failed at every attempt: with an error of its own, in silence, or with nonsense.

    Attributes:
        reason: what it said of the last one.
    """

    def __init__(self, failure: PlimsollError, reason: str) -> None:
        super().__init__(failure.what, where=failure.where, remedy=failure.remedy)
        self.reason = reason


class OpenAIServer:
    """A client that retries.

    Args:
        client: the client of the official library, its own retries off.
        where: the server's name for messages.
        first_wait: seconds before the first retry where the server names none.
    """

    def __init__(self, client: "OpenAI", where: str, *, first_wait: float = FIRST_WAIT_SECONDS) -> None:
        self.client = client
        self.where = where
        self._first_wait = first_wait
        # one request that was told to wait holds back those beside it
        self._resume_at = 0.0
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, settings: Settings, *, timeout: float, first_wait: float = FIRST_WAIT_SECONDS
    ) -> "OpenAIServer":
        """A client for the server that the settings name.

        Raises:
            PlimsollError: they name none.
        """
        from openai import OpenAI

        if settings.openai_api_key is None and settings.openai_base_url is None:
            raise PlimsollError("no model server is set", remedy="Set OPENAI_API_KEY, or OPENAI_BASE_URL")
        # servers of one's own often want no key, and the library insists on one
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        base_url, account = split_account(settings.openai_base_url) if settings.openai_base_url else (None, "")
        user, _, password = account.partition(":")
        # of httpx, whichever client this version of the library would make by itself; it takes either
        http_client: Any = httpx.Client(
            timeout=timeout,
            follow_redirects=True,
            # not in the URL, which httpx logs
            auth=(user, password) if account else None,
            event_hooks={"response": [lambda response: _set_deadline(response, timeout)]},
        )
        client = OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0, http_client=http_client)
        return cls(client, server_name(settings), first_wait=first_wait)

    def call(
        self,
        request: "Callable[[OpenAI], Answer]",
        attempts: int | None = None,
        unanswered: int = UNANSWERED_ATTEMPTS,
    ) -> Answer:
        """Make a request, again if what stands in the way passes.

        Args:
            request: makes it.
            attempts: how often; as often as patience has it if None.
            unanswered: how many of them may end as `is_unanswered` tells.

        Raises:
            RefusedInputError: the server does not take the input.
            ServerFailedError: it does not recover.
            PlimsollError: it refuses the account or the model, or keeps limiting the rate.
        """
        import openai

        attempts = attempts or ATTEMPTS
        for attempt in range(1, attempts + 1):
            self._wait_for_turn()
            is_limited = False
            try:
                return request(self.client)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                raise RefusedInputError(_message(error)) from None
            except openai.RateLimitError as error:
                if error.code == "insufficient_quota":
                    raise self._failure("the account's quota is used up") from None
                reason, is_limited = "rate limit", True
                wait = _retry_after(error.response.headers.get("retry-after"))
            except openai.APIStatusError as error:
                if error.status_code == 413:
                    raise RefusedInputError("the request is too long") from None
                reason = f"HTTP {error.status_code}: {_message(error)}"
                if error.status_code < 500 and error.status_code != REQUEST_TIMEOUT:
                    raise self._failure(reason) from None
                wait = _retry_after(error.response.headers.get("retry-after"))
            except (
                openai.APIConnectionError,
                openai.APIResponseValidationError,
                InvalidAnswerError,
                ValueError,
            ) as error:
                reason, wait = _silence(error), None
                unanswered -= is_unanswered(error)
            if attempt == attempts or not unanswered:
                break
            self._hold_back(reason, attempt, wait)
        failure = self._failure(f"gave up after {attempt} attempts: {reason}")
        raise failure if is_limited else ServerFailedError(failure, reason)

    def _hold_back(self, reason: str, attempt: int, wait: float | None) -> None:
        if wait is None:
            longest = min(self._first_wait * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
            # jitter, so that requests that failed together do not come back together
            wait = longest * random.uniform(0.5, 1)  # noqa: S311
        elif wait > LONGEST_RETRY_AFTER_SECONDS:
            raise self._failure(f"it asks to wait {wait:.0f} s ({reason})")
        logger.info("%s: %s; waiting %.1f s", self.where, reason, wait)
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + wait)

    def _wait_for_turn(self) -> None:
        with self._lock:
            wait = self._resume_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)

    def _failure(self, what: str) -> PlimsollError:
        return PlimsollError(what, where=self.where, remedy=REMEDY)


def server_name(settings: Settings) -> str:
    """The server that the settings name, for messages."""
    return split_account(settings.openai_base_url)[0] if settings.openai_base_url else "OpenAI"


def is_unanswered(error: Exception) -> bool:
    """Whether a request reached the server and brought no answer that can be read: it may be billed nevertheless."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return not isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
    return isinstance(error, openai.APIResponseValidationError | InvalidAnswerError | ValueError)


def _silence(error: Exception) -> str:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return f"no connection ({error.__cause__ or error})"
    return f"an answer that cannot be read ({error})"


class _TimedStream(httpx.SyncByteStream):
    """The body of an answer, which must have come by a time: httpx only limits the wait for each piece of it."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the answer takes too long")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _set_deadline(response: httpx.Response, seconds: float) -> None:
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _TimedStream(response.stream, time.monotonic() + seconds)


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number or a date; None if it has none that can be read."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            return None


def _message(error: object) -> str:
    """What the server says of an error, without what was sent."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])[:300]
    return str(getattr(error, "message", error))[:300]
