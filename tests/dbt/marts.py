"""The marts as the tests compare them."""

from typing import Any

from tests.dbt.project import Project

# every table of schema marts and the key its rows are told apart by
KEYS = {
    "authors": ("username",),
    "repo_prs": ("repo_name", "pr_number"),
    "pull_request_lifecycle": ("repo_name", "pr_number"),
    "file_changes": ("repo_name", "pr_number", "file_path"),
    "author_metrics_daily": ("username", "repo_name", "day"),
    "author_metrics_window": ("username", "repo_name", "window_days", "end_date"),
    "author_prs_window": ("username", "repo_name", "window_days", "end_date", "pr_id"),
    "author_file_ownership": ("username", "repo_name", "window_days", "end_date", "file_path"),
}

Contents = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def read(project: Project) -> Contents:
    """Every row of every mart, by table and key."""
    return {
        table: {tuple(row[column] for column in key): row for row in project.rows(f"select * from marts.{table}")}
        for table, key in KEYS.items()
    }


def differences(left: Contents, right: Contents) -> list[str]:
    """What the two hold differently, `updated_at` apart; a line for each row."""
    found = []
    for table in KEYS:
        for key in left[table].keys() | right[table].keys():
            one, other = left[table].get(key), right[table].get(key)
            if one is None or other is None:
                found.append(f"{table} {key}: only in the {'second' if one is None else 'first'}")
                continue
            if one == other:
                continue
            found += [
                f"{table} {key}.{column}: {one[column]!r} against {other[column]!r}"
                for column in one
                if column != "updated_at" and one[column] != other[column]
            ]
    return sorted(found)


def wrong_update_times(before: Contents, after: Contents) -> list[str]:
    """Rows whose `updated_at` moved though nothing changed, or stood still though something did."""
    found = []
    for table in KEYS:
        for key in before[table].keys() & after[table].keys():
            one, other = before[table][key], after[table][key]
            if one == other:
                continue
            has_changed = any(one[column] != other[column] for column in one if column != "updated_at")
            has_moved = one["updated_at"] != other["updated_at"]
            if has_changed != has_moved:
                found.append(
                    f"{table} {key}: {'changed' if has_changed else 'unchanged'}, updated_at {other['updated_at']}"
                )
    return sorted(found)
