"""The connections of a pull request, declared once: how each is asked for, paged, and which raw table it fills."""

from dataclasses import dataclass

from ingestion.sources.github import tables
from ingestion.sources.github.shaping import Json
from ingestion.sources.github.tables import Table

PAGE = 100
"""The most that GitHub gives of a connection at once."""


@dataclass(frozen=True)
class Connection:
    """A connection of a pull request, and how to page it.

    Attributes:
        field: its GraphQL name.
        table: the raw table of its rows.
        fragment: what to ask of it.
        arguments: its arguments beside `first` and `after`.
    """

    field: str
    table: Table
    fragment: str
    arguments: str = ""


_EVENT_TYPES = (
    "CONVERT_TO_DRAFT_EVENT, READY_FOR_REVIEW_EVENT, CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT, "
    "REVIEW_REQUESTED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT, RENAMED_TITLE_EVENT"
)
THREADS = Connection("reviewThreads", tables.REVIEW_THREADS, "Threads")
COMMITS = Connection("commits", tables.COMMITS, "CommitsWithParents")
CONNECTIONS = (
    Connection("files", tables.FILES, "Files"),
    COMMITS,
    Connection("reviews", tables.REVIEWS, "Reviews"),
    Connection("comments", tables.COMMENTS, "Comments"),
    THREADS,
    Connection("labels", tables.LABELS, "Labels"),
    Connection("assignees", tables.ASSIGNEES, "Assignees"),
    Connection("reviewRequests", tables.REVIEW_REQUESTS, "ReviewRequests"),
    Connection("closingIssuesReferences", tables.CLOSING_ISSUES, "ClosingIssues"),
    Connection("timelineItems", tables.EVENTS, "Events", f", itemTypes: [{_EVENT_TYPES}]"),
)
THREAD_COMMENTS = Connection("comments", tables.REVIEW_COMMENTS, "ThreadComments")


def has_more(holder: Json, connection: Connection) -> bool:
    """Whether an object's connection goes on after what was read of it."""
    found = holder.get(connection.field)
    return bool(found and found.get("pageInfo", {}).get("hasNextPage"))
