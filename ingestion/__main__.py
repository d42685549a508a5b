"""The command line: `python -m ingestion github …`, `python -m ingestion status`."""

import dataclasses
from datetime import UTC, datetime, time, timedelta
from typing import Any

import click
from rich.table import Table

from warehouse import cli
from warehouse.errors import EXIT_FAILED
from warehouse.settings import load_settings

NUMBERS_SHOWN = 20
TABLE_WIDTH = 250


class Day(click.ParamType):  # type: ignore[type-arg]
    """A date or time in ISO form; a date means its beginning in UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a date. Write it as 2024-01-31", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Load GitHub into the warehouse's raw tables."""


@main.command()
@click.option("--repo", "repositories", multiple=True, metavar="OWNER/NAME", help="A repository; repeatable.")
@click.option("--org", "owners", multiple=True, metavar="NAME", help="An organisation's or user's repositories.")
@click.option("--include", multiple=True, metavar="PATTERN", help="With --org: only these, as in 'api-*'.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="With --org: not these.")
@click.option("--archived", is_flag=True, help="With --org: archived ones, too.")
@click.option("--forks", is_flag=True, help="With --org: forks, too.")
@click.option("--since", type=Day(), help="Only pull requests updated on this day or later.")
@click.option("--until", type=Day(), help="Only those updated on this day or earlier.")
@click.option("--full-refresh", is_flag=True, help="Read again what did not change.")
@click.option("--reconcile", is_flag=True, help="Read the whole list; look for what is gone, and all renamed accounts.")
@click.option("--batch-size", type=click.IntRange(1, 100), help="Pull requests a request, at most.  [BATCH_SIZE]")
@click.option("--workers", type=click.IntRange(1, 64), help="Requests in flight, at most.  [MAX_WORKERS]")
@click.option("--with-patches/--no-patches", default=None, help="Load patches too; as the last run did if not said.")
@click.option("--with-emails", is_flag=True, help="Keep e-mail addresses of commits, not only their hash.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what the run would cost, and do not run.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def github(
    repositories: tuple[str, ...],
    owners: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    archived: bool,
    forks: bool,
    since: datetime | None,
    until: datetime | None,
    full_refresh: bool,
    reconcile: bool,
    batch_size: int | None,
    workers: int | None,
    with_patches: bool | None,
    with_emails: bool,
    only_estimate: bool,
    as_json: bool,
) -> int:
    """Load pull requests with their files, commits, reviews, comments and events."""
    # dlt takes a second to import: not for --help
    from ingestion import estimating, loading
    from ingestion.progress import ProgressDisplay
    from ingestion.sources.github.reports import Options

    if not repositories and not owners:
        raise click.UsageError("Say which: --repo OWNER/NAME or --org NAME.")
    if (include or exclude or archived or forks) and not owners:
        raise click.UsageError("--include, --exclude, --archived and --forks go with --org.")
    if until is not None and until.time() == time(0):
        until += timedelta(days=1, microseconds=-1)
    if since is not None and until is not None and since > until:
        raise click.UsageError("--since is after --until: nothing could be loaded.")
    loading.check_names(repositories, owners)
    settings = load_settings()
    options = Options(
        since=since,
        until=until,
        full_refresh=full_refresh,
        reconcile=reconcile,
        batch_size=batch_size or settings.batch_size,
        workers=workers or settings.max_workers,
        with_patches=with_patches,
        keep_emails=with_emails,
    )
    selection = loading.Selection(repositories, owners, include, exclude, archived, forks)
    if only_estimate:
        return show_estimate(estimating.estimate(settings, selection, options), as_json)
    with ProgressDisplay() as progress:
        outcome = loading.load(settings, selection, options, progress)
    return show_outcome(outcome, as_json)


@main.command()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Steps to show.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(limit: int, as_json: bool) -> int:
    """Show what the last runs did and cost."""
    from ingestion import DATASET, ledger
    from ingestion.database import connected

    with connected(load_settings()) as connection:
        rows = ledger.recent(connection, DATASET, limit)
    if as_json:
        cli.print_json([dataclasses.asdict(row) for row in rows])
        return 0
    if not rows:
        click.echo("Nothing was loaded yet. Load a repository: python -m ingestion github --repo owner/name")
        return 0
    table = Table(box=None, header_style="bold")
    for heading in ("run", "repository", "step", "started (UTC)", "seconds", "status"):
        table.add_column(heading, no_wrap=heading != "repository")
    for heading in ("listed", "hydrated", "deleted", "rows", "requests", "points", "waited s"):
        table.add_column(heading, justify="right")
    for row in rows:
        seconds = f"{(row.finished_at - row.started_at).total_seconds():.1f}" if row.finished_at else ""
        waited = "" if row.waited_seconds is None else f"{row.waited_seconds:.0f}"
        counts = (row.listed, row.hydrated, row.deleted, row.row_count, row.requests, row.points)
        table.add_row(
            row.run_id, row.repository, row.step, f"{row.started_at:%Y-%m-%d %H:%M:%S}", seconds, row.status,
            *("" if count is None else f"{count:,}" for count in counts), waited,
        )  # fmt: skip
    cli.console(TABLE_WIDTH).print(table)
    for message in dict.fromkeys(f"{row.repository}: {row.error}" for row in rows if row.error):
        click.echo(message)
    return 0


def show_outcome(outcome: Any, as_json: bool) -> int:
    """Print what a run did; the exit code: 0 if every repository is loaded to its end."""
    letters = sum(report.letters for report in outcome.reports)
    if as_json:
        summary = {
            "run_id": outcome.run_id,
            "pull_requests": outcome.pull_requests,
            "rows": outcome.rows,
            "repositories": [
                {
                    "repository": report.repository,
                    "status": report.status,
                    "error": report.error,
                    "set_aside": report.letters,
                    "read_again": sorted(set(report.rereads)),
                    "steps": {
                        step.name: {
                            "listed": step.listed,
                            "hydrated": step.hydrated,
                            "deleted": step.deleted,
                            "rows": step.rows,
                            "requests": step.spent.requests,
                            "points": step.spent.points,
                            "waited_seconds": round(step.spent.waited_seconds, 1),
                        }
                        for step in report.steps
                    },
                }
                for report in outcome.reports
            ],
        }
        cli.print_json(summary)
    else:
        table = Table(box=None, header_style="bold")
        table.add_column("repository")
        table.add_column("status")
        for heading in ("listed", "loaded", "deleted", "rows", "requests", "points", "waited s", "set aside"):
            table.add_column(heading, justify="right")
        for report in outcome.reports:
            steps = report.steps
            table.add_row(
                report.repository, report.status, f"{sum(s.listed for s in steps):,}",
                f"{sum(s.hydrated for s in steps):,}", f"{sum(s.deleted for s in steps):,}",
                f"{sum(s.rows for s in steps):,}", f"{sum(s.spent.requests for s in steps):,}",
                f"{sum(s.spent.points for s in steps):,}", f"{sum(s.spent.waited_seconds for s in steps):.0f}",
                f"{report.letters:,}",
            )  # fmt: skip
        cli.console(TABLE_WIDTH).print(table)
        for report in outcome.reports:
            if report.rereads:
                click.echo(f"{report.repository}: read again, as rows and GitHub's counts differed: {_numbers(report)}")
        if letters:
            click.echo(
                f"{letters} rows could not be loaded: see raw_github.dead_letters; the next run tries them again."
            )
    for report in outcome.reports:
        if report.error:
            click.echo(f"error: {report.repository}: {report.error}", err=True)
    if outcome.was_stopped:
        click.echo("interrupted: what was read by then is loaded. Run the same command again to go on.", err=True)
        return cli.EXIT_INTERRUPTED
    return 0 if outcome.is_complete else EXIT_FAILED


def _numbers(report: Any) -> str:
    numbers = sorted(set(report.rereads))
    more = f" and {len(numbers) - NUMBERS_SHOWN} more, which --json names" if len(numbers) > NUMBERS_SHOWN else ""
    return ", ".join(f"#{number}" for number in numbers[:NUMBERS_SHOWN]) + more


def show_estimate(estimates: Any, as_json: bool) -> int:
    """Print what a run would cost; the exit code: 0 if all could be estimated."""
    if as_json:
        cli.print_json([dataclasses.asdict(e) for e in estimates])
    else:
        table = Table(box=None, header_style="bold")
        table.add_column("repository")
        for heading in ("pull requests", "to load", "requests", "by REST", "points", "minutes"):
            table.add_column(heading, justify="right")
        known = [e for e in estimates if not e.error]
        for e in known:
            table.add_row(
                e.repository,
                f"{e.pull_requests:,}",
                f"{e.to_load:,}",
                f"{e.requests:,}",
                f"{e.rest_requests:,}",
                f"{e.points:,}",
                f"{e.minutes:.1f}",
            )
        if len(known) > 1:
            numbers = ("pull_requests", "to_load", "requests", "rest_requests", "points")
            totals = [f"{sum(getattr(e, number) for e in known):,}" for number in numbers]
            table.add_row("all of them", *totals, f"{sum(e.minutes for e in known):.1f}")
        if known:
            cli.console(TABLE_WIDTH).print(table)
    for e in estimates:
        if e.error:
            click.echo(f"error: {e.repository}: {e.error}", err=True)
    return EXIT_FAILED if any(e.error for e in estimates) else 0


if __name__ == "__main__":
    cli.run(main, "python -m ingestion")
