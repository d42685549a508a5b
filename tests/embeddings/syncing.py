"""Syncing in a test's own process, and looking at what came of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from psycopg2 import extensions

from embeddings.collections import COLLECTIONS
from embeddings.encoders import Encoder
from embeddings.ledger import SyncReport
from embeddings.store import Store
from embeddings.sync import CollectionSync
from warehouse.postgres import connect
from warehouse.settings import Settings


@dataclass
class Sidecar:
    """What a sync needs, kept open for a test."""

    store: Store
    encoder: Encoder
    reader: extensions.connection
    writer: extensions.connection

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, encoder: Encoder) -> Iterator[Self]:
        """Open everything for the length of a `with` block."""
        with (
            Store.open(settings) as store,
            closing(connect(settings)) as reader,
            closing(connect(settings)) as writer,
        ):
            yield cls(store, encoder, reader, writer)

    def sync(self, alias: str = "pr_index", encoder: Encoder | None = None, **options: Any) -> SyncReport:
        """Sync one collection."""
        collection = COLLECTIONS[alias]
        return CollectionSync(collection, self.store, encoder or self.encoder, self.reader, self.writer).run(**options)

    def entities(self, alias: str = "pr_index") -> dict[str, dict[str, Any]]:
        """Id → entity, all of them; fails on a double and on a zero vector."""
        name = self.store.alias_target(alias)
        assert name is not None
        fields = [field.name for field in COLLECTIONS[alias].fields]
        found = list(self.store.read(name, "", fields))
        by_id = {entity["id"]: entity for entity in found}
        assert len(by_id) == len(found)
        assert all(np.linalg.norm(entity["vector"]) > 0.99 for entity in found)
        return by_id
