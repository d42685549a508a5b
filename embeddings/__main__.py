"""The command line: `python -m embeddings sync|search|status|…`."""

import re
from contextlib import closing
from datetime import date, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from embeddings import routes
from embeddings.collections import COLLECTIONS
from warehouse import cli, postgres
from warehouse.errors import EXIT_USAGE, PlimsollError
from warehouse.settings import load_settings

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
DRIFT = 1
FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make pull requests and file changes searchable by meaning."""


def _repository(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not REPOSITORY.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not of the form owner/name")
    return value


@main.command()
@click.option("--collection", "alias", help="Only this one: " + " or ".join(COLLECTIONS) + ".")
@click.option("--repo", "repository", callback=_repository, help="Only this repository, owner/name.")
@click.option("--batch-size", type=click.IntRange(1, 10_000), help="Documents in a batch.  [default: the model's]")
@click.option(
    "--full-refresh", is_flag=True, help="Embed everything again, beside what is there, and switch at the end."
)
@click.option("--estimate", is_flag=True, help="Only say what would be embedded, and what that would cost.")
def sync(alias: str | None, repository: str | None, batch_size: int | None, full_refresh: bool, estimate: bool) -> None:
    """Embed what is new or changed, delete what is gone."""
    from embeddings import tables
    from embeddings.encoders import choose
    from embeddings.ledger import only_one
    from embeddings.store import Store
    from embeddings.sync import CollectionSync, total_documents

    if alias is not None and alias not in COLLECTIONS:
        raise PlimsollError(
            "there is no such collection", where=alias, remedy=f"Use {' or '.join(COLLECTIONS)}", exit_code=EXIT_USAGE
        )
    collections = [COLLECTIONS[alias]] if alias else list(COLLECTIONS.values())
    settings = load_settings()
    console = cli.console()
    with (
        closing(postgres.connect(settings)) as writer,
        closing(postgres.connect(settings)) as reader,
        only_one(writer, "embeddings sync"),
        Store.open(settings) as store,
    ):
        encoder = choose(settings)
        console.print(f"Embedding with {encoder.model}, {encoder.dimension} dimensions", highlight=False)
        syncs = [CollectionSync(each, store, encoder, reader, writer, batch_size) for each in collections]
        if estimate:
            tables.print_estimate(console, [one.estimate(repository, full_refresh=full_refresh) for one in syncs])
            return
        reports = []
        try:
            with _progress() as progress:
                task = progress.add_task("embedding", total=total_documents(reader, collections, repository))
                for one in syncs:
                    progress.update(task, description=one.collection.alias)
                    reports.append(
                        one.run(
                            repository,
                            full_refresh=full_refresh,
                            advance=lambda count: progress.advance(task, count),
                        )
                    )
        except BaseException:
            # what was paid for is said, however it ended
            if encoder.usage.tokens and encoder.usage.cost_usd != 0:
                tables.print_usage(console, encoder.usage)
            raise
    tables.print_sync(console, reports)


@main.command()
@click.argument("query", nargs=-1)
@click.option("--kind", type=click.Choice(["pr", "file"]), default="pr", show_default=True, help="What to find.")
@click.option("--repo", "repository", callback=_repository, help="Only in this repository, owner/name.")
@click.option("--author", help="Only by this login.")
@click.option("--merged-since", type=click.DateTime(["%Y-%m-%d"]), help="Merged on this day (UTC) or later.")
@click.option("--merged-until", type=click.DateTime(["%Y-%m-%d"]), help="Merged on this day (UTC) or earlier.")
@click.option("--high-risk", is_flag=True, help="Only high-risk pull requests, or their files.")
@click.option("--feature", is_flag=True, help="Only features, or their files.")
@click.option("--language", help="Only of this language.")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="At most so many.")
@click.option("--similar-to", metavar="OWNER/NAME#NUMBER", help="Pull requests like this one, instead of a query.")
@click.option("--explain", is_flag=True, help="Say how the answer was found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def search(
    query: tuple[str, ...],
    kind: str,
    repository: str | None,
    author: str | None,
    merged_since: datetime | None,
    merged_until: datetime | None,
    high_risk: bool,
    feature: bool,
    language: str | None,
    limit: int,
    similar_to: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Find pull requests, or file changes, by what they are about."""
    from embeddings import tables
    from embeddings.filters import Filters
    from embeddings.searching import Searcher

    if bool(query) == (similar_to is not None):
        raise click.UsageError("Give either a query or --similar-to.")
    if similar_to is not None and kind == "file":
        raise click.UsageError("--similar-to finds pull requests: leave --kind file out.")
    filters = Filters(
        repo_name=repository,
        author=author,
        merged_since=_day(merged_since),
        merged_until=_day(merged_until),
        high_risk=high_risk,
        feature=feature,
        language=language,
    )
    if filters.merged_since and filters.merged_until and filters.merged_since > filters.merged_until:
        raise click.UsageError("--merged-since is after --merged-until: nothing could be found.")
    with Searcher.open(load_settings()) as searcher:
        if similar_to is not None:
            repo_name, number = _pull_request(similar_to)
            answer = searcher.similar(repo_name, number, filters=filters, limit=limit)
        else:
            words = " ".join(query)
            answer = searcher.search(words, kind="file" if kind == "file" else "pr", filters=filters, limit=limit)
    if as_json:
        document = {
            "route": answer.route,
            "note": answer.note,
            "results": [result.to_json() for result in answer.results],
            **({"explanation": answer.explanation} if explain else {}),
        }
        cli.print_json(document)
    else:
        tables.print_answer(cli.console(), answer, explain=explain)


