"""The command line: what it prints, and how it fails."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg2 import extensions
from rich.console import Console

from embeddings import tables
from embeddings.__main__ import main
from embeddings.encoders.static import StaticEncoder
from embeddings.searching import SearchAnswer, SearchResult
from tests.embeddings.marts import File, PullRequest, put
from tests.embeddings.openai_double import FaultError, OpenAIDouble
from tests.embeddings.syncing import Sidecar
from warehouse import cli
from warehouse.settings import Settings


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs a command and returns (exit code, output, errors)."""
    monkeypatch.setenv("PLIMSOLL_HOME", str(settings.home))
    monkeypatch.setenv("PGDATABASE", settings.database.dbname)
    monkeypatch.setenv("MILVUS_URL", settings.milvus_url)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["embeddings", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(main, "python -m embeddings")
        out, err = capfd.readouterr()
        return int(str(ended.value.code or 0)), out, err

    return call


def test_sync_search_and_status(run: Any, warehouse: extensions.connection) -> None:
    titles = ("Retry [bold]uploads[/bold]", "Draw charts", "Close sessions")
    put(warehouse, [PullRequest(number, title) for number, title in enumerate(titles, 1)])
    code, out, err = run("status")
    assert (code, err) == (1, "") and "never synced" in out
    code, out, err = run("sync", "--estimate")
    assert code == 0 and "to embed" in out
    code, out, err = run("sync")
    assert (code, err) == (0, "") and "embedded" in out and "wordllama" in out
    code, out, err = run("status", "--json")
    document = json.loads(out)
    assert code == 0 and not document["drift"]
    assert [each["repositories"][0]["entities"] for each in document["collections"]] == [3, 3]
    code, out, err = run("search", "uploads again", "--explain", "--limit", "1")
    assert code == 0 and "route hybrid" in out
    assert "Retry [bold]uploads[/bold]" in out
    code, out, err = run("search", "uploads", "again", "--json", "--merged-since", "2024-01-01", "--author", "jane")
    first = json.loads(out)["results"][0]
    assert set(first) >= {
        "score", "url", "title", "author", "merged_at", "risk_score", "passage", "repo_name", "pr_number", "file_path",
        "route",
    }  # fmt: skip
    assert (first["pr_number"], first["merged_at"]) == (1, "2024-01-03T00:00:00+00:00")
    for like in ("acme/ship#1", "https://github.com/acme/ship/pull/1"):
        code, out, err = run("search", "--similar-to", like, "--json")
        assert {each["pr_number"] for each in json.loads(out)["results"]} == {2, 3}
    assert json.loads(run("search", "@nobody", "--json")[1])["note"] == "the marts know no author 'nobody'"
    code, out, err = run("search", "--similar-to", "acme/ship#1", "--kind", "file")
    assert code == 2 and "leave --kind file out" in err


def test_status_tells_a_change_of_model(
    run: Any, monkeypatch: pytest.MonkeyPatch, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    put(warehouse, [PullRequest(1)])
    assert run("sync")[0] == run("status")[0] == 0
    for variable, value, model in (
        ("EMBEDDING_MODEL", "minilm", "all-MiniLM-L6-v2-int8"),
        ("EMBEDDING_MODEL", "", "text-embedding-3-small"),
    ):
        monkeypatch.setenv(variable, value)
        monkeypatch.setenv("OPENAI_BASE_URL", openai_double.url)
        code, out, _ = run("status", "--json")
        document = json.loads(out)
        assert code == 1 and document["drift"]
        assert [each["next_model"] for each in document["collections"]] == [model, model]
        assert f"The next sync embeds everything anew with {model}" in run("status")[1]
    assert openai_double.embedding_requests == []
    assert run("sync")[0] == run("status")[0] == 0
    # the same model at another length has vectors of its own
    monkeypatch.setenv("EMBEDDING_DIMENSIONS", "8")
    assert run("status")[0] == 1


def test_a_sync_that_ends_early_says_what_it_cost(
    run: Any, monkeypatch: pytest.MonkeyPatch, warehouse: extensions.connection, openai_double: OpenAIDouble
) -> None:
    put(warehouse, [PullRequest(number, f"Change {number}") for number in range(1, 7)])
    monkeypatch.setenv("OPENAI_BASE_URL", openai_double.url)
    monkeypatch.setenv("EMBEDDING_DIMENSIONS", "8")

    def lock_out_at_the_third(path: str, request: dict[str, Any], number: int) -> None:
        if number > 2:
            raise FaultError(401)

    openai_double.misbehave = lock_out_at_the_third
    code, out, err = run("sync", "--batch-size", "2")
    assert (code, err.count("\n")) == (1, 1)
    texts = [text for request in openai_double.embedding_requests[:2] for text in request]
    assert f"Ended early: calls 2, tokens {len(texts)}, cost $0.0000" in out
    openai_double.misbehave = lambda path, request, number: None
    openai_double.embedding_requests.clear()
    assert run("sync")[0] == 0
    assert not set(texts).intersection(openai_double.embedded)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sync", "--repo", "acme/none"), "acme/none: the marts have no such repository"),
        (("search", "anything"), "the collection pr_index does not exist yet. Run python -m embeddings sync"),
        (("evaluate",), "no pull request that closes an issue"),
        (("enrich",), "no model server is set. Set OPENAI_API_KEY, or OPENAI_BASE_URL"),
        (("enrich", "--repo", "acme/none", "--estimate"), "acme/none: the marts have no such repository"),
    ],
)
def test_a_failure_is_one_line(
    run: Any, warehouse: extensions.connection, arguments: tuple[str, ...], message: str
) -> None:
    put(warehouse, [PullRequest(1)])
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_an_estimate_of_judging_needs_no_key(run: Any, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    code, out, err = run("enrich", "--estimate")
    assert (code, err) == (0, "") and "1 pull requests to judge with gpt-5-mini" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search",), "Give either a query or --similar-to"),
        (("search", "x", "--similar-to", "a/b#1"), "Give either a query or --similar-to"),
        (("search", "--similar-to", "nonsense"), "'nonsense' is not of the form owner/name#number"),
        (("search", "x", "--repo", "no-owner"), "'no-owner' is not of the form owner/name"),
        (("search", "x", "--merged-since", "yesterday"), "yesterday"),
        (("search", "x", "--merged-since", "2024-02-01", "--merged-until", "2024-01-01"), "--merged-since is after"),
        (("search", " "), "the query is empty"),
        (("sync", "--batch-size", "0"), "0 is not in the range"),
        (("sync", "--collection", "nope"), "nope: there is no such collection. Use pr_index or file_changes"),
    ],
)
def test_wrong_arguments_are_told_apart(run: Any, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2 and err.startswith("error: ") and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("narrowed", "what"),
    [
        (("--author", "[nobody]"), "author '[nobody]'"),
        (("--repo", "acme/none"), "repository 'acme/none'"),
        (("--language", "Runic"), "language 'Runic'"),
    ],
)
def test_a_name_that_the_marts_do_not_know_is_named(
    run: Any, warehouse: extensions.connection, narrowed: tuple[str, ...], what: str
) -> None:
    put(warehouse, [PullRequest(1, "Retry uploads", author="jane", files=[File("src/a.py", 3)])])
    assert run("sync")[0] == 0
    for query in (("uploads",), ("#1",), ("--similar-to", "acme/ship#1")):
        assert run("search", *query, *narrowed) == (0, f"Nothing found: the marts know no {what}.\n", "")
        assert json.loads(run("search", *query, *narrowed, "--json")[1])["results"] == []
    assert len(json.loads(run("search", "uploads", "--author", "@Jane", "--json")[1])["results"]) == 1


