"""GitHub's answers as rows of the raw tables. Pure: JSON in, rows out."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ingestion.sources.github import tables
from ingestion.sources.github.tables import Table

Json = Mapping[str, Any]
Row = dict[str, Any]

ARROW_TYPES = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
TOMBSTONE = "_tombstone"
"""Column of the children's load files: true in a row that only says "this pull request has none of these any more"."""


@dataclass
class Rows:
    """Rows per raw table, and the accounts met on the way, once each."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {table.name: [] for table in tables.TABLES})
    accounts: dict[int, Row] = field(default_factory=dict)

    def __getitem__(self, table: Table) -> list[Row]:
        """The rows of one table."""
        return self.tables[table.name]

    def extend(self, other: "Rows") -> None:
        """Add another's rows to these."""
        for name, rows in other.tables.items():
            self.tables[name] += rows
        self.accounts |= other.accounts


def repository_row(node: Json, pull_requests_total: int) -> Row:
    """A repository as a row."""
    return {
        "id": node["databaseId"],
        "node_id": node["id"],
        "name_with_owner": node["nameWithOwner"],
        "owner_login": node["owner"]["login"],
        "name": node["name"],
        "description": node["description"],
        "url": node["url"],
        "is_private": node["isPrivate"],
        "is_archived": node["isArchived"],
        "is_fork": node["isFork"],
        "primary_language": (node["primaryLanguage"] or {}).get("name"),
        "default_branch": (node["defaultBranchRef"] or {}).get("name"),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "pushed_at": node["pushedAt"],
        "pull_requests_total": pull_requests_total,
        "unreadable_at": None,
    }


def account_id(node: Json) -> int:
    """An account's database id.

    Enterprise accounts have none: theirs is made from the node id, negative so that it meets no real one.
    """
    if (number := node.get("databaseId")) is not None:
        return int(number)
    return -1 - int.from_bytes(hashlib.sha256(node["id"].encode()).digest()[:7], "big")


def account_row(node: Json) -> Row:
    """An account as a row."""
    return {
        "id": account_id(node),
        "node_id": node["id"],
        "login": node["login"],
        "type": node["__typename"],
        "name": node.get("name") or None,
        "avatar_url": node["avatarUrl"],
        "url": node["url"],
        "deleted_at": None,
    }


