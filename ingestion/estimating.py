"""What a run would cost, from cheap counts."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ingestion import DATASET
from ingestion.database import connected
from ingestion.loading import Memory, Selection, candidates_of, open_pipeline
from ingestion.raw_store import RawStore
from ingestion.sources.github.access import connect_to_github
from ingestion.sources.github.batch_size import BatchSize
from ingestion.sources.github.client import GitHubClient, NotFoundError, Spent
from ingestion.sources.github.connections import PAGE
from ingestion.sources.github.hydration import BATCHES, ROUNDS_BATCH
from ingestion.sources.github.listing import OVERLAP, ListPage, PullRequestList, changed, moment
from ingestion.sources.github.owners import Candidate
from ingestion.sources.github.pull_requests import Entry
from ingestion.sources.github.reports import Options
from ingestion.sources.github.repository_run import is_unmoved, lacks_patches
from ingestion.sources.github.tokens import POINTS_PER_MINUTE, REST_REQUESTS_PER_MINUTE
from warehouse.errors import PlimsollError
from warehouse.settings import Settings

POINTS_A_PULL_REQUEST = 0.15
POINTS_A_CHANGED_ONE = 0.3
"""What changed is read in one round, which takes fewer requests; what is new to the tables in two, for fewer points."""

SECONDS_A_REQUEST = 1.5
"""Measured on GitHub for requests of this weight: 1 to 3 s; with pages of a list well under."""

POINTS_AN_HOUR = 5000
REST_REQUESTS_AN_HOUR = 5000
"""A token's budgets, which GitHub keeps apart."""


@dataclass(frozen=True)
class Estimate:
    """What loading a repository would cost.

    Attributes:
        repository: `owner/name`.
        pull_requests: how many it has.
        to_load: how many a run would read.
        requests: to GitHub, REST included.
        rest_requests: those of them that go by REST, for patches.
        points: of GraphQL.
        minutes: its share of what the whole run takes with the workers asked for, waits for the budgets of all tokens
            included.
        error: why it cannot be told.
    """

    repository: str
    pull_requests: int = 0
    to_load: int = 0
    requests: int = 0
    rest_requests: int = 0
    points: int = 0
    minutes: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class _Listing:
    """What a run would find in a repository's list, and what reading that list would cost."""

    total: int
    to_load: int
    requests: int
    points: int


def estimate(settings: Settings, selection: Selection, options: Options) -> list[Estimate]:
    """Estimate a run.

    It costs what looking for the repositories costs, one request per hundred of an organisation. One that has not moved
    since it was loaded costs nothing more, nor does one of an organisation that would be read whole; a repository given
    by name costs one request of one point. Where only what changed would be read, or a range of dates, the list is read
    as far down as the run would read it: one request and one point per hundred pull requests.

    Raises:
        PlimsollError: GitHub or Postgres cannot be reached.
    """
    with (
        connected(settings) as connection,
        open_pipeline(settings) as pipeline,
        connect_to_github(settings, max_in_flight=options.workers) as client,
    ):
        store = RawStore(connection, DATASET)
        candidates, unreadable, _ = candidates_of(client, selection, store)
        estimator = _Estimator(client, store, Memory(pipeline, store).restored(), options)
        found = [Estimate(report.repository, error=report.error) for report in unreadable]
        found += map(estimator.estimate, candidates)
        return list(_timed(found, options.workers, client.token_count))