def test_like_what_is_not_there(run: Any, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    assert run("sync")[0] == 0
    put(warehouse, [PullRequest(2)])
    for number, message in ((2, "not among the vectors. Run python -m embeddings sync"), (3, "the marts have no such")):
        code, _, err = run("search", "--similar-to", f"acme/ship#{number}")
        assert code == 1 and err.startswith(f"error: acme/ship#{number}: ") and message in err


def test_an_unknown_model_is_named(run: Any, monkeypatch: pytest.MonkeyPatch, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1)])
    monkeypatch.setenv("EMBEDDING_MODEL", "nonesuch")
    code, _, err = run("sync")
    assert code == 1 and "EMBEDDING_MODEL: the embedding model nonesuch is not one of the local models" in err


def test_an_empty_warehouse_says_what_to_run_first(run: Any, warehouse: extensions.connection) -> None:
    with warehouse.cursor() as cursor:
        cursor.execute("drop schema marts cascade")
    warehouse.commit()
    searches = [("search", query) for query in ("anything at all", "#12", "@jane", "src/x.py")]
    for command in (*searches, ("sync",), ("status",), ("evaluate",), ("enrich", "--estimate")):
        code, _, err = run(*command)
        assert code == 1 and err.count("\n") == 1 and "unexpected" not in err, command


