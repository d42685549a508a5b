"""What the documents are made of: the marts' rows, with bodies, commits, conversations and patches from staging."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812
from psycopg2.extras import RealDictCursor

from embeddings.collections import FILE_CHANGES, PR_INDEX, Collection
from embeddings.documents import Document, file_change_document, pull_request_document
from warehouse.errors import PlimsollError

FETCH_ROWS = 2000

# an index takes 8,000 bytes of a conversation: more of it need not leave Postgres
COMMENT_CHARACTERS = 2000
COMMENTS = 60

PULL_REQUESTS = f"""
with pull_requests as (
    select * from marts.repo_prs as mart where {{condition}}
),

commits as (
    select pr_id, array_agg(message order by position) as commit_messages
    from staging.stg_github__pull_request_commits
    where pr_id in (select pr_id from pull_requests)
    group by pr_id
),

files as (
    select
        pr_id,
        array_agg(file_path order by lines_changed desc, file_path collate "C") as file_paths
    from marts.file_changes
    where pr_id in (select pr_id from pull_requests)
    group by pr_id
),

languages as (
    select pr_id, (array_agg(language order by lines_changed desc, language collate "C"))[1] as language
    from (
        select pr_id, language, sum(lines_changed) as lines_changed
        from marts.file_changes
        where {{is_entity}} and pr_id in (select pr_id from pull_requests) and language is not null
        group by pr_id, language
    ) as changed
    group by pr_id
),

issues as (
    select pr_id, array_agg(issue_title order by issue_repository collate "C", issue_number) as issue_titles
    from staging.stg_github__pull_request_closing_issues
    where pr_id in (select pr_id from pull_requests) and issue_title is not null
    group by pr_id
),

-- the owner of a token is shown the review that is still being written; nobody else has seen its comments
unsubmitted as (
    select pr_id, review_id
    from staging.stg_github__pull_request_reviews
    where pr_id in (select pr_id from pull_requests) and submitted_at is null
),

said as (
    select pr_id, author_account_id, created_at, body
    from staging.stg_github__pull_request_comments
    where pr_id in (select pr_id from pull_requests) and is_minimized is not true

    union all

    select pr_id, author_account_id, submitted_at as created_at, body
    from staging.stg_github__pull_request_reviews
    where pr_id in (select pr_id from pull_requests) and submitted_at is not null

    union all

    select inline_comments.pr_id, inline_comments.author_account_id, inline_comments.created_at, inline_comments.body
    from staging.stg_github__pull_request_review_comments as inline_comments
    left join unsubmitted
        on inline_comments.pr_id = unsubmitted.pr_id and inline_comments.review_id = unsubmitted.review_id
    where
        inline_comments.pr_id in (select pr_id from pull_requests)
        and inline_comments.is_minimized is not true
        and unsubmitted.review_id is null
),

conversations as (
    select
        said.pr_id,
        (array_agg(left(said.body, {COMMENT_CHARACTERS}) order by said.created_at, said.body collate "C"))[:{COMMENTS}]
            as conversation
    from said
    left join staging.stg_github__users as users on said.author_account_id = users.account_id
    left join marts.authors as bots on users.login || '[bot]' = bots.username
    where
        said.body <> ''
        and bots.username is null
        and users.account_type is distinct from 'Bot'
        and right(users.login, 5) is distinct from '[bot]'
    group by said.pr_id
)

select
    pull_requests.repo_name, pull_requests.pr_id, pull_requests.pr_number, pull_requests.title, pull_requests.author,
    pull_requests.created_at, pull_requests.merged_at, pull_requests.is_merged, pull_requests.additions,
    pull_requests.deletions, pull_requests.labels_full, pull_requests.risk_score, pull_requests.high_risk,
    pull_requests.is_feature, pull_requests.url, staged.body, staged.head_ref_name, commits.commit_messages,
    files.file_paths, languages.language, issues.issue_titles, conversations.conversation
from pull_requests
left join staging.stg_github__pull_requests as staged on pull_requests.pr_id = staged.pr_id
left join commits on pull_requests.pr_id = commits.pr_id
left join files on pull_requests.pr_id = files.pr_id
left join languages on pull_requests.pr_id = languages.pr_id
left join issues on pull_requests.pr_id = issues.pr_id
left join conversations on pull_requests.pr_id = conversations.pr_id
"""

FILE_CHANGE_ROWS = """
with files as (
    select * from marts.file_changes as mart where {condition}
)

select
    files.repo_name, files.pr_id, files.pr_number, files.file_path, files.language, files.lines_changed, files.author,
    files.created_at, files.merged_at, pull_requests.title, pull_requests.is_merged, pull_requests.labels_full,
    pull_requests.high_risk, pull_requests.is_feature, files.risk as risk_score, pull_requests.url, staged.patch
