"""The accounts of a run: which are new or changed, and which of earlier runs were renamed or have gone."""

import random
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from ingestion.sources.github.listing import ACCOUNTS_A_REQUEST
from ingestion.sources.github.shaping import Json, Row, Rows, account_row


class AccountBook:
    """Accounts by their ids; thread-safe.

    A rename touches no pull request, so that no list shows it: the accounts of earlier runs are asked about along with
    the first list of each repository, up to a thousand in the same request. Where there are more, each run asks about
    others.

    Args:
        stored: the accounts in the tables.
    """

    def __init__(self, stored: Mapping[int, Row]) -> None:
        # in another order each run, so that in time each is asked about
        self._stored = dict(random.sample(list(stored.items()), len(stored)))
        self._by_node = {row["node_id"]: row for row in self._stored.values()}
        self._current = dict(stored)
        self._asked: set[int] = set()
        self._lock = threading.Lock()

    @property
    def were_asked(self) -> bool:
        """Whether any account was asked about."""
        return bool(self._asked)

    def take(self, at_most: int = ACCOUNTS_A_REQUEST) -> list[str]:
        """Node ids of accounts to ask about in one request, each once a run."""
        with self._lock:
            due = [
                row
                for number, row in self._stored.items()
                if number not in self._asked and row["deleted_at"] is None and row["node_id"]
            ][:at_most]
            self._asked.update(row["id"] for row in due)
        return [row["node_id"] for row in due]

    def moved(self, answers: Mapping[str, Json | None]) -> Rows:
        """Rows for the accounts that were renamed or have gone since they were loaded.

        Args:
            answers: node id to account; None for one that GitHub has no more.
        """
        rows = Rows()
        for node_id, node in answers.items():
            before = self._by_node.get(node_id)
            if node is not None:
                row = account_row(node)
            elif before is not None:
                row = before | {"deleted_at": datetime.now(UTC)}
            else:
                continue
            if before != row:
                rows.accounts[row["id"]] = row
        return rows

    def changed(self, accounts: Mapping[int, Row]) -> list[Row]:
        """Those of `accounts` that are new or other than before, and from now on count as known."""
        with self._lock:
            found = [row for number, row in accounts.items() if self._current.get(number) != row]
            self._current |= {row["id"]: row for row in found}
        return found
