"""A warehouse with the tables that the embeddings read, their columns taken from dbt's contracts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from psycopg2 import extensions
from psycopg2.extras import execute_values

MODELS = Path(__file__).parents[2] / "dbt_project" / "models"
CONTRACTS = (
    MODELS / "marts" / "core" / "_core__models.yml",
    MODELS / "marts" / "what_shipped" / "_what_shipped__models.yml",
)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

# the columns of staging that are read; the views hold more
STAGING = """
create schema staging;
create table staging.stg_github__pull_requests (pr_id bigint primary key, title text, body text, head_ref_name text);
create table staging.stg_github__pull_request_files
    (pr_id bigint, file_path text, patch text, primary key (pr_id, file_path));
create table staging.stg_github__pull_request_commits (pr_id bigint, message text, position integer);
create index on staging.stg_github__pull_request_commits (pr_id);
create table staging.stg_github__pull_request_closing_issues
    (pr_id bigint, issue_repository text, issue_number integer, issue_title text);
create index on staging.stg_github__pull_request_closing_issues (pr_id);
create table staging.stg_github__users (account_id bigint primary key, login text, account_type text);
create table staging.stg_github__pull_request_comments
    (pr_id bigint, author_account_id bigint, created_at timestamptz, body text, is_minimized boolean);
create table staging.stg_github__pull_request_reviews
    (pr_id bigint, review_id bigint, author_account_id bigint, submitted_at timestamptz, body text);
create table staging.stg_github__pull_request_review_comments (
    pr_id bigint, review_id bigint, author_account_id bigint, created_at timestamptz, body text, is_minimized boolean
);
create index on staging.stg_github__pull_request_comments (pr_id);
create index on staging.stg_github__pull_request_reviews (pr_id);
create index on staging.stg_github__pull_request_review_comments (pr_id);
"""


@dataclass
class File:
    """One changed file."""

    path: str
    lines: int = 10
    language: str | None = "Python"
    patch: str | None = None
    risk: float = 1.0


@dataclass
class Comment:
    """What somebody said of a pull request.

    Attributes:
        kind: `comment`, `review` or `review_comment`.
        review_id: the review, or that of the review comment.
        is_submitted: whether the review was; one that is being written is shown to its author alone.
    """

    body: str
    author: str | None = "ann"
    kind: str = "comment"
    account_type: str = "User"
    is_minimized: bool = False
    review_id: int | None = None
    is_submitted: bool = True


@dataclass
class PullRequest:
    """One pull request with all that the embeddings read of it."""

    number: int
    title: str = "Add a thing"
    repo_name: str = "acme/ship"
    body: str | None = None
    author: str = "jane"
    branch: str = "main"
    labels: Sequence[str] = ()
    commits: Sequence[str] = ()
    files: list[File] = field(default_factory=lambda: [File("src/thing.py")])
    is_merged: bool = True
    risk_score: float = 1.0
    high_risk: bool = False
    is_feature: bool = False
    closes: Sequence[tuple[int, str]] = ()
    comments: Sequence[Comment] = ()

    @property
    def id(self) -> int:
        """A database id that is this pull request's alone."""
        return hash((self.repo_name, self.number)) % 2**62

    @property
    def created_at(self) -> datetime:
        """A day for each number."""
        return EPOCH + timedelta(days=self.number)

    @property
    def merged_at(self) -> datetime | None:
        """A day later."""
        return self.created_at + timedelta(days=1) if self.is_merged else None


def contract(mart: str) -> dict[str, str]:
    """Column → type of a mart, as its contract says."""
    return next(
        {column["name"]: column["data_type"] for column in model["columns"]}
        for contracts in CONTRACTS
        for model in yaml.safe_load(contracts.read_text(encoding="utf-8"))["models"]
        if model["name"] == mart
    )


def create(connection: extensions.connection) -> None:
    """Make the empty tables."""
    with connection.cursor() as cursor:
        cursor.execute("create schema marts")
        # the key by which rows are looked up has an index in the warehouse, as the pull request's id has
        for mart, key in (("repo_prs", "repo_name, pr_number"), ("file_changes", "repo_name, file_path")):
            columns = ", ".join(f"{name} {kind}" for name, kind in contract(mart).items())
            cursor.execute(f"create table marts.{mart} ({columns})")
            cursor.execute(f"create index on marts.{mart} (pr_id); create index on marts.{mart} ({key})")
        columns = ", ".join(f"{name} {kind}" for name, kind in contract("authors").items())
        cursor.execute(f"create table marts.authors ({columns}, unique (username))")
        cursor.execute(STAGING)
    connection.commit()


