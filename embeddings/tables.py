"""What the command line prints for people."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from embeddings.encoders import Usage
from embeddings.enrichment import EnrichmentReport
from embeddings.evaluation import Evaluation
from embeddings.ledger import SyncReport
from embeddings.searching import SearchAnswer
from embeddings.status import CollectionStatus
from embeddings.sync import Estimate
from warehouse.cli import printable

WIDE = 100


def print_sync(console: Console, reports: Sequence[SyncReport]) -> None:
    """What a sync did, a column a collection."""
    table = _table([""], [report.collection for report in reports])
    for measure in ("documents", "embedded", "rewritten", "deleted", "refused", "calls", "tokens"):
        table.add_row(measure, *_grouped(getattr(report, measure) for report in reports))
    table.add_row("cost", *(dollars(report.cost_usd) for report in reports))
    table.add_row("seconds", *(f"{report.seconds:.1f}" for report in reports))
    console.print(table)


def print_estimate(console: Console, estimates: Sequence[Estimate]) -> None:
    """What a sync would do, a line a collection."""
    table = _table(["collection"], ["documents", "to embed", "tokens", "cost"])
    for estimate in estimates:
        numbers = (estimate.documents, estimate.embed, estimate.tokens)
        table.add_row(estimate.collection, *_grouped(numbers), dollars(estimate.cost_usd))
    console.print(table)


def print_usage(console: Console, usage: Usage) -> None:
    """What embedding took until a sync ended early."""
    took = f"calls {usage.calls:,}, tokens {usage.tokens:,}, cost {dollars(usage.cost_usd)}"
    console.print(f"Ended early: {took}", highlight=False)


def print_status(console: Console, statuses: Sequence[CollectionStatus]) -> None:
    """The state of every collection, a line a repository."""
    for status in statuses:
        last_sync = f"last sync {status.last_sync:%Y-%m-%d %H:%M} UTC" if status.last_sync else "never synced"
        console.print(f"{status.collection}: {status.model or 'empty'}, {last_sync}", highlight=False)
        if status.next_model:
            console.print(f"The next sync embeds everything anew with {status.next_model}", highlight=False)
        table = _table(["repository"], ["documents", "entities", "refused", "new", "changed", "gone", "drift"])
        for each in status.repositories:
            numbers = (each.documents, each.entities, each.refused, each.new, each.changed, each.gone)
            table.add_row(each.repo_name, *_grouped(numbers), "yes" if each.has_drift else "no")
        console.print(table)


def print_answer(console: Console, answer: SearchAnswer, *, explain: bool) -> None:
    """The results of a search, best first."""
    if explain:
        for line in answer.explanation:
            console.print(Text(printable(line), style="dim"))
    if not answer.results:
        console.print(Text(printable(f"Nothing found: {answer.note}." if answer.note else "Nothing found.")))
        return
    if answer.note:
        console.print(Text(f"{answer.note}."))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=True)
    table.add_column("score", no_wrap=True)
    table.add_column("what", overflow="fold", ratio=1)
    # addresses broken in two cannot be opened: where there is little room, they get all of it
    facts = ("author", "merged", "risk") if console.width >= WIDE else ()
    for name in facts:
        table.add_column(name, overflow="fold")
    for result in answer.results:
        # as text, not as rich's markup: titles are full of brackets
        what = Text(printable(result.title), style="bold")
        for line in filter(None, (result.file_path, result.passage)):
            what.append(f"\n{printable(line)}" if line != result.title else "", style="not bold")
        merged = f"{result.merged_at:%Y-%m-%d}" if result.merged_at else "–"
        cells = (result.author, merged, f"{result.risk_score:.1f}")
        if not facts:
            what.append(f"\n{cells[0]}, merged {cells[1]}, risk {cells[2]}", style="not bold")
        what.append(f"\n{result.url}", style="not bold blue")
        table.add_row(f"{result.score:.3f}", what, *(Text(cell) for cell in cells if facts))
    console.print(table)


def print_enrichment(console: Console, report: EnrichmentReport, *, is_estimate: bool) -> None:
    """What an enrichment would do, or did."""
    if is_estimate:
        tokens = report.input_tokens + report.output_tokens
        cost = f"about {tokens:,} tokens, {dollars(report.cost_usd)}"
        console.print(f"{report.pull_requests:,} pull requests to judge with {report.model}, {cost}", highlight=False)
        return
    table = _table(["pull requests"], [report.model])
    for measure in ("judged", "refused", "failed", "input_tokens", "output_tokens"):
        table.add_row(measure.replace("_", " "), f"{getattr(report, measure):,}")
    table.add_row("cost", dollars(report.cost_usd))
    console.print(table)
    if report.stopped_by_budget:
        console.print("Stopped by the budget; run it again to go on.")


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """The scores of every way to search, a line each."""
    console.print(
        f"{evaluation.questions:,} questions over {evaluation.pull_requests:,} pull requests", highlight=False
    )
    table = _table(["leg", "model"], ["MRR@10", "recall@10", "lead MRR (p)", "lead recall (p)"])
    for score in evaluation.scores:
        leads = ((score.mrr_lead, score.mrr_p), (score.recall_lead, score.recall_p))
        table.add_row(
            score.leg,
            score.model,
            f"{score.mrr:.3f}",
            f"{score.recall:.3f}",
            *("" if lead is None else f"{lead:+.3f} ({p:.3f})" for lead, p in leads),
        )
    console.print(table)


def dollars(cost: float | None) -> str:
    """A price for people."""
    return "unknown" if cost is None else f"${cost:.4f}"


def _table(left: Iterable[str], right: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _grouped(numbers: Iterable[int]) -> list[str]:
    return [f"{number:,}" for number in numbers]
