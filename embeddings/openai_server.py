"""Talking to OpenAI, or to a server that speaks its API: patience with what passes, clear words for what does not."""

import email.utils
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from embeddings.encoders.base import PATIENT, Patience
from warehouse.errors import PlimsollError
from warehouse.settings import Settings, split_account

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# a request that the server may have worked for, and bill, without an answer that can be read
UNANSWERED_ATTEMPTS = 3
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
REQUEST_TIMEOUT = 408
REMEDY = "Check OPENAI_API_KEY and OPENAI_BASE_URL"
SLOW_REMEDY = f"{REMEDY}; a slow server needs less at once: MAX_WORKERS=1"


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
        patience: how long it is waited for; the client keeps the timeout.
        first_wait: seconds before the first retry where the server names none.

    Attributes:
        answers: how many requests it has answered so far.
    """

    def __init__(
        self, client: "OpenAI", where: str, patience: Patience, *, first_wait: float = FIRST_WAIT_SECONDS
    ) -> None:
        self.client = client
        self.where = where
        self.patience = patience
        self._first_wait = first_wait
        # one request that was told to wait holds back those beside it
        self._resume_at = 0.0
        self.answers = 0
        self._lock = threading.Lock()
        self._is_interrupted = threading.Event()

    @classmethod
    def from_settings(
        cls, settings: Settings, patience: Patience = PATIENT, *, first_wait: float = FIRST_WAIT_SECONDS
    ) -> "OpenAIServer":
        """A client for the server that the settings name.

        Raises:
            PlimsollError: they name none, or a proxy that cannot be used.
        """
        from openai import OpenAI

        if settings.openai_api_key is None and settings.openai_base_url is None:
            raise PlimsollError("no model server is set", remedy="Set OPENAI_API_KEY, or OPENAI_BASE_URL")
        # servers of one's own often want no key, and the library insists on one
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        base_url, account = split_account(settings.openai_base_url) if settings.openai_base_url else (None, "")
        user, _, password = account.partition(":")
        timeout = patience.timeout
        try:
            # of httpx, whichever client this version of the library would make by itself; it takes either
            http_client: Any = httpx.Client(
                timeout=timeout,
                follow_redirects=True,
                # not in the URL, which httpx logs
                auth=(user, password) if account else None,
                event_hooks={"response": [lambda response: _set_deadline(response, timeout)]},
            )
        except (ImportError, ValueError) as error:
            # whichever of its variables is set; another scheme than http wants a package more
            raise PlimsollError(
                f"the proxy that the environment names cannot be used ({str(error).splitlines()[0]})",
                where="ALL_PROXY",
                remedy="Name one with http://, or leave this server out of it with NO_PROXY",
            ) from None
        client = OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0, http_client=http_client)
        return cls(client, server_name(settings), patience, first_wait=first_wait)

    @contextmanager
    def workers(self, count: int) -> Iterator[ThreadPoolExecutor]:
        """Threads for requests that are in flight together; an interrupt waits for none of them."""
        pool, wait = ThreadPoolExecutor(count), True
        self._is_interrupted.clear()
        try:
            yield pool
        except KeyboardInterrupt:
            wait = False
            self._is_interrupted.set()
            raise
        finally:
            pool.shutdown(wait=wait, cancel_futures=True)

    def call(
        self,
        request: "Callable[[OpenAI], Answer]",
        failures: int | None = None,
        unanswered: int = UNANSWERED_ATTEMPTS,
    ) -> Answer:
        """Make a request, again if what stands in the way passes.

        Args:
            request: makes it.
            failures: how often the server may fail at it; None, or more than patience has it, for as often as that.
            unanswered: how many of them may end as `is_unanswered` tells.

        Raises:
            RefusedInputError: the server does not take the input.
            ServerFailedError: it does not recover.
            PlimsollError: it refuses the account or the model, or keeps limiting the rate.
        """
        import openai

        failures = min(failures or self.patience.failures, self.patience.failures)
        failed = limited = 0
        answers = self.answers
        while True:
            self._wait_for_turn()
            remedy, is_limited = REMEDY, False
            try:
                answer = request(self.client)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                raise RefusedInputError(_message(error)) from None
            except openai.RateLimitError as error:
                if error.code == "insufficient_quota":
                    raise self._failure("the account's quota is used up") from None
                if _message(error).startswith("Request too large"):
                    # for all of a minute's tokens: to wait does not help, to send less does
                    raise RefusedInputError(_message(error)) from None
                reason, is_limited = f"rate limit: {_message(error)}", True
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
                if isinstance(error, openai.APITimeoutError):
                    remedy = SLOW_REMEDY
            else:
                with self._lock:
                    self.answers += 1
                return answer
            if is_limited:
                # as long as it answers others, the turn of this one will come
                limited = 1 if answers != self.answers else limited + 1
                answers = self.answers
                if limited >= self.patience.limits:
                    raise self._failure(f"gave up after {limited} attempts: {reason}")
                self._hold_back(reason, limited, wait)
            else:
                failed += 1
                if failed >= failures or not unanswered:
                    raise ServerFailedError(self._failure(f"gave up after {failed} attempts: {reason}", remedy), reason)
                self._hold_back(reason, failed, wait)

    def _hold_back(self, reason: str, attempt: int, wait: float | None) -> None:
        if wait is not None and wait > self.patience.longest_wait:
            raise self._failure(f"it asks to wait {wait:.0f} s ({reason})")
        longest = min(self._first_wait * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
        # jitter, so that requests that failed together do not come back together; some servers ask to wait 0 s
        wait = max(wait or 0.0, longest * random.uniform(0.5, 1))  # noqa: S311
        logger.info("%s: %s; waiting %.1f s", self.where, reason, wait)
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + wait)

    def _wait_for_turn(self) -> None:
        with self._lock:
            wait = self._resume_at - time.monotonic()
        if self._is_interrupted.wait(max(wait, 0)):
            raise self._failure("interrupted")

    def _failure(self, what: str, remedy: str = REMEDY) -> PlimsollError:
        return PlimsollError(what, where=self.where, remedy=remedy)


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
