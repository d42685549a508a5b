"""A pull request as GitHub gave it, made into rows of all its tables, and held against GitHub's own counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import orjson

from ingestion.sources.github import tables
from ingestion.sources.github.connections import COMMITS, CONNECTIONS, THREADS
from ingestion.sources.github.pull_requests import DeadLetter, Entry
from ingestion.sources.github.shaping import Json, PullRequestShaper, Row, Rows
from ingestion.sources.github.tables import Table

_KEYS = {table.name: itemgetter(*table.primary_key) for table in tables.CHILDREN}


@dataclass
class Assembled:
    """One pull request's rows, what could not be shaped, and whether GitHub's counts agree."""

    rows: Rows = field(default_factory=Rows)
    letters: list[DeadLetter] = field(default_factory=list)
    mismatch: tuple[str, str] | None = None

    def check(self) -> None:
        """Drop rows that came twice, as they do when a page shifts, and hold the rest against GitHub's counts."""
        set_aside = {letter.entity for letter in self.letters}
        for table in tables.CHILDREN:
            rows, key = self.rows[table], _KEYS[table.name]
            if len(set(map(key, rows))) < len(rows):
                self.rows.tables[table.name] = list({key(row): row for row in rows}.values())
        if not self.rows[tables.PULL_REQUESTS]:
            return
        pull_request = self.rows[tables.PULL_REQUESTS][0]
        counts = [(t, pull_request[t.total], len(self.rows[t])) for t in tables.CHILDREN if t.total is not None]
        comments = sum(thread["comments_total"] for thread in self.rows[tables.REVIEW_THREADS])
        counts.append((tables.REVIEW_COMMENTS, comments, len(self.rows[tables.REVIEW_COMMENTS])))
        for table, total, read in counts:
            if total is not None and total != read and table.name not in set_aside:
                self.mismatch = (table.name, f"GitHub counts {total}, {read} could be read")
                return


class Assembler:
    """Makes rows of one repository's pull requests.

    Args:
        repository: `owner/name`.
        repository_id: its database id.
        keep_emails: whether e-mail addresses of commits are kept in clear.
    """

    def __init__(self, repository: str, repository_id: int, *, keep_emails: bool) -> None:
        self._repository = repository
        self._repository_id = repository_id
        self._keep_emails = keep_emails

    def assemble(self, node: Json, entry: Entry) -> Assembled:
        """The rows of a pull request that was read whole."""
        shaped = Assembled()
        shaper = PullRequestShaper(shaped.rows, self._repository_id, entry.id, keep_emails=self._keep_emails)

        def shape(table: Table, make: Callable[..., Row], item: Json | None, *arguments: Any) -> None:
            try:
                if item is None:
                    raise ValueError("GitHub gives null for it")
                shaped.rows[table].append(make(item, *arguments))
            except (KeyError, TypeError, ValueError) as error:
                reason = f"missing field {error}" if isinstance(error, KeyError) else str(error)
                kept = item if self._keep_emails else _without_emails(item)
                payload = orjson.dumps(kept, default=str).decode()
                shaped.letters.append(self.letter(entry, node, table.name, reason, payload))

        shape(tables.PULL_REQUESTS, shaper.pull_request, node)
        make = {
            "files": shaper.file,
            "reviews": shaper.review,
            "comments": shaper.comment,
            "labels": shaper.label,
            "assignees": shaper.assignee,
            "reviewRequests": shaper.review_request,
            "closingIssuesReferences": shaper.closing_issue,
            "timelineItems": shaper.event,
        }
        for connection in CONNECTIONS:
            items = node[connection.field]["nodes"] if node[connection.field] else []
            if connection is COMMITS:
                for position, item in enumerate(items, 1):
                    shape(connection.table, shaper.commit, item, position)
            elif connection is THREADS:
                for thread in items:
                    shape(connection.table, shaper.review_thread, thread)
                    for comment in thread["comments"]["nodes"] if thread else ():
                        shape(tables.REVIEW_COMMENTS, shaper.review_comment, comment, thread["id"])
            else:
                for item in items:
                    shape(connection.table, make[connection.field], item)
        shaped.check()
        return shaped

    def letter(self, entry: Entry, node: Json, entity: str, reason: str, payload: str) -> DeadLetter:
        """Something of a pull request, set aside."""
        return DeadLetter(
            self._repository, self._repository_id, entry.id, entry.node_id, node.get("number"), entity, reason, payload
        )


def _without_emails(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_emails(inner) for key, inner in value.items() if key != "email"}
    return [_without_emails(inner) for inner in value] if isinstance(value, list) else value
