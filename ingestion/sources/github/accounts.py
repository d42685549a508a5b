"""The accounts of a run: which are new or changed, and which of earlier runs were renamed or have gone."""

import random
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ingestion.sources.github.listing import ACCOUNTS_A_REQUEST
from ingestion.sources.github.shaping import Json, Row, Rows, account_row


class AccountBook:
    """Accounts by their ids; thread-safe.

    A rename touches no pull request, so that no list shows it: the accounts of earlier runs are asked about along with
    the first list of each repository, up to a thousand in the same request. Where there are more, each run asks about
    others.

    The tables may hold accounts of several GitHubs, as of github.com and of an Enterprise Server. Which GitHub this is,
    its own addresses tell, and of another's accounts it knows nothing.

    Args:
        stored: the accounts in the tables.
        is_thorough: ask about those found gone earlier, too; they may be back.
    """

    def __init__(self, stored: Mapping[int, Row], *, is_thorough: bool = False) -> None:
        # in another order each run, so that in time each is asked about
        self._stored = dict(random.sample(list(stored.items()), len(stored)))
        self._by_node = {row["node_id"]: row for row in self._stored.values()}
        self._current = dict(stored)
        self._asked: set[int] = set()
        self._is_thorough = is_thorough
        self._host: str | None = None
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
                if number not in self._asked and row["node_id"] and self._is_due(row)
            ][:at_most]
            self._asked.update(row["id"] for row in due)
        return [row["node_id"] for row in due]

    def moved(self, answers: Mapping[str, Json | None], address: str | None = None) -> Rows:
        """Rows for the accounts that were renamed, have gone or are back since they were loaded.

        Args:
            answers: node id to account; None for one that GitHub has no more.
            address: of anything on this GitHub; where there is none, one of the accounts' is taken.
        """
        addresses = [address, *(node["url"] for node in answers.values() if node is not None)]
        with self._lock:
            self._host = next((_host(each) for each in addresses if each), self._host)
        rows = Rows()
        for node_id, node in answers.items():
            before = self._by_node[node_id]
            if self._host is None or _host(before["url"]) != self._host:
                continue
            if node is not None:
                row = account_row(node)
            else:
                row = before | {"deleted_at": before["deleted_at"] or datetime.now(UTC)}
            if before != row:
                rows.accounts[row["id"]] = row
        return rows

    def changed(self, accounts: Mapping[int, Row]) -> list[Row]:
        """Those of `accounts` that are new or other than before, and from now on count as known."""
        with self._lock:
            found = [row for number, row in accounts.items() if self._current.get(number) != row]
            self._current |= {row["id"]: row for row in found}
        return found

    def _is_due(self, row: Row) -> bool:
        is_here = self._host is None or _host(row["url"]) == self._host
        return is_here and (self._is_thorough or row["deleted_at"] is None)


def _host(address: str | None) -> str:
    return urlsplit(address or "").netloc.lower()
