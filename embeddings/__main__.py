"""The command line: `python -m embeddings sync|search|status|…`."""

import json
import re
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from embeddings.collections import COLLECTIONS
from warehouse import cli, postgres
from warehouse.errors import PlimsollError
from warehouse.settings import load_settings

if TYPE_CHECKING:
    from embeddings.search import SearchAnswer

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
DRIFT = 1


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
    from embeddings.encoders import choose
    from embeddings.ledger import only_one_sync
    from embeddings.store import Store
    from embeddings.sync import CollectionSync, total_documents

    if alias is not None and alias not in COLLECTIONS:
        raise PlimsollError("there is no such collection", where=alias, remedy=f"Use {' or '.join(COLLECTIONS)}")
    collections = [COLLECTIONS[alias]] if alias else list(COLLECTIONS.values())
    settings = load_settings()
    console = Console()
    with closing(postgres.connect(settings)) as writer, closing(postgres.connect(settings)) as reader:
        with only_one_sync(writer), Store.open(settings) as store:
            encoder = choose(settings)
            total = total_documents(reader, collections, repository)
            reports = []
            with _progress() as progress:
                task = progress.add_task("embedding", total=total)
                for collection in collections:
                    progress.update(task, description=collection.alias)
                    one = CollectionSync(collection, store, encoder, reader, writer, batch_size)
                    reports.append(
                        one.run(
                            repository=repository,
                            full_refresh=full_refresh,
                            advance=lambda count: progress.advance(task, count),
                        )
                    )
    table = Table(box=box.SIMPLE_HEAD)
    for name in (
        "collection",
        "documents",
        "embedded",
        "rewritten",
        "deleted",
        "refused",
        "calls",
        "tokens",
        "cost",
        "s",
    ):
        table.add_column(name, justify="left" if name == "collection" else "right")
    for report in reports:
        numbers = (
            report.documents, report.embedded, report.rewritten, report.deleted, report.refused, report.calls,
            report.tokens,
        )  # fmt: skip
        cost = "unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
        table.add_row(report.collection, *(f"{number:,}" for number in numbers), cost, f"{report.seconds:.1f}")
    console.print(f"Embedded with {encoder.model}, {encoder.dimension} dimensions")
    console.print(table)


@main.command()
@click.argument("query", required=False)
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
    query: str | None,
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
    from embeddings.filters import Filters
    from embeddings.search import Searcher

    if (query is None) == (similar_to is None):
        raise click.UsageError("Give either a query or --similar-to.")
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
        raise PlimsollError("--merged-since is after --merged-until", remedy="Swap them")
    with Searcher.open(load_settings()) as searcher:
        if similar_to is not None:
            repo_name, number = _pull_request(similar_to)
            answer = searcher.similar(repo_name, number, filters=filters, limit=limit)
        else:
            answer = searcher.search(query or "", kind="file" if kind == "file" else "pr", filters=filters, limit=limit)
    if as_json:
        document = {
            "route": answer.route,
            "results": [result.to_json() for result in answer.results],
            **({"explanation": answer.explanation} if explain else {}),
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print_answer(answer, explain)


def _print_answer(answer: "SearchAnswer", explain: bool) -> None:
    console = Console()
    if explain:
        for line in answer.explanation:
            console.print(line, style="dim", markup=False, highlight=False)
    if not answer.results:
        console.print("Nothing found.")
        return
    table = Table(_right("score"), "pull request", "author", "merged", _right("risk"), show_lines=True)
    for result in answer.results:
        about = "\n".join(part for part in (result.title, result.file_path, result.passage, result.url) if part)
        merged = f"{result.merged_at:%Y-%m-%d}" if result.merged_at else ""
        table.add_row(
            *(_text(cell) for cell in (f"{result.score:.3f}", about, result.author, merged, f"{result.risk_score:.1f}"))
        )  # noqa: E501
    console.print(table)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Compare the marts with Milvus; exit code 1 if a sync has something to do."""
    from embeddings.status import status as find_status
    from embeddings.store import Store

    settings = load_settings()
    with closing(postgres.connect(settings)) as connection, Store.open(settings) as store:
        found = find_status(store, connection)
    drift = any(each.has_drift for each in found)
    if as_json:
        click.echo(json.dumps({"drift": drift, "collections": [each.to_json() for each in found]}, indent=2))
        return DRIFT if drift else 0
    table = Table("collection", "model", "last sync", "repository")
    for name in ("documents", "entities", "refused", "changed"):
        table.add_column(name, justify="right")
    table.add_column("drift")
    for each in found:
        last = f"{each.last_sync:%Y-%m-%d %H:%M}" if each.last_sync else "never"
        for repository in each.repositories:
            numbers = (repository.documents, repository.entities, repository.refused, repository.changed)
            table.add_row(
                each.collection, each.model or "", last, repository.repo_name,
                *(f"{number:,}" for number in numbers), "yes" if repository.has_drift else "no",
            )  # fmt: skip
    Console().print(table)
    return DRIFT if drift else 0


def _progress() -> Progress:
    """A progress bar on standard error; silent where nobody watches."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _pull_request(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)#(\d{1,9})", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not of the form owner/name#number", param_hint="--similar-to")
    return match[1], int(match[2])


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _right(name: str) -> "object":
    from rich.table import Column

    return Column(name, justify="right")


def _text(cell: str) -> "object":
    """A cell as it is: titles may look like markup."""
    from rich.text import Text

    return Text(cell)


if __name__ == "__main__":
    cli.run(main, "python -m embeddings")
