"""What a run would cost, from cheap counts: one request a repository, or one per hundred of an organisation."""

import math
from dataclasses import dataclass

from ingestion import DATASET
from ingestion.loading import Selection, candidates_of
from ingestion.raw_store import RawStore
from ingestion.sources.github.access import connect_to_github
from ingestion.sources.github.client import NotFoundError, Spent
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.hydration import BATCHES
from ingestion.sources.github.listing import PullRequestList, changed
from ingestion.sources.github.reports import Options
from warehouse import postgres
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

POINTS_A_PULL_REQUEST = 0.15
POINTS_A_CHANGED_ONE = 0.3
"""What changed is read in one round, which takes fewer requests; what is new to the tables in two, for fewer points."""

SECONDS_A_REQUEST = 1.5
"""Measured on GitHub for requests of this weight: 1 to 3 s; with pages of a list well under."""

POINTS_AN_HOUR = 5000


@dataclass(frozen=True)
class Estimate:
    """What loading a repository would cost.

    Attributes:
        repository: `owner/name`.
        pull_requests: how many it has.
        to_load: how many a run would read.
        requests: to GitHub, REST included.
        points: of GraphQL.
        minutes: with the workers asked for, waits for the hourly budget of one token included.
        error: why it cannot be told.
    """

    repository: str
    pull_requests: int = 0
    to_load: int = 0
    requests: int = 0
    points: int = 0
    minutes: float = 0.0
    error: str | None = None


def estimate(settings: Settings, selection: Selection, options: Options) -> list[Estimate]:
    """Estimate a run.

    Raises:
        PlimsollError: GitHub or Postgres cannot be reached.
    """
    connection = postgres.connect(settings, autocommit=True)
    try:
        store = RawStore(connection, DATASET)
        with connect_to_github(settings, max_in_flight=options.workers) as client:
            candidates, unreadable, _ = candidates_of(client, selection, store)
            found = [Estimate(report.repository, error=report.error) for report in unreadable]
            for candidate in candidates:
                try:
                    page = PullRequestList(client, candidate.name, Spent(), with_counts=False).first()
                except NotFoundError:
                    found.append(
                        Estimate(candidate.name, error="GitHub has no such repository, or the token may not see it")
                    )
                    continue
                except PlimsollError as error:
                    found.append(Estimate(candidate.name, error=str(error)))
                    continue
                known = store.pull_requests(int(page.repository["databaseId"]))
                moved = sum(1 for _ in changed((e for e in page.newest if e.id in known), known))
                to_load = page.total if options.full_refresh else max(0, page.total - len(known)) + moved
                found.append(_estimated(candidate.name, page.total, to_load, options, is_first=not known))
            return found
    finally:
        connection.close()


def _estimated(name: str, total: int, to_load: int, options: Options, *, is_first: bool) -> Estimate:
    batches = math.ceil(to_load / options.batch_size)
    if is_first or options.reconcile or options.full_refresh:
        # from both ends at once
        pages = max(1, math.ceil(total / (2 * PAGE)))
        requests = pages + batches + math.ceil(batches / BATCHES)
        points = pages + math.ceil(to_load * POINTS_A_PULL_REQUEST)
    else:
        pages = 1 + to_load // PAGE
        requests = pages + batches
        points = 2 * pages + math.ceil(to_load * POINTS_A_CHANGED_ONE)
    if options.with_patches:
        requests += to_load
    working = requests * SECONDS_A_REQUEST / options.workers
    waiting = points // POINTS_AN_HOUR * 3600
    return Estimate(name, total, to_load, requests, points, round((working + waiting) / 60, 1))
