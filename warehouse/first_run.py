"""Everything in one command: load, model, embed, and show what came of it.

Each step is the command that users run by themselves later, in a process of its own, and is printed before it runs.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import click

from warehouse import postgres, summary
from warehouse.errors import EXIT_FAILED, PlimsollError
from warehouse.settings import ROOT, Settings

SAMPLE_START_SECONDS = 30
SAMPLE_QUESTION = "containers counted twice at the gate"


def run_everything(settings: Settings, repositories: Sequence[str], owners: Sequence[str]) -> int:
    """Load repositories, or the sample where none is named, build the marts, embed them, and print a summary.

    Args:
        settings: those that the steps read again from the environment and `.env`.
        repositories: as `owner/name`.
        owners: organisations or users, all of whose repositories are loaded.

    Returns:
        The exit code: 0 if every step went well; that of the load if some repositories could not be loaded.

    Raises:
        PlimsollError: a step failed, so that those after it would show nothing.
    """
    started = time.monotonic()
    postgres.connect(settings).close()
    began = datetime.now(UTC)
    is_sample = not repositories and not owners
    environment = dict(os.environ)
    if not sys.stdout.isatty():
        environment.setdefault("COLUMNS", "120")
    if is_sample:
        click.secho(
            f"No repository was named: loading a sample, the invented organisation {summary.SAMPLE_OWNER}. "
            'For your own: make run REPO="owner/name"',
            fg="yellow",
        )
        with _sample(settings) as access:
            loaded = _step(
                "Load",
                [sys.executable, "-m", "ingestion", "github", "--org", summary.SAMPLE_OWNER],
                environment | access,
            )
    else:
        names = [argument for name in repositories for argument in ("--repo", name)]
        names += [argument for name in owners for argument in ("--org", name)]
        loaded = _step("Load", [sys.executable, "-m", "ingestion", "github", *names], environment)
    if loaded not in (0, EXIT_FAILED) or not _has_loaded(settings, began):
        raise PlimsollError(
            "nothing was loaded", where="make run", remedy="See the message above", exit_code=loaded or EXIT_FAILED
        )
    # unit tests are about the models' text, not about these data
    options = ["--quiet", "--warn-error", "--exclude-resource-type", "unit_test"]
    for name, arguments in (
        ("Build the marts", [sys.executable, "-m", "warehouse", "build", *options]),
        ("Embed", [sys.executable, "-m", "embeddings", "sync"]),
    ):
        code = _step(name, arguments, environment)
        if code:
            raise PlimsollError(f"the step failed with exit code {code}", where=name, remedy="See the message above")
    summary.show(settings, is_sample=is_sample)
    question = SAMPLE_QUESTION if is_sample else summary.newest_title(settings)
    if question:
        click.secho(f"\nA search by meaning: {question}", bold=True)
        search = [sys.executable, "-m", "embeddings", "search", "--limit", "5", "--", question]
        subprocess.run(search, cwd=ROOT, env=environment, check=False)
    summary.show_places(settings, question)
    took = f"{time.monotonic() - started:.0f} s"
    click.echo(f"\nDone in {took}, but not all could be loaded: see above." if loaded else f"\nDone in {took}.")
    return loaded


def _step(name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    program, *arguments = command
    click.secho(f"\n{name}: {Path(program).name} {' '.join(arguments)}", bold=True)
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=dict(environment), check=False).returncode
    click.secho(f"{time.monotonic() - started:.1f} s", dim=True)
    return code


@contextmanager
def _sample(settings: Settings) -> Iterator[dict[str, str]]:
    """Serve the sample organisation; the settings under which it is GitHub.

    Its last day is that of the first run, so that windows that end today have something in them, and a second run finds
    the same organisation.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    remembered = settings.home / "sample.json"
    if not remembered.exists():
        remembered.write_text(json.dumps({"until": datetime.now(UTC).date().isoformat()}))
    until = date.fromisoformat(json.loads(remembered.read_text())["until"])
    ready = settings.home / "sample.url"
    ready.unlink(missing_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.github_api", "--until", until.isoformat(), "--ready-file", str(ready)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        url = _wait_for(ready, server)
        others = ("GITHUB_TOKENS", "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_INSTALLATION_ID")
        cleared = dict.fromkeys(others, "")
        yield cleared | {"GITHUB_TOKEN": "sample", "GITHUB_API_URL": url, "GITHUB_GRAPHQL_URL": f"{url}/graphql"}
    finally:
        server.terminate()
        server.wait()
        ready.unlink(missing_ok=True)


def _wait_for(ready: Path, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + SAMPLE_START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if ready.exists():
            return ready.read_text().strip()
        time.sleep(0.05)
    what = "did not start" if server.poll() is not None else f"did not start within {SAMPLE_START_SECONDS:.0f} s"
    raise PlimsollError(f"the sample organisation's server {what}", remedy="See above what it said, and try again")


def _has_loaded(settings: Settings, since: datetime) -> bool:
    """Whether a load since then has read a repository, or a part of one."""
    with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('raw_github.sync_runs') is not null")
        if cursor.fetchone() != (True,):
            return False
        cursor.execute(
            "select exists (select from raw_github.sync_runs where started_at >= %s and repository <> '*' "
            "and (status in ('done', 'partial') or row_count > 0))",
            (since,),
        )
        return cursor.fetchone() == (True,)