def put(connection: extensions.connection, pull_requests: Iterable[PullRequest]) -> None:
    """Write pull requests, in place of those with the same number."""
    pull_requests = list(pull_requests)
    remove(connection, pull_requests)
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in pull_requests:
        lines = sum(file.lines for file in each.files)
        shared = {
            "repo_name": each.repo_name,
            "pr_id": each.id,
            "pr_number": each.number,
            "author": each.author,
            "created_at": each.created_at,
            "merged_at": each.merged_at,
        }
        rows.setdefault("marts.repo_prs", []).append(
            shared
            | {
                "title": each.title,
                "is_merged": each.is_merged,
                "additions": lines,
                "deletions": 0,
                "labels_full": json.dumps([{"name": name, "color": "ffffff"} for name in each.labels]),
                "risk_score": each.risk_score,
                "high_risk": each.high_risk,
                "is_feature": each.is_feature,
                "url": f"https://github.com/{each.repo_name}/pull/{each.number}",
            }
        )
        rows.setdefault("staging.stg_github__pull_requests", []).append(
            {"pr_id": each.id, "title": each.title, "body": each.body, "head_ref_name": each.branch}
        )
        for file in each.files:
            rows.setdefault("marts.file_changes", []).append(
                shared
                | {
                    "file_path": file.path,
                    "language": file.language,
                    "status": "modified",
                    "lines_changed": file.lines,
                    "risk": file.risk,
                }
            )
            rows.setdefault("staging.stg_github__pull_request_files", []).append(
                {"pr_id": each.id, "file_path": file.path, "patch": file.patch}
            )
        for position, message in enumerate(each.commits):
            rows.setdefault("staging.stg_github__pull_request_commits", []).append(
                {"pr_id": each.id, "message": message, "position": position}
            )
        for number, title in each.closes:
            rows.setdefault("staging.stg_github__pull_request_closing_issues", []).append(
                {"pr_id": each.id, "issue_repository": each.repo_name, "issue_number": number, "issue_title": title}
            )
        for hour, comment in enumerate(each.comments):
            said_at = each.created_at + timedelta(hours=hour)
            account = _account(comment.author) if comment.author else None
            said: dict[str, Any] = {"pr_id": each.id, "author_account_id": account, "body": comment.body}
            if comment.kind == "review":
                said["submitted_at"] = said_at if comment.is_submitted else None
            else:
                said |= {"created_at": said_at, "is_minimized": comment.is_minimized}
            if comment.kind != "comment":
                said["review_id"] = comment.review_id
            rows.setdefault(f"staging.stg_github__pull_request_{comment.kind}s", []).append(said)
    users = {
        (_account(comment.author), comment.author, comment.account_type)
        for each in pull_requests
        for comment in each.comments
        if comment.author
    }
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "insert into staging.stg_github__users (account_id, login, account_type) values %s on conflict do nothing",
            sorted(users),
        )
        for table, entries in rows.items():
            names = ", ".join(entries[0])
            values = [tuple(entry.values()) for entry in entries]
            execute_values(cursor, f"insert into {table} ({names}) values %s", values, page_size=1000)
        execute_values(
            cursor,
            "insert into marts.authors (username, is_bot) values %s on conflict do nothing",
            [(author, author.endswith("[bot]")) for author in sorted({each.author for each in pull_requests})],
        )
    connection.commit()


def _account(login: str) -> int:
    return hash(login) % 2**62


def remove(connection: extensions.connection, pull_requests: Iterable[PullRequest]) -> None:
    """Take pull requests out of every table; their authors stay."""
    ids = [each.id for each in pull_requests]
    with connection.cursor() as cursor:
        for table in (
            "marts.repo_prs",
            "marts.file_changes",
            "staging.stg_github__pull_requests",
            "staging.stg_github__pull_request_files",
            "staging.stg_github__pull_request_commits",
            "staging.stg_github__pull_request_closing_issues",
            "staging.stg_github__pull_request_comments",
            "staging.stg_github__pull_request_reviews",
            "staging.stg_github__pull_request_review_comments",
        ):
            cursor.execute(f"delete from {table} where pr_id = any(%s)", (ids,))
    connection.commit()
