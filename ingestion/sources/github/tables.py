"""The raw tables: columns, types and keys, declared once as data.

Everything that needs to know what `raw_github` looks like reads it here: the shaping of GitHub's answers, the dlt
resources, the empty tables of a fresh warehouse and the checks. Ids are GitHub's database ids (`bigint`) where
GitHub has one, node ids (`text`) for threads, labels and events, which have none.
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["bigint", "text", "bool", "timestamp"]


@dataclass(frozen=True)
class Table:
    """One raw table.

    Attributes:
        name: the table's name in the dataset.
        columns: column name to dlt data type, in order.
        primary_key: the columns that identify a row, GitHub's own id wherever there is one.
        is_child: True for a child of a pull request: its rows are replaced per pull request, so that what GitHub no
            longer lists disappears.
        total: the column of `pull_requests` with GitHub's `totalCount` of this table's rows; None where there is
            none.
    """

    name: str
    columns: dict[str, ColumnType]
    primary_key: tuple[str, ...]
    is_child: bool = False
    total: str | None = None


REPOSITORIES = Table(
    name="repositories",
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "name_with_owner": "text",
        "owner_login": "text",
        "name": "text",
        "description": "text",
        "url": "text",
        "is_private": "bool",
        "is_archived": "bool",
        "is_fork": "bool",
        "primary_language": "text",
        "default_branch": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "pushed_at": "timestamp",
        "pull_requests_total": "bigint",
        # when a run first could not read the repository; null while it can be read
        "unreadable_at": "timestamp",
    },
)

USERS = Table(
    name="users",
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "login": "text",
        # GraphQL's __typename: User, Bot, Mannequin, Organization, EnterpriseUserAccount
        "type": "text",
        "name": "text",
        "avatar_url": "text",
        "url": "text",
        # when a run first found the account gone; its work is then ghost's, as on GitHub's own pages
        "deleted_at": "timestamp",
    },
)

PULL_REQUESTS = Table(
    name="pull_requests",
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "repository_id": "bigint",
        "number": "bigint",
        "title": "text",
        "body": "text",
        "state": "text",
        "is_draft": "bool",
        "is_locked": "bool",
        "is_cross_repository": "bool",
        "author_id": "bigint",
        "author_association": "text",
        "merged_by_id": "bigint",
        "review_decision": "text",
        "base_ref_name": "text",
        "base_ref_oid": "text",
        "head_ref_name": "text",
        "head_ref_oid": "text",
        "head_repository": "text",
        "merge_commit_oid": "text",
        "milestone_id": "text",
        "milestone_number": "bigint",
        "milestone_title": "text",
        "milestone_due_on": "timestamp",
        "additions": "bigint",
        "deletions": "bigint",
        "changed_files": "bigint",
        "url": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "last_edited_at": "timestamp",
        "closed_at": "timestamp",
        "merged_at": "timestamp",
        # GitHub's totalCount of every nested connection; a test holds the loaded rows against them
        "files_total": "bigint",
        "commits_total": "bigint",
        "reviews_total": "bigint",
        "review_threads_total": "bigint",
        "comments_total": "bigint",
        "labels_total": "bigint",
        "assignees_total": "bigint",
        "review_requests_total": "bigint",
        "closing_issues_total": "bigint",
        "events_total": "bigint",
        # when a run first found the pull request gone from GitHub; null while it is there
        "deleted_at": "timestamp",
    },
)

FILES = Table(
    name="pull_request_files",
    is_child=True,
    total="files_total",
    primary_key=("pull_request_id", "path"),
    columns={
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "path": "text",
        "previous_path": "text",
        "change_type": "text",
        "additions": "bigint",
        "deletions": "bigint",
        # only with patches on request; null for binary files and where GitHub left the patch out
        "patch": "text",
        # loaded | too_large | binary | not_listed; null where patches were not asked for
        "patch_status": "text",
    },
)

COMMITS = Table(
    name="pull_request_commits",
    is_child=True,
    total="commits_total",
    primary_key=("pull_request_id", "oid"),
    columns={
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "oid": "text",
        "position": "bigint",
        "message": "text",
        "authored_at": "timestamp",
        "committed_at": "timestamp",
        "author_name": "text",
        "author_email_hash": "text",
        "author_email": "text",
        "author_user_id": "bigint",
        "committer_name": "text",
        "committer_email_hash": "text",
        "committer_email": "text",
        "committer_user_id": "bigint",
        "parents_count": "bigint",
    },
)

REVIEWS = Table(
    name="pull_request_reviews",
    is_child=True,
    total="reviews_total",
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "author_id": "bigint",
        "author_association": "text",
        "state": "text",
        "body": "text",
        "commit_oid": "text",
        "url": "text",
        "created_at": "timestamp",
        "submitted_at": "timestamp",
        "updated_at": "timestamp",
    },
)

REVIEW_THREADS = Table(
    name="pull_request_review_threads",
    is_child=True,
    total="review_threads_total",
    primary_key=("id",),
    columns={
        "id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "path": "text",
        "line": "bigint",
        "start_line": "bigint",
        "original_line": "bigint",
        "diff_side": "text",
        "subject_type": "text",
        "is_resolved": "bool",
        "is_outdated": "bool",
        "resolved_by_id": "bigint",
        "comments_total": "bigint",
    },
)

REVIEW_COMMENTS = Table(
    name="pull_request_review_comments",
    is_child=True,
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "thread_id": "text",
        "review_id": "bigint",
        "reply_to_id": "bigint",
        "author_id": "bigint",
        "author_association": "text",
        "body": "text",
        "path": "text",
        "line": "bigint",
        "original_line": "bigint",
        "is_minimized": "bool",
        "url": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
)

COMMENTS = Table(
    name="pull_request_comments",
    is_child=True,
    total="comments_total",
    primary_key=("id",),
    columns={
        "id": "bigint",
        "node_id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "author_id": "bigint",
        "author_association": "text",
        "body": "text",
        "is_minimized": "bool",
        "url": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
)

LABELS = Table(
    name="pull_request_labels",
    is_child=True,
    total="labels_total",
    primary_key=("pull_request_id", "label_id"),
    columns={
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "label_id": "text",
        "name": "text",
        "color": "text",
        "description": "text",
    },
)

ASSIGNEES = Table(
    name="pull_request_assignees",
    is_child=True,
    total="assignees_total",
    primary_key=("pull_request_id", "user_id"),
    columns={"pull_request_id": "bigint", "repository_id": "bigint", "user_id": "bigint"},
)

REVIEW_REQUESTS = Table(
    name="pull_request_review_requests",
    is_child=True,
    total="review_requests_total",
    primary_key=("id",),
    columns={
        "id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        # User, Bot, Mannequin or Team
        "reviewer_type": "text",
        "reviewer_user_id": "bigint",
        # owner/slug of a team; null for a person
        "reviewer_team": "text",
        "is_code_owner": "bool",
    },
)

CLOSING_ISSUES = Table(
    name="pull_request_closing_issues",
    is_child=True,
    total="closing_issues_total",
    primary_key=("pull_request_id", "issue_id"),
    columns={
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        "issue_id": "bigint",
        "issue_repository": "text",
        "issue_number": "bigint",
        "issue_title": "text",
        "issue_state": "text",
        "issue_url": "text",
    },
)

EVENTS = Table(
    name="pull_request_events",
    is_child=True,
    total="events_total",
    primary_key=("id",),
    columns={
        "id": "text",
        "pull_request_id": "bigint",
        "repository_id": "bigint",
        # GraphQL's __typename: ConvertToDraftEvent, ReadyForReviewEvent, ClosedEvent, ReopenedEvent, MergedEvent,
        # ReviewRequestedEvent, HeadRefForcePushedEvent, RenamedTitleEvent
        "type": "text",
        "actor_id": "bigint",
        "created_at": "timestamp",
        # ReviewRequestedEvent
        "requested_user_id": "bigint",
        "requested_team": "text",
        # HeadRefForcePushedEvent
        "before_oid": "text",
        "after_oid": "text",
        # RenamedTitleEvent
        "previous_title": "text",
        "current_title": "text",
    },
)

TABLES: tuple[Table, ...] = (
    REPOSITORIES,
    USERS,
    PULL_REQUESTS,
    FILES,
    COMMITS,
    REVIEWS,
    REVIEW_THREADS,
    REVIEW_COMMENTS,
    COMMENTS,
    LABELS,
    ASSIGNEES,
    REVIEW_REQUESTS,
    CLOSING_ISSUES,
    EVENTS,
)
CHILDREN: tuple[Table, ...] = tuple(table for table in TABLES if table.is_child)
