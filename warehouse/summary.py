"""What a run came to: rows per mart, what shipped lately, who does what, how fresh it is, and what to try next."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from warehouse import cli, postgres
from warehouse.cli import printable
from warehouse.settings import Settings

SAMPLE_OWNER = "harbour-works"

MARTS = """
select relname, relkind
from pg_catalog.pg_class
where relnamespace = 'marts'::regnamespace and relkind in ('r', 'p') and relname not like '%%\\_\\_dbt%%'
order by relname
"""
SHIPPED = """
select merged_at, repo_name || '#' || pr_number, title, author, additions + deletions, risk_score, high_risk,
    is_feature
from marts.repo_prs
where is_merged
order by merged_at desc, pr_id desc
limit 8
"""
WHO = """
select
    author_metrics.username,
    sum(author_metrics.prs_submitted) as prs_submitted,
    sum(author_metrics.prs_merged) as prs_merged,
    sum(author_metrics.features_merged) as features_merged,
    sum(author_metrics.lines_changed) as lines_changed,
    sum(author_metrics.reviews_submitted) as reviews_submitted,
    sum(author_metrics.review_comments) as review_comments
from marts.author_metrics_daily as author_metrics
inner join marts.authors on author_metrics.username = authors.username and not authors.is_bot
where author_metrics.day > (select max(day) - 90 from marts.author_metrics_daily)
group by author_metrics.username
order by prs_merged desc, reviews_submitted desc, author_metrics.username
limit 8
"""
FRESHNESS = """
select
    (select max(finished_at) from staging.stg_github__sync_runs where status in ('done', 'partial')),
    (select max(updated_at) from staging.stg_github__pull_requests)
"""
NEWEST_DAY = "select max(day) from marts.author_metrics_daily"
SAMPLED = f"select exists (select from marts.repo_prs where repo_name like '{SAMPLE_OWNER}/%')"
NEWEST = "select title from marts.repo_prs where is_merged order by merged_at desc, pr_id desc limit 1"


def show(settings: Settings, *, is_sample: bool) -> None:
    """Print the tables."""
    console = cli.console()
    if not is_sample:
        warn_of_sample(settings)
    marts = [name for name, _ in _rows(settings, MARTS)]
    counts = _rows(settings, " union all ".join(f"select '{name}', count(*) from marts.{name}" for name in marts))
    heading = "Rows per mart" + (f" (sample data: the invented organisation {SAMPLE_OWNER})" if is_sample else "")
    _table(console, heading, ("mart", "rows"), [(name, f"{count:,}") for name, count in counts], right=(1,))
    shipped = [
        (f"{merged_at:%Y-%m-%d}", name, title, author, f"{lines:,}", f"{risk:.1f}{' high' if high else ''}",
         "feature" if feature else "")
        for merged_at, name, title, author, lines, risk, high, feature in _rows(settings, SHIPPED)
    ]  # fmt: skip
    headings = ("merged", "pull request", "title", "author", "lines", "risk", "")
    _table(console, "What shipped lately", headings, shipped, right=(4,))
    who = [(name, *(f"{count:,}" for count in counts)) for name, *counts in _rows(settings, WHO)]
    headings = ("author", "opened", "merged", "features", "lines", "reviews", "review comments")
    # a repository may have been quiet for years
    ((day,),) = _rows(settings, NEWEST_DAY)
    period = f" (people, the 90 days to {day})" if day else ""
    _table(console, f"Who does what{period}", headings, who, right=(1, 2, 3, 4, 5, 6))
    loaded_at, newest = _rows(settings, FRESHNESS)[0]
    click.echo(f"Freshness: last loaded {_time(loaded_at)}; the newest change on GitHub is of {_time(newest)}.")


def warn_of_sample(settings: Settings) -> None:
    """Say so where an earlier run left the sample among the real repositories."""
    if _rows(settings, SAMPLED) == [(True,)]:
        remedy = f"make down, remove {settings.home}" if settings.database.is_embedded else "name an empty database"
        click.secho(
            f"\nThe sample ({SAMPLE_OWNER}) of an earlier run is in this warehouse, too, and in every figure. "
            f"Without it: {remedy}, then run this again.",
            fg="yellow",
        )


def newest_title(settings: Settings) -> str | None:
    """The title of the pull request merged last; None if there is none."""
    found = _rows(settings, NEWEST)
    return str(found[0][0]) if found else None


def show_places(settings: Settings, question: str | None) -> None:
    """Print where the data lies and what to try next."""
    click.secho("\nWhere it lies", bold=True)
    where = f"{settings.home / 'postgres'} (embedded)" if settings.database.is_embedded else str(settings.database)
    click.echo(f"  Postgres  {where}: schemas raw_github, staging, marts")
    click.echo(f"  Milvus    {settings.milvus_name}: collections pr_index, file_changes")
    click.secho("\nTry next", bold=True)
    click.echo("  make psql                                          SQL over the marts")
    # titles come from anybody, and this is there to be copied into a shell
    click.echo(f"  .venv/bin/python -m embeddings search --explain -- {shlex.quote(question or 'retry')}")
    click.echo("  make docs                                          every table and column, with lineage, as one page")


def _rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    connection = postgres.connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
    finally:
        connection.close()


def _table(
    console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]
) -> None:
    table = Table(box=None, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in right else "left", no_wrap=heading != "title")
    for row in rows:
        # titles come from anybody: what looks like markup is text
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print()
    # a table folds its own title at its own width
    console.print(Text(title, style="bold"))
    console.print(table)


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