class _Estimator:
    """Estimates repositories one by one, without the time, which depends on them all."""

    def __init__(
        self, client: GitHubClient, store: RawStore, memory: Mapping[str, Mapping[str, Any]], options: Options
    ) -> None:
        self._client = client
        self._store = store
        self._memory = memory
        self._options = options

    def estimate(self, candidate: Candidate) -> Estimate:
        """What one repository would cost."""
        options = self._options
        if is_unmoved(candidate, self._store, self._memory, options):
            return Estimate(candidate.name, candidate.total or 0)
        try:
            pages = PullRequestList(self._client, candidate.name, Spent(), with_counts=False)
            page = pages.first() if candidate.id is None else None
            repository_id = int(page.repository["databaseId"]) if page else int(candidate.id or 0)
            remembered = self._memory.get(str(repository_id), {})
            watermark = remembered.get("watermark")
            adds_patches = lacks_patches(options, remembered)
            whole = bool(watermark) and not (adds_patches or options.full_refresh or options.reconcile)
            known = self._store.pull_requests(repository_id, with_patches=adds_patches)
            if not options.is_ranged and (options.full_refresh or not watermark):
                total = page.total if page else candidate.total or 0
                to_load = total if options.full_refresh else max(0, total - len(known))
                listing = _whole_list(total, to_load)
            else:
                listing = self._walk(pages, page or pages.first(), known, watermark, whole)
        except NotFoundError:
            return Estimate(candidate.name, error="GitHub has no such repository, or the token may not see it")
        except PlimsollError as error:
            return Estimate(candidate.name, error=str(error))
        to_load = listing.to_load
        width = BatchSize(min(options.batch_size, 100), remembered.get("batch_size")).current
        batches = math.ceil(to_load / (width if whole else min(width, ROUNDS_BATCH)))
        requests = listing.requests + batches
        if not whole:
            requests += math.ceil(batches / BATCHES)
        points = listing.points + math.ceil(to_load * (POINTS_A_CHANGED_ONE if whole else POINTS_A_PULL_REQUEST))
        patches = options.with_patches if options.with_patches is not None else remembered.get("with_patches")
        rest_requests = to_load if patches else 0
        return Estimate(candidate.name, listing.total, to_load, requests + rest_requests, rest_requests, points)

    def _walk(
        self, pages: PullRequestList, page: ListPage, known: Mapping[int, datetime], watermark: str | None, whole: bool
    ) -> _Listing:
        """Read the list from its newest end, as far as anything there may have changed or decides what is asked for."""
        options, total = self._options, page.total
        bottom = options.since or options.until
        if options.since is None and watermark and not options.full_refresh:
            bottom = moment(watermark) - OVERLAP
        seen = {entry.id: entry for entry in page.newest}
        requests = 1
        while not page.is_last and (bottom is None or moment(page.newest[-1].updated_at) >= bottom):
            page = pages.newer()
            requests += 1
            seen |= {entry.id: entry for entry in page.newest}
        wanted = list(self._within_dates(seen.values()))
        to_load = len(wanted if options.full_refresh else list(changed(wanted, known)))
        is_read_whole = options.since is None and (options.reconcile or options.full_refresh or not watermark)
        # what was not seen is below all dates: it is unchanged, or was never loaded
        missing = total - len(seen) - (0 if options.full_refresh else len(known.keys() - seen.keys()))
        if is_read_whole or not options.is_ranged:
            to_load += max(0, missing)
        if is_read_whole:
            return _whole_list(total, to_load)
        points = requests * (2 if whole else 1)
        if missing and not options.is_ranged:
            # the counts differ, for which a run reads the rest of the list
            rest = math.ceil((total - len(seen)) / (2 * PAGE))
            requests += rest
            points += 4 * rest
        return _Listing(total, to_load, requests, points)

    def _within_dates(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        since, until = self._options.since, self._options.until
        for entry in entries:
            at = moment(entry.updated_at)
            if (since is None or at >= since) and (until is None or at <= until):
                yield entry


def _whole_list(total: int, to_load: int) -> _Listing:
    """A list that is read whole: one page, then two in each request, from both ends at once."""
    requests = 1 + math.ceil(max(0, total - PAGE) / (2 * PAGE))
    return _Listing(total, to_load, requests, points=requests)


def _timed(estimates: Sequence[Estimate], workers: int, tokens: int) -> Iterator[Estimate]:
    """The estimates with each one's share of the run's minutes: all of them draw on the same budgets."""
    requests = sum(e.requests for e in estimates)
    working = requests * SECONDS_A_REQUEST / workers
    points = sum(e.points for e in estimates) / tokens
    rest_requests = sum(e.rest_requests for e in estimates) / tokens
    seconds = max(
        working,
        _seconds(points, POINTS_AN_HOUR, POINTS_PER_MINUTE, working),
        _seconds(rest_requests, REST_REQUESTS_AN_HOUR, REST_REQUESTS_PER_MINUTE, working),
    )
    for e in estimates:
        share = e.requests / requests if requests else 0.0
        yield replace(e, minutes=round(share * seconds / 60, 1))


def _seconds(spent: float, an_hour: int, a_minute: int, working: float) -> float:
    """How long it takes one token to spend so much of a budget, in a run that works for so long."""
    # the last hour's share is spent at the pace of the work
    hours_waited = max(0, math.ceil(spent / an_hour) - 1)
    last = working * (1 - hours_waited * an_hour / spent) if spent else 0.0
    return max(hours_waited * 3600 + last, spent / a_minute * 60)
