"""What is loaded together: whole pull requests, with what must be remembered once they are in the tables.

Rows become Arrow as soon as they are complete. Columns take a small part of the memory that dictionaries take, and a
chunk is converted in the thread that read it, while others wait for GitHub.
"""

import json
import logging
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.sources.github import tables
from ingestion.sources.github.pull_requests import DeadLetter, Hydrated
from ingestion.sources.github.reports import Report
from ingestion.sources.github.shaping import Row, Rows, arrow_schema, find_misfits, to_arrow, tombstones
from ingestion.sources.github.tables import Table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """Some whole pull requests on their way into a package.

    Attributes:
        columns: the rows per raw table, of those that have any.
        accounts: the accounts met in them, by their ids.
        count: how many pull requests were asked for.
        ids: those that were read.
        gone: those that GitHub has no more.
        known_ids: those of them that the tables have already.
        letters: what was set aside.
    """

    columns: dict[str, pa.Table]
    accounts: dict[int, Row]
    count: int
    ids: set[int]
    gone: set[int]
    known_ids: Set[int]
    letters: list[DeadLetter]

    @classmethod
    def of(cls, repository: str, count: int, hydrated: Hydrated, known_ids: Set[int]) -> "Piece":
        """What was hydrated of `count` pull requests; a row that does not fit its table is taken out and set aside."""
        columns, letters = {}, list(hydrated.letters)
        pull_requests = {row["id"]: row for row in hydrated.rows[tables.PULL_REQUESTS]}
        for table in tables.TABLES:
            rows = hydrated.rows[table]
            if rows:
                columns[table.name], misfits = _fitting(table, rows)
                for row, reason in misfits:
                    owner = pull_requests.get(row["pull_request_id" if table.is_child else "id"])
                    # without one the pull request itself is set aside already
                    if owner is not None:
                        letters.append(_letter(repository, owner, table, row, reason))
        return cls(columns, hydrated.rows.accounts, count, hydrated.ids, hydrated.gone, known_ids, letters)

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return sum(rows.num_rows for rows in self.columns.values())

    @property
    def byte_count(self) -> int:
        """How much memory they take."""
        return sum(rows.nbytes for rows in self.columns.values())


@dataclass
class Package:
    """Pieces that are loaded together, whole pull requests only.

    Attributes:
        pieces: the pull requests.
        rows: what is loaded beside them: repositories, accounts, pull requests that are gone.
        memory: repository id to what is to be remembered anew once this package is loaded.
        reports: the repositories that end with this package.
        ids: the pull requests that were read.
        count: how many were asked for.
        byte_count: how much memory the pieces take.
    """

    pieces: list[Piece] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)
    count: int = 0
    byte_count: int = 0

    def add(self, piece: Piece) -> None:
        """Take pull requests in."""
        self.pieces.append(piece)
        self.rows.accounts |= piece.accounts
        self.ids |= piece.ids
        self.count += piece.count
        self.byte_count += piece.byte_count

    def complete(self, report: Report, rows: Rows, memory: dict[str, Any] | None) -> None:
        """End a repository with this package; `memory` is None if nothing is to be remembered anew."""
        self.reports.append(report)
        self.rows.extend(rows)
        if memory is not None:
            self.memory[str(report.repository_id)] = memory

    @property
    def letters(self) -> list[DeadLetter]:
        """What was set aside."""
        return [letter for piece in self.pieces for letter in piece.letters]

    @property
    def settled(self) -> set[int]:
        """The pull requests of which nothing is left to do: read whole, or gone."""
        seen = {number for piece in self.pieces for number in piece.ids | piece.gone}
        return seen - {letter.pull_request_id for letter in self.letters}

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return sum(piece.row_count for piece in self.pieces) + sum(map(len, self.rows.tables.values()))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load."""
        return not self.memory and not self.row_count and not self.letters

    def arrow_tables(self) -> Iterator[tuple[Table, pa.Table]]:
        """The rows per raw table, with a tombstone for each child that a known pull request has none of any more."""
        known_ids = {number for piece in self.pieces for number in piece.known_ids}
        for table in tables.TABLES:
            parts = [piece.columns[table.name] for piece in self.pieces if table.name in piece.columns]
            if table.is_child:
                seen = {number for part in parts for number in pc.unique(part["pull_request_id"]).to_pylist()}
                parts.append(tombstones(table, sorted(known_ids - seen)))
            if self.rows[table]:
                loadable, misfits = _fitting(table, self.rows[table])
                parts.append(loadable)
                for row, reason in misfits:
                    logger.warning("%s %s is left out: %s", table.name, row["id"], reason)
            yield table, pa.concat_tables([arrow_schema(table).empty_table(), *parts])


def _fitting(table: Table, rows: list[Row]) -> tuple[pa.Table, list[tuple[Row, str]]]:
    """The rows that fit their table, and the others, each with the reason."""
    try:
        return to_arrow(table, rows), []
    except (ValueError, TypeError, OverflowError):
        misfits = list(find_misfits(table, rows))
        without = {id(row) for row, _ in misfits}
        return to_arrow(table, [row for row in rows if id(row) not in without]), misfits


def _letter(repository: str, pull_request: Row, table: Table, row: Row, reason: str) -> DeadLetter:
    return DeadLetter(
        repository, pull_request["repository_id"], pull_request["id"], pull_request["node_id"],
        pull_request["number"], table.name, reason, payload=json.dumps(row, default=str, ensure_ascii=False),
    )  # fmt: skip
