"""The command line: `python -m warehouse run|up|down|psql|build|docs|backfill|dump|restore|health`."""

import json
import os
from datetime import datetime
from pathlib import Path

import click

from warehouse import cli, postgres
from warehouse.errors import EXIT_FAILED
from warehouse.settings import load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The warehouse's Postgres, its health, and everything in one command."""


@main.command()
@click.option("--repo", "repositories", multiple=True, metavar="OWNER/NAME", help="A repository; repeatable.")
@click.option("--org", "owners", multiple=True, metavar="NAME", help="An organisation's repositories; repeatable.")
def run(repositories: tuple[str, ...], owners: tuple[str, ...]) -> int:
    """Load, model, embed and show; without a repository, a sample organisation."""
    from warehouse.first_run import run_everything

    return run_everything(load_settings(), repositories, owners)


@main.command()
def up() -> None:
    """Start the embedded Postgres."""
    settings = load_settings()
    if not settings.database.is_embedded:
        click.echo(f"Nothing to start: the warehouse is {settings.database}.")
        return
    started = postgres.start(settings)
    click.echo(f"{'Started' if started else 'Runs already'}: {settings.database}")


@main.command()
def down() -> None:
    """Stop the embedded Postgres; its data stays."""
    stopped = postgres.stop(load_settings())
    click.echo("Stopped; the data stays." if stopped else "It does not run.")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse; arguments are psql's."""
    settings = load_settings()
    postgres.connect(settings).close()
    os.environ |= settings.database.environment()
    # marts first, so that an analyst need not write the schema
    os.environ.setdefault("PGOPTIONS", "-c search_path=marts,staging,raw_github,public -c timezone=UTC")
    program = str(postgres.binaries() / "psql")
    os.execv(program, [program, *arguments])  # noqa: S606


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def build(arguments: tuple[str, ...]) -> int:
    """Build and test the marts, unless another build is under way; arguments are those of `dbt build`."""
    from warehouse import dbt

    return dbt.build(load_settings(), arguments)


@main.command()
def docs() -> None:
    """Write every table and column, with lineage, as one page."""
    from warehouse.documentation import write_site

    settings = load_settings()
    postgres.connect(settings).close()
    click.echo(f"Open it in a browser: {write_site(settings).as_uri()}")


@main.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First end date.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last end date, at most.")
@click.option("--every", type=click.IntRange(1), default=7, show_default=True, help="Days from one to the next.")
def backfill(first: datetime, last: datetime, every: int) -> int:
    """Build the windows that ended on past days, all in one build."""
    from warehouse import dbt

    if first > last:
        raise click.UsageError("--from is after --to: there is no day to build.")
    dates = {"backfill_from": f"{first:%Y-%m-%d}", "backfill_to": f"{last:%Y-%m-%d}", "backfill_every_days": every}
    windowed = ["author_metrics_window+", "author_prs_window+", "author_file_ownership+"]
    return dbt.build(load_settings(), ["--select", *windowed, "--vars", json.dumps(dates)])


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def dump(file: Path) -> None:
    """Back the whole database up into FILE."""
    from warehouse.backup import dump as write

    write(load_settings(), file)
    click.echo(f"Wrote {file}, {file.stat().st_size / 1e6:.1f} MB.")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill an empty database from FILE."""
    from warehouse.backup import restore as read

    settings = load_settings()
    read(settings, file)
    click.echo(f"Restored {file} into {settings.database}.")


@main.command()
def health() -> int:
    """Ask every service and print the answers as JSON; exit code 1 if one does not answer."""
    from warehouse.health import check

    found = check(load_settings())
    cli.print_json(found)
    return 0 if found["status"] == "healthy" else EXIT_FAILED


if __name__ == "__main__":
    cli.run(main, "python -m warehouse")