class PullRequestShaper:
    """Shapes one pull request and its children.

    Args:
        rows: where the rows go.
        repository_id: the repository's database id.
        pull_request_id: the pull request's database id.
        keep_emails: whether e-mail addresses are kept in clear beside their hash.
    """

    def __init__(self, rows: Rows, repository_id: int, pull_request_id: int, *, keep_emails: bool = False) -> None:
        self._rows = rows
        self._keep_emails = keep_emails
        self._keys = {"pull_request_id": pull_request_id, "repository_id": repository_id}

    def account(self, node: Json | None) -> int | None:
        """Note an account and return its id; None for a deleted one."""
        if node is None or "login" not in node:
            return None
        number = account_id(node)
        if number not in self._rows.accounts:
            self._rows.accounts[number] = account_row(node)
        return number

    def pull_request(self, node: Json) -> Row:
        """The pull request itself."""
        milestone = node["milestone"] or {}
        return {
            "id": self._keys["pull_request_id"],
            "node_id": node["id"],
            "repository_id": self._keys["repository_id"],
            "number": node["number"],
            "title": node["title"],
            "body": node["body"],
            "state": node["state"],
            "is_draft": node["isDraft"],
            "is_locked": node["locked"],
            "is_cross_repository": node["isCrossRepository"],
            "author_id": self.account(node["author"]),
            "author_association": node["authorAssociation"],
            "merged_by_id": self.account(node["mergedBy"]),
            "review_decision": node["reviewDecision"],
            "base_ref_name": node["baseRefName"],
            "base_ref_oid": node["baseRefOid"],
            "head_ref_name": node["headRefName"],
            "head_ref_oid": node["headRefOid"],
            "head_repository": (node["headRepository"] or {}).get("nameWithOwner"),
            "merge_commit_oid": (node["mergeCommit"] or {}).get("oid"),
            "milestone_id": milestone.get("id"),
            "milestone_number": milestone.get("number"),
            "milestone_title": milestone.get("title"),
            "milestone_due_on": milestone.get("dueOn"),
            "additions": node["additions"],
            "deletions": node["deletions"],
            "changed_files": node["changedFiles"],
            "url": node["url"],
            "created_at": node["createdAt"],
            "updated_at": node["updatedAt"],
            "last_edited_at": node["lastEditedAt"],
            "closed_at": node["closedAt"],
            "merged_at": node["mergedAt"],
            "files_total": _total(node["files"]),
            "commits_total": _total(node["commits"]),
            "reviews_total": _total(node["reviews"]),
            "review_threads_total": _total(node["reviewThreads"]),
            "comments_total": _total(node["comments"]),
            "labels_total": _total(node["labels"]),
            "assignees_total": _total(node["assignees"]),
            "review_requests_total": _total(node["reviewRequests"]),
            "closing_issues_total": _total(node["closingIssuesReferences"]),
            "events_total": node["timelineItems"]["filteredCount"],
            "deleted_at": None,
        }

    def file(self, node: Json) -> Row:
        """A changed file."""
        return self._keys | {
            "path": node["path"],
            "previous_path": None,
            "change_type": node["changeType"],
            "additions": node["additions"],
            "deletions": node["deletions"],
            "patch": None,
            "patch_status": None,
        }

    def commit(self, node: Json, position: int) -> Row:
        """A commit; `position` counts from 1, oldest first."""
        commit = node["commit"]
        row = self._keys | {
            "oid": commit["oid"],
            "position": position,
            "message": commit["message"],
            "authored_at": commit["authoredDate"],
            "committed_at": commit["committedDate"],
            "parents_count": commit["parents"]["totalCount"],
        }
        for role in ("author", "committer"):
            person = commit[role] or {}
            email = person.get("email")
            row[f"{role}_name"] = person.get("name")
            row[f"{role}_email_hash"] = hashlib.sha256(email.lower().encode()).hexdigest() if email else None
            row[f"{role}_email"] = email if self._keep_emails else None
            row[f"{role}_user_id"] = self.account(person.get("user"))
        return row

    def review(self, node: Json) -> Row:
        """A review; its inline comments are counted from the threads."""
        return self._keys | {
            "id": int(node["fullDatabaseId"]),
            "node_id": node["id"],
            "author_id": self.account(node["author"]),
            "author_association": node["authorAssociation"],
            "state": node["state"],
            "body": node["body"],
            "commit_oid": (node["commit"] or {}).get("oid"),
            "url": node["url"],
            "created_at": node["createdAt"],
            "submitted_at": node["submittedAt"],
            "updated_at": node["updatedAt"],
        }

    def review_thread(self, node: Json) -> Row:
        """A review thread."""
        return self._keys | {
            "id": node["id"],
            "path": node["path"],
            "line": node["line"],
            "start_line": node["startLine"],
            "original_line": node["originalLine"],
            "diff_side": node["diffSide"],
            "subject_type": node["subjectType"],
            "is_resolved": node["isResolved"],
            "is_outdated": node["isOutdated"],
            "resolved_by_id": self.account(node["resolvedBy"]),
            "comments_total": node["comments"]["totalCount"],
        }

    def review_comment(self, node: Json, thread_id: str) -> Row:
        """An inline comment of a thread."""
        return self.comment(node) | {
            "thread_id": thread_id,
            "review_id": _number((node["pullRequestReview"] or {}).get("fullDatabaseId")),
            "reply_to_id": _number((node["replyTo"] or {}).get("fullDatabaseId")),
            "path": node["path"],
            "line": node["line"],
            "original_line": node["originalLine"],
        }

    def comment(self, node: Json) -> Row:
        """A comment of the conversation."""
        return self._keys | {
            "id": int(node["fullDatabaseId"]),
            "node_id": node["id"],
            "author_id": self.account(node["author"]),
            "author_association": node["authorAssociation"],
            "body": node["body"],
            "is_minimized": node["isMinimized"],
            "url": node["url"],
            "created_at": node["createdAt"],
            "updated_at": node["updatedAt"],
        }

    def label(self, node: Json) -> Row:
        """A label."""
        return self._keys | {
            "label_id": node["id"],
            "name": node["name"],
            "color": node["color"],
            "description": node["description"],
        }

    def assignee(self, node: Json) -> Row:
        """An assignee."""
        return self._keys | {"user_id": self.account(node)}

    def review_request(self, node: Json) -> Row:
        """An open request for a review."""
        reviewer = node["requestedReviewer"] or {}
        return self._keys | {
            "id": node["id"],
            "reviewer_type": reviewer.get("__typename"),
            "reviewer_user_id": self.account(reviewer),
            "reviewer_team": reviewer.get("combinedSlug"),
            "is_code_owner": node["asCodeOwner"],
        }

    def closing_issue(self, node: Json) -> Row:
        """An issue that merging closes."""
        return self._keys | {
            "issue_id": int(node["fullDatabaseId"]),
            "issue_repository": node["repository"]["nameWithOwner"],
            "issue_number": node["number"],
            "issue_title": node["title"],
            "issue_state": node["state"],
            "issue_url": node["url"],
        }

    def event(self, node: Json) -> Row:
        """An event of the timeline."""
        reviewer = node.get("requestedReviewer") or {}
        return self._keys | {
            "id": node["id"],
            "type": node["__typename"],
            "actor_id": self.account(node["actor"]),
            "created_at": node["createdAt"],
            "requested_user_id": self.account(reviewer),
            "requested_team": reviewer.get("combinedSlug"),
            "before_oid": (node.get("beforeCommit") or {}).get("oid"),
            "after_oid": (node.get("afterCommit") or {}).get("oid"),
            "previous_title": node.get("previousTitle"),
            "current_title": node.get("currentTitle"),
        }


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a raw table's load files."""
    fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in table.columns.items()]
    if table.is_child:
        fields.append(pa.field(TOMBSTONE, pa.bool_()))
    return pa.schema(fields)


