"""What `make bench-ingest` compares with: a reader of GitHub's REST API as it is usually written.

It asks for the lists of each pull request and remembers nothing from run to run.
"""

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import httpx

from warehouse.errors import PlimsollError

HEADERS = {"Authorization": "Bearer bench"}
PAGE = 100
LISTS = ("pulls/{}/files", "pulls/{}/commits", "pulls/{}/reviews", "pulls/{}/comments", "issues/{}/comments")


def read_by_rest(api_url: str, repository: str, count: int, workers: int) -> int:
    """Read the first pull requests of a repository and all their lists, some at a time; how many requests it took."""
    with (
        httpx.Client(base_url=f"{api_url}/repos/{repository}/", headers=HEADERS, timeout=60) as client,
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
    ):
        numbers: list[int] = []
        requests = 0
        for rows in _pages(client, "pulls"):
            requests += 1
            numbers += [row["number"] for row in rows]
            if len(numbers) >= count:
                break

        def read_lists(number: int) -> int:
            return sum(1 for path in LISTS for _ in _pages(client, path.format(number)))

        return requests + sum(pool.map(read_lists, numbers[:count]))


def _pages(client: httpx.Client, path: str) -> Iterator[list[Any]]:
    page, rows = 1, [None] * PAGE
    while len(rows) == PAGE:
        answer = client.get(path, params={"per_page": PAGE, "page": page, "state": "all"})
        if answer.status_code != httpx.codes.OK:
            raise PlimsollError(f"{path} answers HTTP {answer.status_code}", where=str(client.base_url))
        rows = answer.json()
        yield rows
        page += 1
