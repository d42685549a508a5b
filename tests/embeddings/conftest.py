"""A warehouse with made-up marts, an encoder that needs no model, and a server that speaks OpenAI's API."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2 import extensions

from embeddings.encoders.base import Usage, Vector, unit
from tests.databases import database
from tests.embeddings import marts
from tests.embeddings.openai_double import DIMENSION, OpenAIDouble, vector_of
from tests.embeddings.syncing import Sidecar
from warehouse.postgres import connect
from warehouse.settings import Settings


class HashEncoder:
    """Vectors from a hash: the same text has the same one. Counts what it is asked."""

    batch_size = 4

    def __init__(self, model: str = "hash", dimension: int = DIMENSION) -> None:
        self.model = model
        self.dimension = dimension
        self.usage = Usage(cost_usd=0.0)
        self.texts: list[str] = []
        self.refuses: Sequence[str] = ()

    def encode(self, texts: Sequence[str]) -> list[Vector | None]:
        self.usage.calls += 1
        self.usage.tokens += len(texts)
        self.texts += texts
        return [
            None if any(word in text for word in self.refuses) else unit(vector_of(text, self.dimension))
            for text in texts
        ]

    def count_tokens(self, texts: Sequence[str]) -> int:
        return len(texts)

    def price(self, tokens: int) -> float | None:
        return 0.0


@pytest.fixture(scope="session")
def empty_marts(home: Path) -> Iterator[str]:
    """A database with the marts' tables, to be copied."""
    with database(home, "empty_marts") as settings:
        with closing(connect(settings)) as connection:
            marts.create(connection)
        yield "empty_marts"


@pytest.fixture
def settings(home: Path, empty_marts: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with empty marts and a Milvus Lite of the test's own."""
    name = f"embeddings_{abs(hash(request.node.nodeid)):x}"
    with database(home, name, template=empty_marts) as made:
        yield made.model_copy(update={"milvus_url": str(tmp_path / "milvus.db")})


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[extensions.connection]:
    """A connection to the warehouse."""
    with closing(connect(settings)) as connection:
        yield connection


@pytest.fixture
def encoder() -> HashEncoder:
    """An encoder that counts."""
    return HashEncoder()


@pytest.fixture
def sidecar(settings: Settings, encoder: HashEncoder) -> Iterator[Sidecar]:
    """Milvus and the warehouse, ready to sync."""
    with Sidecar.open(settings, encoder) as opened:
        yield opened


@pytest.fixture
def openai_double() -> Iterator[OpenAIDouble]:
    """A server that speaks OpenAI's API."""
    with OpenAIDouble() as double:
        yield double