def to_arrow(table: Table, rows: list[Row]) -> pa.Table:
    """Rows as an Arrow table; missing values are null.

    Raises:
        ValueError, TypeError, OverflowError: a value does not fit its column, or a key is null; `find_misfits` tells
            which.
    """
    schema = arrow_schema(table)
    # all columns in one go, several times as fast as one by one; times are text, as GitHub writes them
    shape = pa.struct([field.with_type(pa.string()) if _is_time(field) else field for field in schema])
    try:
        columns = pa.array(rows, shape).flatten()
    except pa.ArrowTypeError:
        columns = pa.array([_as_github_writes(row) for row in rows], shape).flatten()
    columns = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    made = pa.Table.from_arrays(columns, schema=schema)
    for name in table.primary_key:
        if made[name].null_count:
            raise ValueError(f"{name} is missing")
    return made


def tombstones(table: Table, pull_request_ids: list[int]) -> pa.Table:
    """Rows that only say that these pull requests have none of a child any more."""
    count = len(pull_request_ids)
    values = {"pull_request_id": pull_request_ids, TOMBSTONE: [True] * count}
    schema = arrow_schema(table)
    columns = [pa.array(values.get(field.name, [None] * count), field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def find_misfits(table: Table, rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """The rows that cannot be loaded, each with the reason."""
    for row in rows:
        try:
            to_arrow(table, [row])
        except (ValueError, TypeError, OverflowError) as error:
            yield row, str(error)


def _is_time(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


def _as_github_writes(row: Row) -> Row:
    """A row with its times as text; one that was read back from the warehouse has datetimes."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for name, value in row.items()
    }


def _total(connection: Json | None) -> int | None:
    # null where the token may not see it
    return int(connection["totalCount"]) if connection else None


def _number(value: str | int | None) -> int | None:
    return None if value is None else int(value)