def test_a_title_cannot_steer_the_terminal(run: Any, warehouse: extensions.connection) -> None:
    file = File("src/a\x1b[31m\x9b1m.py", 1)
    put(warehouse, [PullRequest(1, "Evil \x1b]0;owned\x07\x1b[2J \u202etitle", files=[file])])
    assert run("sync")[0] == 0
    for kind in ("pr", "file"):
        for query in ("#1", "evil title"):
            code, out, err = run("search", query, "--kind", kind, "--explain")
            assert (code, err) == (0, "") and "title" in out
            assert not set(out) & set("\x1b\x07\x9b\u202e"), (kind, query)


@pytest.mark.parametrize("width", [80, 160])
def test_addresses_stay_whole(width: int) -> None:
    url = "https://github.com/a-long-name/of-a-repository/pull/12345"
    merged_at = datetime(2024, 1, 3, tzinfo=UTC)
    result = SearchResult(
        1.0, url, "Retry uploads", "jane-of-the-harbour", merged_at, 2.5, "They break.", "a/b", 1, None, "direct"
    )
    console = Console(width=width, file=io.StringIO())
    tables.print_answer(console, SearchAnswer("direct", [result], []), explain=False)
    out = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(each in out for each in (url, "jane-of-the-harbour", "2024-01-03", "2.5"))


def test_a_terminal_without_unicode_shows_what_it_can(settings: Settings, warehouse: extensions.connection) -> None:
    put(warehouse, [PullRequest(1, "Повторять – загрузки", is_merged=False)])
    with Sidecar.open(settings, StaticEncoder()) as sidecar:
        sidecar.sync()
    environment = {
        **os.environ, "PLIMSOLL_HOME": str(settings.home), "PGDATABASE": settings.database.dbname,
        "MILVUS_URL": settings.milvus_url, "PYTHONIOENCODING": "ascii",
    }  # fmt: skip
    for option, shown in ((), "????"), (("--json",), "\\u2013"):
        program = [sys.executable, "-m", "embeddings", "search", "#1", *option]
        ended = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
        assert shown in ended.stdout


def test_a_postgres_that_goes_away_is_named(
    run: Any, warehouse: extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_away(*_: object, **__: object) -> None:
        warehouse.commit()
        with warehouse.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    put(warehouse, [PullRequest(1)])
    monkeypatch.setattr("embeddings.sync.reconcile", go_away)
    code, _, err = run("sync")
    assert code == 1 and err.startswith("error: Postgres: ") and "Check DATABASE_URL" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("account", ["", "root:secret-token@", "root:secret/@-token@"])
def test_an_unreachable_milvus_is_named_without_its_password(
    run: Any, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setenv("MILVUS_URL", f"http://{account}127.0.0.1:9")
    monkeypatch.setenv("MILVUS_TOKEN", "root:secret-token")
    code, _, err = run("status")
    assert code == 1
    assert err.startswith("error: cannot reach Milvus at http://127.0.0.1:9") and "Check MILVUS_URL" in err
    assert err.count("\n") == 1 and "secret" not in err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        pytest.param(("search", "what waits"), FaultError(200, delay=30), id="hangs"),
        pytest.param(("sync",), FaultError(429, headers={"Retry-After": "60"}), id="limits"),
    ],
)
def test_an_interrupt_waits_for_no_server(
    settings: Settings,
    warehouse: extensions.connection,
    openai_double: OpenAIDouble,
    arguments: tuple[str, ...],
    fault: FaultError,
) -> None:
    put(warehouse, [PullRequest(1)])
    environment = {
        **os.environ, "PLIMSOLL_HOME": str(settings.home), "PGDATABASE": settings.database.dbname,
        "MILVUS_URL": settings.milvus_url, "OPENAI_BASE_URL": openai_double.url, "EMBEDDING_DIMENSIONS": "8",
    }  # fmt: skip
    program = [sys.executable, "-m", "embeddings"]
    subprocess.run([*program, "sync"], env=environment, check=True, capture_output=True)
    put(warehouse, [PullRequest(2)])
    asked = threading.Event()

    def misbehave(path: str, request: dict[str, Any], number: int) -> None:
        asked.set()
        raise fault

    openai_double.misbehave = misbehave
    with subprocess.Popen([*program, *arguments], env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert asked.wait(20)
        time.sleep(0.3)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
        assert time.monotonic() - started < 8
    assert process.returncode == 130
    assert err.endswith("error: interrupted\n") and "Traceback" not in err
