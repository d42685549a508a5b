"""What is loaded together: whole pull requests, with what must be remembered once they are in the tables."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ingestion.sources.github import tables
from ingestion.sources.github.pull_requests import DeadLetter, Hydrated
from ingestion.sources.github.reports import Report
from ingestion.sources.github.shaping import TOMBSTONE, Row, Rows, find_misfits, to_arrow


@dataclass
class Package:
    """Rows that are loaded together, whole pull requests only.

    Attributes:
        rows: per raw table.
        ids: the pull requests in it.
        known_ids: those of them that the tables had already.
        letters: what was set aside.
        memory: repository id to what is to be remembered once this package is loaded.
        reports: the repositories that end with this package.
    """

    rows: Rows = field(default_factory=Rows)
    ids: set[int] = field(default_factory=set)
    known_ids: set[int] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)

    def add(self, hydrated: Hydrated, known_ids: Set[int]) -> None:
        """Take pull requests in; `known_ids` are those of them that the tables had already."""
        self.rows.extend(hydrated.rows)
        self.ids |= hydrated.ids
        self.known_ids |= known_ids
        self.letters += hydrated.letters

    def complete(self, report: Report, rows: Rows, memory: dict[str, Any] | None) -> None:
        """End a repository with this package; `memory` is None if nothing is to be remembered anew."""
        self.reports.append(report)
        self.rows.extend(rows)
        if memory is not None:
            self.memory[str(report.repository_id)] = memory

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load."""
        return not self.memory and not any(self.rows.tables.values())

    def arrow_tables(self) -> Iterator[tuple[tables.Table, pa.Table]]:
        """The rows as Arrow tables, with a tombstone for each child that a known pull request has none of any more.

        A row that does not fit its table is taken out and set aside.
        """
        for table in tables.TABLES:
            rows = self.rows[table]
            try:
                loadable = to_arrow(table, rows + self._tombstones(table))
            except (ValueError, TypeError, OverflowError):
                rows = self._without_misfits(table, rows)
                loadable = to_arrow(table, rows + self._tombstones(table))
            yield table, loadable

    def _tombstones(self, table: tables.Table) -> list[Row]:
        if not table.is_child:
            return []
        without = self.known_ids.difference(row["pull_request_id"] for row in self.rows[table])
        return [{"pull_request_id": number, TOMBSTONE: True} for number in sorted(without)]

    def _without_misfits(self, table: tables.Table, rows: list[Row]) -> list[Row]:
        misfits = {id(row): reason for row, reason in find_misfits(table, rows)}
        owners = {row["id"]: row for row in self.rows[tables.PULL_REQUESTS]}
        for row in rows:
            owner = owners.get(row.get("pull_request_id", row["id"]))
            if id(row) in misfits and owner is not None:
                repository = "/".join(owner["url"].split("/")[3:5])
                self.letters.append(
                    DeadLetter(
                        repository, owner["repository_id"], owner["id"], owner["node_id"], owner["number"],
                        table.name, misfits[id(row)], payload=repr(row)[:10_000],
                    )
                )  # fmt: skip
        kept = [row for row in rows if id(row) not in misfits]
        self.rows.tables[table.name] = kept
        return kept
