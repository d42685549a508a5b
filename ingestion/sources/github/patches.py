"""Patch texts, previous paths and statuses of changed files, by REST: GraphQL has none of them.

Two traps of that list: it ends at 3,000 files, and once an answer's patches reach about 20,000 lines it reports files
with 0 changed lines and no patch. Numbers of lines are therefore GraphQL's throughout, and each file says whether its
patch came.
"""

from ingestion.sources.github import tables
from ingestion.sources.github.client import GitHubClient, NotFoundError, Spent
from ingestion.sources.github.shaping import Row, Rows

PAGE = 100
FILES_AT_MOST = 3000


def add_patches(client: GitHubClient, repository: str, rows: Rows, spent: Spent) -> int:
    """Add to the rows of files what REST knows of them.

    `patch_status` becomes `loaded`, `too_large` (GitHub left the patch out although lines changed), `binary` (no lines
    and no patch, and neither added nor removed as an empty file or renamed), or `not_listed` (beyond the 3,000th file).

    Args:
        client: talks to GitHub.
        repository: `owner/name`.
        rows: hydrated pull requests with their files; changed in place.
        spent: is charged with every request.

    Returns:
        The number of files whose patch GitHub left out although lines changed, or did not list at all.
    """
    files: dict[int, dict[str, Row]] = {}
    for file in rows[tables.FILES]:
        files.setdefault(file["pull_request_id"], {})[file["path"]] = file
    for pull_request in rows[tables.PULL_REQUESTS]:
        own = files.get(pull_request["id"])
        if own:
            _add_to(client, repository, pull_request["number"], own, spent)
    return sum(row["patch_status"] in ("too_large", "not_listed") for own in files.values() for row in own.values())


def _add_to(client: GitHubClient, repository: str, number: int, files: dict[str, Row], spent: Spent) -> None:
    for row in files.values():
        row["patch_status"] = "not_listed"
    for page in range(1, FILES_AT_MOST // PAGE + 1):
        try:
            path = f"/repos/{repository}/pulls/{number}/files"
            listed = client.rest(path, {"per_page": PAGE, "page": page}, spent=spent)
        except NotFoundError:
            # gone since it was hydrated; the next list will tell
            break
        for item in listed:
            if item["filename"] not in files:
                continue
            row = files[item["filename"]]
            row["previous_path"] = item.get("previous_filename")
            row["patch"] = item.get("patch")
            if row["patch"] is not None:
                row["patch_status"] = "loaded"
            elif row["additions"] + row["deletions"] > 0:
                row["patch_status"] = "too_large"
            else:
                row["patch_status"] = "binary" if item["status"] in ("modified", "added", "changed") else "loaded"
        if len(listed) < PAGE:
            break