@main.command()
@click.option("--repo", "repository", callback=_repository, help="Only this repository, owner/name.")
@click.option("--limit", type=click.IntRange(1), help="At most so many pull requests, newest first.")
@click.option("--max-usd", type=click.FloatRange(0), help="Stop before it costs more than this.")
@click.option("--estimate", is_flag=True, help="Only say how many would be judged, and what that would cost.")
def enrich(repository: str | None, limit: int | None, max_usd: float | None, estimate: bool) -> int:
    """Have a chat model summarise and judge pull requests; needs OPENAI_API_KEY or OPENAI_BASE_URL."""
    from embeddings import tables
    from embeddings.enrichment import PATIENCE, Enrichment
    from embeddings.enrichment import estimate as estimate_enrichment
    from embeddings.ledger import only_one
    from embeddings.openai_server import OpenAIServer

    settings = load_settings()
    model = settings.enrichment_model
    if estimate:
        with closing(postgres.connect(settings)) as connection:
            planned = estimate_enrichment(connection, model, repository, limit)
        tables.print_enrichment(cli.console(), planned, is_estimate=True)
        return 0
    server = OpenAIServer.from_settings(settings, PATIENCE)
    with (
        closing(postgres.connect(settings)) as lock,
        closing(postgres.connect(settings)) as connection,
        only_one(lock, "embeddings enrich"),
    ):
        planned = estimate_enrichment(connection, model, repository, limit)
        tables.print_enrichment(cli.console(), planned, is_estimate=True)
        enrichment = Enrichment(settings, connection, server, model)
        try:
            with _progress() as progress:
                task = progress.add_task("judging", total=planned.pull_requests)
                enrichment.run(
                    repository, limit=limit, max_usd=max_usd, advance=lambda count: progress.advance(task, count)
                )
        except BaseException:
            # what was paid for is said, however it ended
            if enrichment.report.input_tokens:
                tables.print_enrichment(cli.console(), enrichment.report, is_estimate=False)
            raise
    tables.print_enrichment(cli.console(), enrichment.report, is_estimate=False)
    return FAILED if enrichment.report.failed else 0


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Compare the marts with Milvus; exit code 1 if a sync has something to do."""
    from embeddings import tables
    from embeddings.encoders import configured
    from embeddings.status import status as find_status
    from embeddings.store import Store

    settings = load_settings()
    with closing(postgres.connect(settings)) as connection, Store.open(settings) as store:
        found = find_status(store, connection, configured(settings))
    drift = any(each.has_drift for each in found)
    if as_json:
        cli.print_json({"drift": drift, "collections": [each.to_json() for each in found]})
    else:
        tables.print_status(cli.console(), found)
    return DRIFT if drift else 0


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(as_json: bool) -> None:
    """Measure the search on your own issues: does an issue's title find the pull request that closed it?"""
    from embeddings import tables
    from embeddings.collections import PR_INDEX
    from embeddings.encoders import available
    from embeddings.evaluation import evaluate as measure
    from embeddings.sync import total_documents

    settings = load_settings()
    with closing(postgres.connect(settings)) as connection, _progress() as progress:
        models = available(settings)
        task = progress.add_task("embedding", total=len(models) * total_documents(connection, [PR_INDEX], None))
        evaluation = measure(connection, models, lambda count: progress.advance(task, count))
    if as_json:
        cli.print_json(evaluation.to_json())
    else:
        tables.print_evaluation(cli.console(), evaluation)


def _progress() -> Progress:
    """A progress bar on standard error; silent where nobody watches."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _pull_request(text: str) -> tuple[str, int]:
    route = routes.choose(text)
    if route.repo_name is None or route.number is None:
        raise click.BadParameter(f"{text!r} is not of the form owner/name#number", param_hint="--similar-to")
    return route.repo_name, route.number


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


if __name__ == "__main__":
    cli.run(main, "python -m embeddings")
