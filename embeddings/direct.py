"""Queries that name what they want, answered from the marts."""

from typing import Any

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from embeddings import rows
from embeddings.collections import FILE_CHANGES, Collection
from embeddings.filters import Filters
from embeddings.routes import Route


def answer(
    connection: PsycopgConnection, collection: Collection, route: Route, filters: Filters, limit: int
) -> list[dict[str, Any]]:
    """The rows that a direct route names, newest first; empty if the marts have none."""
    condition = filters.condition(collection)
    clauses, parameters = [condition.sql] if condition.sql else [], [*condition.parameters]
    if route.repo_name is not None:
        clauses.append('lower(mart.repo_name collate "C") = lower(%s collate "C")')
        parameters.append(route.repo_name)
    if route.number is not None:
        clauses.append("mart.pr_number = %s")
        parameters.append(route.number)
    if route.author is not None:
        clauses.append('lower(mart.author collate "C") = lower(%s collate "C")')
        parameters.append(route.author)
    if route.path is not None:
        # the whole path, its end, the folder or a part in the middle: whole segments, see `is_on`
        on_path = "'/' || file_path || '/' ilike %s"
        parameters.append(f"%/{_like(route.path)}/%")
        if collection is FILE_CHANGES:
            clauses.append(on_path)
        else:
            clauses.append(f"mart.pr_id in (select pr_id from marts.file_changes where {on_path})")
    columns = "repo_name, pr_number, file_path" if collection is FILE_CHANGES else "repo_name, pr_number"
    order = "lines_changed desc, file_path" if collection is FILE_CHANGES else "pr_number desc"
    with connection.cursor() as cursor:
        rows.execute(
            cursor,
            f"select {columns} from marts.{collection.mart} as mart where {' and '.join(clauses)} "
            f"order by created_at desc, {order} limit %s",
            (*parameters, limit),
        )
        keys = cursor.fetchall()
    found = {_key(row, collection): row for row in rows.rows_by_key(connection, collection, keys)}
    return [found[key] for key in keys if key in found]


def is_on(file_path: str, path: str) -> bool:
    """Whether a file's path holds the segments of another one in a row, in any case."""
    return f"/{path}/".lower() in f"/{file_path}/".lower()


def _key(row: dict[str, Any], collection: Collection) -> tuple[Any, ...]:
    key = (row["repo_name"], row["pr_number"])
    return (*key, row["file_path"]) if collection is FILE_CHANGES else key


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