from files
inner join marts.repo_prs as pull_requests on files.pr_id = pull_requests.pr_id
left join staging.stg_github__pull_request_files as staged
    on files.pr_id = staged.pr_id and files.file_path = staged.file_path
"""


@dataclass(frozen=True)
class RowSource:
    """How a collection's rows are read and made into documents.

    Attributes:
        query: the rows; `{condition}` narrows the mart, and with `{is_entity}` false it leaves out what an entity has
            and no search shows, which takes time to look up.
        id: the document's id, as an expression of SQL on the mart's or the query's columns.
        is_whole: a condition on the mart's rows: whether the query has them.
        document: a row → its document.
    """

    query: str
    id: str
    is_whole: str
    document: Callable[[Mapping[str, Any]], Document]


SOURCES: dict[str, RowSource] = {
    PR_INDEX.alias: RowSource(PULL_REQUESTS, "repo_name || '#' || pr_number", "true", pull_request_document),
    FILE_CHANGES.alias: RowSource(
        FILE_CHANGE_ROWS,
        "repo_name || '#' || pr_number || ':' || file_path",
        # one mart may have been built without the other
        "pr_id in (select pr_id from marts.repo_prs)",
        file_change_document,
    ),
}


def count_by_repository(connection: PsycopgConnection, collection: Collection) -> dict[str, int]:
    """Repository → how many documents the marts have of it."""
    is_whole = SOURCES[collection.alias].is_whole
    with connection.cursor() as cursor:
        execute(
            cursor,
            f"select repo_name, count(*) from marts.{collection.mart} where {is_whole} group by 1 order by 1",
            (),
        )
        return dict(cursor.fetchall())


def no_such_repository(repository: str) -> PlimsollError:
    """The error of one who asks for a repository that the marts do not have."""
    return PlimsollError(
        "the marts have no such repository",
        where=repository,
        remedy="Load it with python -m ingestion github --repo OWNER/NAME, then dbt build",
    )


def rows_of_repository(
    connection: PsycopgConnection, collection: Collection, repo_name: str
) -> Iterator[dict[str, Any]]:
    """The rows of one repository."""
    query = SOURCES[collection.alias].query.format(condition="repo_name = %s", is_entity="true")
    return stream(connection, query, (repo_name,), "rows")


def stream(
    connection: PsycopgConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any], name: str
) -> Iterator[dict[str, Any]]:
    """The rows of a query, read a few thousand at a time by a cursor of this name; commits what went before.

    Postgres sets the rows aside first: whoever embeds them on the way holds no lock on the marts, and dbt can replace
    them meanwhile.
    """
    with connection.cursor(name, withhold=True) as cursor:
        cursor.itersize = FETCH_ROWS
        execute(cursor, query, parameters)
        connection.commit()
        names: list[str] = []
        for values in cursor:
            # a named cursor knows its columns from the first row on
            names = names or [column.name for column in cursor.description or ()]
            yield dict(zip(names, values, strict=True))


def rows_by_key(
    connection: PsycopgConnection,
    collection: Collection,
    keys: Sequence[tuple[Any, ...]],
    condition: str = "",
    parameters: Sequence[object] = (),
) -> list[dict[str, Any]]:
    """The rows with these keys, (repo_name, pr_number[, file_path]), to be shown; those that are gone are left out.

    Args:
        connection: the warehouse.
        collection: whose rows.
        keys: their keys.
        condition: what the mart's rows, named `mart`, must meet besides; empty for nothing.
        parameters: the condition's.
    """
    if not keys:
        return []
    columns = "repo_name, pr_number, file_path" if collection is FILE_CHANGES else "repo_name, pr_number"
    narrowed = f"({columns}) in %s" + (f" and {condition}" if condition else "")
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        query = SOURCES[collection.alias].query.format(condition=narrowed, is_entity="false")
        execute(cursor, query, (tuple(keys), *parameters))
        return [dict(row) for row in cursor.fetchall()]


def execute(cursor: Any, query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> None:
    """Run a query on the marts.

    Raises:
        PlimsollError: the marts have not been built.
    """
    try:
        cursor.execute(query, parameters)
    except (
        psycopg2.errors.UndefinedTable,
        psycopg2.errors.InvalidSchemaName,
        psycopg2.errors.UndefinedColumn,
    ) as error:
        cursor.connection.rollback()
        raise PlimsollError(
            f"the warehouse has no marts to read: {str(error).splitlines()[0]}",
            remedy="Load and build them first: make run, or dbt build --project-dir dbt_project",
        ) from None
