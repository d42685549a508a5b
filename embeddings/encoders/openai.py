"""OpenAI's embeddings, or those of any server that speaks its API."""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from embeddings.encoders.base import HURRIED, Patience, Usage, Vector, unit
from embeddings.openai_server import (
    REMEDY,
    UNANSWERED_ATTEMPTS,
    InvalidAnswerError,
    OpenAIServer,
    RefusedInputError,
    ServerFailedError,
    server_name,
)
from embeddings.prose import cut_bytes
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "text-embedding-3-small"
# US dollars for a million tokens, by OpenAI's price list
PRICES = {"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13, "text-embedding-ada-002": 0.10}
# its models read 8,191 tokens; a token is a byte at least, so this many bytes always fit
TEXT_BYTES = 8_000
SHORTEST_BYTES = 500
# of one request; OpenAI takes 2,048 texts and 300,000 tokens
REQUEST_TEXTS = 256
REQUEST_TOKENS = 50_000
# a processor takes seconds for what a provider answers at once: the first requests are small, further ones as large as
# are answered in good time, which is this share of the longest, and no larger beyond that one
FIRST_TEXTS = 32
QUICK, SLOW = 1 / 12, 1 / 3
BYTES_PER_TOKEN = 4
HEALTH_TIMEOUT_SECONDS = 5.0
PLAIN_TEXT = "a text that any model takes"
# before a server that fails is asked for a plain text, which tells whether it fails at this one
FEW_FAILURES = 3


class OpenAIEncoder:
    """A model behind an API.

    Args:
        server: the server.
        model: the model's name.
        dimension: the length of its vectors; shorter than the model's own where it can shorten them.
        known: where the model's own dimension is remembered; None if the dimension is asked for in each request.
        workers: requests in flight.
    """

    batch_size = 1024

    def __init__(
        self,
        server: OpenAIServer,
        model: str,
        dimension: int,
        *,
        known: "_KnownDimensions | None",
        workers: int,
    ) -> None:
        self.model = model
        self.dimension = dimension
        self.usage = Usage(cost_usd=self.price(0))
        self._server = server
        self._known = known
        self._options: dict[str, Any] = {} if known else {"dimensions": dimension}
        self._workers = workers
        self._request_texts = FIRST_TEXTS
        self._lock = Lock()

    @classmethod
    def from_settings(cls, settings: Settings, patience: Patience) -> Self:
        """The encoder that the settings ask for.

        Raises:
            PlimsollError: the server does not say how long its vectors are.
        """
        model = settings.embedding_model or DEFAULT_MODEL
        server = OpenAIServer.from_settings(settings, patience)
        wanted = settings.embedding_dimensions
        known = _known_dimensions(settings, model)
        dimension = wanted or known.get() or known.put(_probe(server, model))
        return cls(
            server,
            model,
            dimension,
            known=None if wanted else known,
            workers=settings.max_workers,
        )

    def encode(self, texts: Sequence[str]) -> list[Vector | None]:
        """A unit vector for each text; None for a text that the server refuses."""
        vectors: list[Vector | None] = [None] * len(texts)
        cut = [cut_bytes(text, TEXT_BYTES) for text in texts]
        batches = list(_batches(cut, self._request_texts))
        with self._server.workers(min(self._workers, len(batches) or 1)) as pool:
            answers = pool.map(lambda indexes: self._encode_batch([cut[index] for index in indexes]), batches)
            for indexes, answer in zip(batches, answers, strict=True):
                for index, vector in zip(indexes, answer, strict=True):
                    vectors[index] = vector
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> int:
        """An estimate, by the bytes of English prose."""
        return sum(_estimated_tokens(cut_bytes(text, TEXT_BYTES)) for text in texts)

    def price(self, tokens: int) -> float | None:
        """What that many tokens cost by OpenAI's list; None for a model that is not on it."""
        price = PRICES.get(self.model)
        return None if price is None else tokens * price / 1_000_000

    def _encode_batch(self, texts: list[str], failures: int = FEW_FAILURES) -> list[Vector | None]:
        """One request; if the server refuses it, or fails at it alone, its halves, down to the text that is to blame.

        Raises:
            PlimsollError: the server takes no text at all.
        """
        answers = self._server.answers
        try:
            return self._request(texts, failures)
        except RefusedInputError as error:
            if len(texts) > 1:
                return self._halves(texts)
            if shorter := _shorter(texts[0], error):
                return self._encode_batch([shorter])
        except ServerFailedError:
            # servers of one's own fail at a text where they should refuse it, and at more than they can do in time
            if len(texts) > 1 and self._server.answers != answers:
                return self._halves(texts)
        # one that has broken down fails at any text, or refuses any; and it may be back by now
        self._probe()
        try:
            return self._request(texts, _failures_in_search(texts))
        except RefusedInputError as error:
            refusal = error
        except ServerFailedError as failure:
            refusal = RefusedInputError(failure.reason)
        if len(texts) > 1:
            return self._halves(texts)
        if shorter := _shorter(texts[0], refusal):
            return self._encode_batch([shorter])
        logger.warning("a text is set aside: %s refuses it: %s", self._server.where, refusal)
        return [None]

    def _halves(self, texts: list[str]) -> list[Vector | None]:
        middle = len(texts) // 2
        return [
            vector
            for half in (texts[:middle], texts[middle:])
            for vector in self._encode_batch(half, _failures_in_search(half))
        ]

    def _note(self, texts: int, seconds: float, *, is_answered: bool) -> None:
        """Note how long the last attempt at a request took, for the size of those to come."""
        share = seconds / self._server.patience.timeout
        with self._lock:
            if share > SLOW and texts > 1:
                self._request_texts = max(2, min(self._request_texts, texts // 2))
            elif share < QUICK and is_answered and texts >= self._request_texts:
                self._request_texts = min(2 * texts, REQUEST_TEXTS)

    def _probe(self) -> None:
        """Ask, with all patience, for the vector of a plain text: one that refuses it must not empty the index.

        Raises:
            ServerFailedError: the server fails at it.
            PlimsollError: it refuses it.
        """
        try:
            # it costs next to nothing, so that silence is sat out as long as an error
            self._request([PLAIN_TEXT], unanswered=self._server.patience.failures)
        except RefusedInputError as error:
            raise PlimsollError(
                f"it refuses every text for the model {self.model}: {error}",
                where=self._server.where,
                remedy="Check the server, EMBEDDING_MODEL and EMBEDDING_DIMENSIONS, and run again",
            ) from None

    def _request(
        self, texts: list[str], failures: int | None = None, unanswered: int = UNANSWERED_ATTEMPTS
    ) -> list[Vector | None]:
        if len(texts) > 1:
            # several are divided rather than asked for again: what was asked in vain may keep the server busy yet
            unanswered = 1
        begun = 0.0

        def ask(client: "OpenAI") -> tuple[list[Vector], int]:
            nonlocal begun
            begun = time.monotonic()
            return _embed(client, self.model, texts, self._options)

        try:
            vectors, tokens = self._server.call(ask, failures, unanswered)
        except ServerFailedError:
            self._note(len(texts), time.monotonic() - begun, is_answered=False)
            raise
        self._note(len(texts), time.monotonic() - begun, is_answered=True)
        for vector in vectors:
            if len(vector) != self.dimension:
                remedy = "Set EMBEDDING_DIMENSIONS to what it makes"
                if self._known:
                    # another model by the same name
                    self._known.put(len(vector))
                    remedy = "Run python -m embeddings sync (again): it embeds everything anew"
                raise PlimsollError(
                    f"the model {self.model} makes vectors of {len(vector)} dimensions, not {self.dimension}",
                    where=self._server.where,
                    remedy=remedy,
                )
        with self._lock:
            self.usage.calls += 1
            self.usage.tokens += tokens
            self.usage.cost_usd = self.price(self.usage.tokens)
        return [unit(vector) for vector in vectors]


def describe_server(settings: Settings) -> dict[str, Any]:
    """What would embed, for the health check; asks the server for its models, which costs nothing.

    Raises:
        PlimsollError: it does not answer, or refuses the key.
    """
    import openai

    model = settings.embedding_model or DEFAULT_MODEL
    server = OpenAIServer.from_settings(settings, replace(HURRIED, timeout=HEALTH_TIMEOUT_SECONDS))
    try:
        server.client.models.list()
    except openai.NotFoundError:
        # an older server without the list; it answers, which is what was asked
        logger.debug("%s has no list of models", server.where)
    except openai.APIStatusError as error:
        raise PlimsollError(f"HTTP {error.status_code}", where=server.where, remedy=REMEDY) from None
    except openai.APIConnectionError:
        raise PlimsollError("it does not answer", where=server.where, remedy=REMEDY) from None
    _, dimension = configured_model(settings)
    return {"model": model, "kind": "server", "dimension": dimension, "reachable": True}


def configured_model(settings: Settings) -> tuple[str, int | None]:
    """(model, dimension) that the settings ask for; None for a dimension that the server was not asked for yet."""
    model = settings.embedding_model or DEFAULT_MODEL
    return model, settings.embedding_dimensions or _known_dimensions(settings, model).get()


class _KnownDimensions:
    """Remembers how long a model's vectors are, so that a sync with nothing to do asks the server nothing."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key

    def get(self) -> int | None:
        return self._read().get(self._key)

    def put(self, dimension: int) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".tmp")
        partial.write_text(json.dumps({**self._read(), self._key: dimension}, indent=2))
        partial.replace(self._path)
        return dimension

    def _read(self) -> dict[str, int]:
        try:
            known: dict[str, int] = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known


def _known_dimensions(settings: Settings, model: str) -> _KnownDimensions:
    path = settings.home / "embedding-dimensions.json"
    return _KnownDimensions(path, f"{server_name(settings)} {model}")


def _failures_in_search(texts: Sequence[str]) -> int:
    """How often it may fail at texts among which one is to blame: to ask for the halves of several is to ask again."""
    return 1 if len(texts) > 1 else FEW_FAILURES


def _shorter(text: str, refusal: RefusedInputError) -> str | None:
    """Half of a text that the server calls too long; None if it does not, or if little would be left."""
    size = len(text.encode()) // 2
    return cut_bytes(text, size) if refusal.is_too_long and size >= SHORTEST_BYTES else None


def _probe(server: OpenAIServer, model: str) -> int:
    """How long the model's vectors are, by asking for one."""
    try:
        vectors, _ = server.call(lambda client: _embed(client, model, ["dimension"], {}))
    except RefusedInputError as error:
        raise PlimsollError(
            f"it refuses the model {model}: {error}", where=server.where, remedy="Check EMBEDDING_MODEL"
        ) from None
    return len(vectors[0])


def _embed(client: "OpenAI", model: str, texts: list[str], options: dict[str, Any]) -> tuple[list[Vector], int]:
    """(a vector for each text, tokens used).

    Raises:
        InvalidAnswerError: the answer is not a vector for each text.
    """
    answer = client.embeddings.create(model=model, input=texts, **options)
    try:
        by_index = {item.index: np.asarray(item.embedding, dtype=np.float32) for item in answer.data}
        vectors = [by_index[index] for index in range(len(texts))]
        counted = answer.usage.total_tokens if answer.usage else None
        # some servers count none, and say so in their own ways
        tokens = counted if isinstance(counted, int) else sum(map(_estimated_tokens, texts))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidAnswerError(f"not a vector for each text: {type(error).__name__}") from None
    if any(vector.ndim != 1 or not len(vector) for vector in vectors):
        raise InvalidAnswerError("a vector without numbers")
    if any(unit(vector) is None for vector in vectors):
        # what half precision makes of numbers that are too large for it
        raise InvalidAnswerError("a vector that points nowhere")
    return vectors, tokens


def _batches(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """The indexes of the texts, so many to a request at most, and as its budget of tokens holds."""
    batch: list[int] = []
    tokens = 0
    for index, text in enumerate(texts):
        size = _estimated_tokens(text)
        if batch and (len(batch) == most or tokens + size > REQUEST_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += size
    if batch:
        yield batch


def _estimated_tokens(text: str) -> int:
    return len(text.encode()) // BYTES_PER_TOKEN + 1
