"""What every encoder offers, and the arithmetic that they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass
class Usage:
    """What embedding has taken so far.

    Attributes:
        calls: batches handed to the model, or requests to its server.
        tokens: tokens embedded, as the model or its server counts them.
        cost_usd: what a server's list price makes of them; None if no price is known.
    """

    calls: int = 0
    tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Patience:
    """How long a model's server is waited for.

    Attributes:
        failures: how often it may fail at one request.
        limits: how often it may say of one that the rate is limited, while it answers no other, either.
        longest_wait: seconds that it may ask to wait; one that asks for more is out of service.
        timeout: seconds for an answer.
    """

    failures: int
    limits: int
    longest_wait: float
    timeout: float


# of a sync, which works through the night; providers count what they limit by the minute
PATIENT = Patience(failures=7, limits=10, longest_wait=600.0, timeout=60.0)
# of a search, whose answer somebody waits for; a server of one's own may have to load the model first
HURRIED = Patience(failures=2, limits=2, longest_wait=5.0, timeout=30.0)


class Encoder(Protocol):
    """A model that turns texts into vectors.

    Attributes:
        model: its name, as it is kept beside every vector.
        dimension: the length of its vectors.
        batch_size: how many texts it likes at once.
        usage: what it has done so far.
    """

    model: str
    dimension: int
    batch_size: int
    usage: Usage

    def encode(self, texts: Sequence[str]) -> list[Vector | None]:
        """A unit vector for each text, cut to what the model reads; None for a text that the model refuses."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens embedding the texts takes; a server's are estimated."""
        ...

    def price(self, tokens: int) -> float | None:
        """What that many tokens cost in US dollars; None if it is unknown, 0 for a local model."""
        ...


def encode_views(encoder: Encoder, documents: Sequence[Sequence[str]]) -> list[Vector | None]:
    """The vector of each document, given as its views; None for one with a view that the model refuses.

    A text is embedded once, however many documents have it: file changes of a pull request share its title.
    """
    texts = list(dict.fromkeys(view for views in documents for view in views))
    vectors = dict(zip(texts, encoder.encode(texts), strict=True)) if texts else {}
    return [mean_direction([vectors[view] for view in views]) for views in documents]


def unit(vector: Vector) -> Vector | None:
    """`vector` at length 1; None for one that has no direction, which cosine could not rank."""
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length < 1e-9:
        return None
    return (vector / length).astype(np.float32)


def mean_direction(vectors: Sequence[Vector | None]) -> Vector | None:
    """The direction between unit vectors; None if one is missing, for a part must not pass as the whole.

    A query's cosine with it is the mean of its cosines with the vectors, but for a factor near 1: one vector an entity
    does what a search over all of them would.
    """
    if not vectors or any(vector is None for vector in vectors):
        return None
    total: Vector = np.stack([vector for vector in vectors if vector is not None]).sum(axis=0, dtype=np.float32)
    return unit(total)
