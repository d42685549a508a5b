"""Pull requests of GitHub repositories with everything around them, as a dlt source.

Data flow::

    repositories ──list──▶ ids and times ──diff──▶ changed ids ──hydrate──▶ pull_requests, pull_request_files, …
                                                                            users, repositories

Cost for N pull requests, all entities: about 0.05 N requests and 0.15 N points; for an unchanged repository 1 request.
GitHub's API has facts and limits of its own; see `client.py` and `hydration.py`.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.common.schema.typing import TSchemaContractDict
from dlt.common.typing import TDataItem
from dlt.extract import DltResource

from ingestion.sources.github import tables
from ingestion.sources.github.access import connect_to_github
from ingestion.sources.github.client import Spent
from ingestion.sources.github.extraction import Extraction
from ingestion.sources.github.hydration import BATCH
from ingestion.sources.github.known import NothingKnown
from ingestion.sources.github.owners import Candidate, repositories_of
from ingestion.sources.github.packages import Package
from ingestion.sources.github.reports import Options, Report
from ingestion.sources.github.shaping import TOMBSTONE
from warehouse.errors import PlimsollError
from warehouse.settings import load_settings

logger = logging.getLogger(__name__)

__all__ = ["github", "package_source"]

SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
"""New tables and columns are welcome; a changed type fails loudly, since what reads it would go wrong silently."""


@dlt.source(name="github", max_table_nesting=0, schema_contract=SCHEMA_CONTRACT)
def github(
    repositories: Sequence[str] = (),
    owners: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
    batch_size: int = BATCH,
    workers: int = 8,
    with_patches: bool = False,
    keep_emails: bool = False,
) -> DltResource:
    """Load repositories' pull requests into any dlt destination.

    For a pipeline of your own. It knows only its own state: each run lists what was updated since the last one and
    loads that again. Deleted pull requests, resuming within a run and the ledger of runs need the tables of a Postgres,
    and come with `python -m ingestion github`.

    Args:
        repositories: `owner/name`, each.
        owners: organisations or users, whose repositories are loaded too.
        since: load what was updated then or later, on a first run; later runs begin where the last ended.
        until: leave out what was updated later.
        full_refresh: load everything again.
        batch_size: pull requests a request, at most 100.
        workers: requests in flight.
        with_patches: load patches of changed files, one more request a pull request.
        keep_emails: keep e-mail addresses of commits, not only their hash.

    Returns:
        One resource, which yields Arrow tables for all raw tables; they are merged on GitHub's ids, the children of a
        pull request replaced as a whole.

    Raises:
        PlimsollError: none of the repositories could be loaded, and dlt keeps nothing of the run. One that could not
            beside others that could is an error in the log; what was read of it is kept, and the next run goes on.
    """

    def packages() -> Iterator[Package]:
        memory = dlt.current.source_state().setdefault("repositories", {})
        stop = threading.Event()
        with connect_to_github(load_settings(), stop=stop, max_in_flight=workers) as client:
            candidates = [Candidate(name) for name in repositories]
            for owner in owners:
                candidates += repositories_of(client, owner, Spent())
            options = Options(since, until, full_refresh, False, batch_size, workers, with_patches, keep_emails)
            reports: list[Report] = []
            for package in Extraction(client, candidates, NothingKnown(), memory, options, stop).packages():
                yield package
                reports += package.reports
            raise_failures(reports)

    return _raw_tables(packages())


@dlt.source(name="github", max_table_nesting=0, schema_contract=SCHEMA_CONTRACT)
def package_source(package: Package) -> DltResource:
    """One package as a source, for loading run by run what one extraction hands out."""
    return _raw_tables([package])


def raise_failures(reports: Sequence[Report]) -> None:
    """Raise for the first repository that could not be loaded if there is no other; else log those that could not."""
    failures = [PlimsollError(report.error, where=report.repository) for report in reports if report.error is not None]
    if failures and len(failures) == len(reports):
        raise failures[0]
    for failure in failures:
        logger.error("%s", failure)


def _raw_tables(packages: Iterable[Package]) -> DltResource:
    @dlt.resource(name="raw_tables", max_table_nesting=0)
    def raw_tables() -> Iterator[TDataItem]:
        remembered = dlt.current.source_state().setdefault("repositories", {})
        for package in packages:
            made = dlt.current.source_schema().data_table_names(seen_data_only=True)
            for table, rows in package.arrow_tables():
                # an empty table makes the table where there was none, and is only overhead elsewhere
                if rows.num_rows or table.name not in made:
                    yield dlt.mark.with_hints(rows, hints_of(table, rows.num_rows), create_table_variant=True)
            for repository_id, memory in package.memory.items():
                remembered.setdefault(repository_id, {}).update(memory)

    return raw_tables


def hints_of(table: tables.Table, row_count: int) -> Any:
    """What dlt needs to know of a raw table: types, keys, and how rows replace what is there."""
    columns: dict[str, Any] = {name: {"data_type": kind, "nullable": True} for name, kind in table.columns.items()}
    if table.is_child:
        # a tombstone deletes a pull request's rows and is not loaded itself
        columns[TOMBSTONE] = {"data_type": "bool", "hard_delete": True, "nullable": True}
    return dlt.mark.make_hints(
        table_name=table.name,
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        columns=columns,
        # children are replaced per pull request, so that what GitHub has no longer goes
        primary_key=() if table.is_child else table.primary_key,
        merge_key="pull_request_id" if table.is_child else (),
        # ADBC copies Parquet as it is, but fails over a file without rows. CSV, which dlt makes of Arrow by default,
        # takes as much time again and makes nulls of empty texts.
        file_format="parquet" if row_count else None,
    )
