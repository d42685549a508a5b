"""What a search is narrowed to, in the words of each leg. Pure.

Milvus knows no comparison without case, and Postgres no index for one: names that people write are looked up first, see
`searching.with_stored_names`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from embeddings.collections import FILE_CHANGES, Collection
from embeddings.lexical import Condition
from embeddings.store import literal

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Filters:
    """What a search is narrowed to; None and False do not narrow.

    Attributes:
        repo_name: the repository, `owner/name`, in any case.
        author: the login, in any case.
        merged_since, merged_until: the first and the last UTC day of merging, both inclusive.
        high_risk: only high-risk pull requests, or their files.
        feature: only features, or their files.
        language: the language of the file, or of most of the pull request's changed lines, in any case.
    """

    repo_name: str | None = None
    author: str | None = None
    merged_since: date | None = None
    merged_until: date | None = None
    high_risk: bool = False
    feature: bool = False
    language: str | None = None

    def condition(self, collection: Collection) -> Condition:
        """As a condition of SQL on the mart's rows, named `mart`."""
        clauses: list[tuple[str, Sequence[object]]] = []
        if self.repo_name is not None:
            clauses.append(("mart.repo_name = %s", [self.repo_name]))
        if self.merged_since:
            clauses.append(("mart.merged_at >= %s", [_midnight(self.merged_since)]))
        if self.merged_until:
            clauses.append(("mart.merged_at <= %s", [datetime.combine(self.merged_until, time.max, UTC)]))
        of_pull_request: list[tuple[str, Sequence[object]]] = []
        if self.author is not None:
            of_pull_request.append(("author = %s", [self.author]))
        if self.high_risk:
            of_pull_request.append(("high_risk", []))
        if self.feature:
            of_pull_request.append(("is_feature", []))
        if collection is FILE_CHANGES and of_pull_request:
            # files have no index by these, and are many times as many
            found = " and ".join(sql for sql, _ in of_pull_request)
            values = [value for _, each in of_pull_request for value in each]
            clauses.append((f"mart.pr_id in (select pr_id from marts.repo_prs where {found})", values))
        else:
            clauses += [(f"mart.{sql}", values) for sql, values in of_pull_request]
        if self.language is not None:
            clauses.append(self._language_clause(collection))
        return Condition(
            " and ".join(sql for sql, _ in clauses), tuple(value for _, values in clauses for value in values)
        )

    def _language_clause(self, collection: Collection) -> tuple[str, Sequence[object]]:
        if collection is FILE_CHANGES:
            return "mart.language = %s", [self.language]
        main_language = """(
            select file_changes.language from marts.file_changes
            where file_changes.pr_id = mart.pr_id and file_changes.language is not null
            group by file_changes.language
            order by sum(file_changes.lines_changed) desc, file_changes.language collate "C" limit 1
        )"""
        return f"{main_language} = %s", [self.language]

    def expression(self) -> str:
        """As an expression of Milvus."""
        clauses = []
        for name, value in (("repo_name", self.repo_name), ("author", self.author), ("language", self.language)):
            if value is not None:
                clauses.append(f"{name} == {literal(value)}")
        if self.merged_since or self.merged_until:
            # 0 stands for "not merged", and is a time like any other to the comparisons below
            clauses.append("merged_at > 0")
        if self.merged_since:
            clauses.append(f"merged_at >= {int(_midnight(self.merged_since).timestamp())}")
        if self.merged_until:
            clauses.append(f"merged_at < {int(_midnight(self.merged_until).timestamp()) + DAY_SECONDS}")
        if self.high_risk:
            clauses.append("high_risk == true")
        if self.feature:
            clauses.append("is_feature == true")
        return " and ".join(clauses)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
