"""`python -m ingestion`: one line for what goes wrong, the right exit code, no secret anywhere."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingestion import DATASET
from ingestion.__main__ import main
from ingestion.database import connected
from ingestion.ledger import Ledger
from ingestion.raw_store import RawStore
from tests.github_api import GitHubDouble
from tests.ingestion.conftest import TOKEN
from tests.ingestion.warehouse_copy import contents, differences, query
from warehouse import cli
from warehouse.postgres import connect
from warehouse.settings import Settings

QUAYSIDE = "harbour-works/quayside"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error:")]


class CommandLine:
    """Runs commands in this process, over the double and a database of the test's own."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._captured = captured

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Runs one command."""
        for name, value in environment.items():
            self._patch.setenv(name, value)
        self._patch.setattr("sys.argv", ["python -m ingestion", *arguments])
        self._captured.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.run(main, "python -m ingestion")
        out, err = self._captured.readouterr()
        assert "Traceback" not in out + err or environment.get("LOG_LEVEL") == "DEBUG"
        return Ended(int(ended.value.code or 0), out, err)


@pytest.fixture
def command(
    settings: Settings, api: GitHubDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    monkeypatch.setenv("PLIMSOLL_HOME", str(settings.home))
    monkeypatch.setenv("PGDATABASE", settings.database.dbname)
    monkeypatch.setenv("GITHUB_API_URL", api.url)
    monkeypatch.setenv("GITHUB_GRAPHQL_URL", api.graphql_url)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield CommandLine(monkeypatch, capsys)
    root.handlers, root.level = handlers, level


def closed_port() -> int:
    """Returns a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["--repo OWNER/NAME", "--org NAME"]),
        (("--repo", "quayside"), ["'quayside'", "owner/name"]),
        (("--repo", "a/b/c"), ["'a/b/c'", "owner/name"]),
        (("--repo", "harbour works/quay"), ["'harbour works/quay'", "owner/name"]),
        (("--repo", "a/b;drop"), ["'a/b;drop'", "owner/name"]),
        (("--repo", "a/"), ["'a/'", "owner/name"]),
        (("--org", "a/b"), ["'a/b'", "--repo"]),
        (("--repo", QUAYSIDE, "--since", "yesterday"), ["'yesterday' is not a date", "2024-01-31"]),
        (("--repo", QUAYSIDE, "--since", "2024-02-30"), ["'2024-02-30' is not a date"]),
        (("--repo", QUAYSIDE, "--since", "2024-02-02", "--until", "2024-01-01"), ["--since is after --until"]),
        (("--repo", QUAYSIDE, "--batch-size", "0"), ["--batch-size", "0"]),
        (("--repo", QUAYSIDE, "--workers", "many"), ["--workers", "many"]),
        (("--repo", QUAYSIDE, "--include", "x*"), ["--include", "--org"]),
        (("--colour", "blue"), ["--colour"]),
    ],
)
def test_wrong_arguments_are_one_line_and_load_nothing(
    command: CommandLine, settings: Settings, arguments: tuple[str, ...], words: list[str]
) -> None:
    ended = command("github", *arguments)
    assert ended.code == 2
    assert ended.err.splitlines() == ended.errors
    assert len(ended.errors) == 1
    assert all(word in ended.errors[0] for word in words), ended.errors
    assert query(settings, "select count(*) from pg_namespace where nspname = 'raw_github'") == [(0,)]


def test_unknown_repository_is_named_and_others_go_on(command: CommandLine, settings: Settings) -> None:
    ended = command("github", "--repo", "harbour-works/nothing", "--repo", "nobody/nowhere", "--repo", QUAYSIDE)
    assert ended.code == 1
    assert [("harbour-works/nothing" in line or "nobody/nowhere" in line) for line in ended.errors] == [True, True]
    assert "token may not see it" in ended.errors[0]
    assert query(settings, "select name_with_owner from raw_github.repositories") == [(QUAYSIDE,)]


def test_unknown_organisation_is_one_line(command: CommandLine) -> None:
    ended = command("github", "--org", "nobody-at-all")
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "nobody-at-all" in ended.errors[0]


@pytest.mark.parametrize("arguments", [("--include", "nope*"), ("--exclude", "*")])
def test_patterns_that_leave_nothing_are_an_error(command: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = command("github", "--org", "harbour-works", *arguments)
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "harbour-works" in ended.errors[0] and "--include" in ended.errors[0]


def test_addresses_asked_for_later_need_a_full_refresh_and_the_command_says_so(
    command: CommandLine, settings: Settings
) -> None:
    text = "select count(*) from raw_github.pull_request_commits where author_email is not null"
    first = command("github", "--repo", QUAYSIDE)
    later = command("github", "--repo", QUAYSIDE, "--with-emails")
    assert ("--full-refresh" in first.err, "--full-refresh" in later.err) == (False, True)
    assert query(settings, text) == [(0,)]
    assert "--full-refresh" not in command("github", "--repo", QUAYSIDE, "--with-emails", "--full-refresh").err
    assert query(settings, text)[0][0] > 0


def test_forbidden_repository_is_one_line(command: CommandLine, api: GitHubDouble) -> None:
    api.faults.add("forbidden", body="manifest-service")
    ended = command("github", "--repo", QUAYSIDE, "--repo", "harbour-works/manifest-service")
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "manifest-service" in ended.errors[0] and "scopes" in ended.errors[0]


def test_bad_token_is_one_line(command: CommandLine, api: GitHubDouble) -> None:
    api.ledger.revoke(TOKEN)
    ended = command("github", "--repo", QUAYSIDE)
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "GITHUB_TOKEN" in ended.errors[0]


def test_no_token_at_all_is_one_line(command: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # no gh on the path either, whose token would be taken
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = command("github", "--repo", QUAYSIDE, GITHUB_TOKEN="")
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "GITHUB_TOKEN" in ended.errors[0]


def test_unreachable_github_is_one_line(command: CommandLine) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    for options, table in (((), "failed"), (("--estimate",), "")):
        ended = command(
            "github", "--repo", QUAYSIDE, *options, GITHUB_API_URL=address, GITHUB_GRAPHQL_URL=f"{address}/graphql"
        )
        assert (ended.code, len(ended.errors)) == (1, 1)
        assert "no connection to GitHub (" in ended.errors[0] and "GITHUB_API_URL" in ended.errors[0]
        # what could not be asked has no numbers
        assert table in ended.out and bool(table) == bool(ended.out)


def test_unreachable_postgres_is_one_line_without_the_password(command: CommandLine) -> None:
    address = f"postgresql://harbour:s3cret%40word@127.0.0.1:{closed_port()}/plimsoll"
    ended = command("github", "--repo", QUAYSIDE, DATABASE_URL=address)
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert "DATABASE_URL" in ended.errors[0]
    assert "s3cret" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("GITHUB_API_URL", "github.com"), ("DATABASE_URL", "mysql://x"), ("LOG_LEVEL", "LOUD"), ("BATCH_SIZE", "0")],
)
def test_malformed_setting_is_named_and_its_value_not_shown(command: CommandLine, name: str, value: str) -> None:
    ended = command("github", "--repo", QUAYSIDE, **{name: value})
    assert ended.code != 0
    assert len(ended.errors) == 1
    assert name in ended.errors[0]
    assert value not in ended.errors[0] or value == "0"


def test_second_run_of_a_repository_says_so_and_leaves(
    command: CommandLine, settings: Settings, api: GitHubDouble
) -> None:
    repository = api.organisation.repository(QUAYSIDE)
    assert repository is not None
    with closing(connect(settings, autocommit=True)) as connection:
        assert RawStore(connection, "raw_github").lock(repository.database_id)
        ended = command("github", "--repo", QUAYSIDE, "--repo", "harbour-works/manifest-service")
    assert (ended.code, len(ended.errors)) == (1, 1)
    assert QUAYSIDE in ended.errors[0] and "another run" in ended.errors[0]
    assert query(settings, "select name_with_owner from raw_github.repositories") == [
        ("harbour-works/manifest-service",)
    ]


def test_estimate_asks_little_and_loads_nothing(command: CommandLine, settings: Settings, api: GitHubDouble) -> None:
    ended = command("github", "--org", "harbour-works", "--estimate", "--json")
    assert ended.code == 0
    estimates = {row["repository"]: row for row in json.loads(ended.out)}
    asked = len(api.log)
    assert asked <= 4
    assert query(settings, "select count(*) from pg_namespace where nspname = 'raw_github'") == [(0,)]
    api.log.clear()
    assert command("github", "--org", "harbour-works").code == 0
    total = sum(row["requests"] for row in estimates.values())
    assert total / 3 <= len(api.log) <= total * 3
    assert sum(row["points"] for row in estimates.values()) >= api.points / 3
    assert sum(row["pull_requests"] for row in estimates.values()) == sum(
        len(repository.pull_requests) for repository in api.organisation.repositories()
    )


def test_outcome_as_json_is_json_alone(command: CommandLine) -> None:
    ended = command("github", "--repo", QUAYSIDE, "--json")
    summary = json.loads(ended.out)
    assert [row["status"] for row in summary["repositories"]] == ["done"]
    assert summary["pull_requests"] > 30


def test_status_shows_runs_and_what_went_wrong(command: CommandLine) -> None:
    empty = command("status")
    assert (empty.code, "Nothing was loaded yet" in empty.out) == (0, True)
    command("github", "--repo", QUAYSIDE, "--repo", "harbour-works/nothing")
    shown = command("status")
    assert shown.code == 0
    assert QUAYSIDE in shown.out and "hydrate" in shown.out and "harbour-works/nothing" in shown.out
    rows = json.loads(command("status", "--json").out)
    assert {row["repository"] for row in rows} == {QUAYSIDE, "harbour-works/nothing"}


def test_status_does_not_know_what_a_killed_run_did(command: CommandLine, settings: Settings) -> None:
    command("github", "--repo", QUAYSIDE)
    with connected(settings) as connection:
        # one that was killed as soon as it had begun
        Ledger(connection, DATASET).open(["harbour-works/manifest-service"])
    [row, *_] = json.loads(command("status", "--json").out)
    assert (row["repository"], row["listed"], row["requests"]) == ("harbour-works/manifest-service", None, None)
    assert "manifest-service" in command("status").out


def test_pull_requests_that_were_read_again_are_named(command: CommandLine, api: GitHubDouble) -> None:
    repository = api.organisation.repository(QUAYSIDE)
    assert repository is not None
    rows = [row for row in repository.pull_requests.values() if len(row.labels) == 1][:2]
    for row in rows:
        # GitHub counts it twice, and it is one row
        row.labels *= 2
    numbers = sorted(row.number for row in rows)
    ended = command("github", "--repo", QUAYSIDE)
    assert f"{QUAYSIDE}: read again, as rows and GitHub's counts differed: #{numbers[0]}, #{numbers[1]}\n" in ended.out
    summary = json.loads(command("github", "--repo", QUAYSIDE, "--json").out)
    assert [row["read_again"] for row in summary["repositories"]] == [numbers]


def test_row_that_cannot_be_loaded_is_set_aside_and_tried_again(
    command: CommandLine, settings: Settings, api: GitHubDouble
) -> None:
    repository = api.organisation.repository(QUAYSIDE)
    assert repository is not None
    row = next(row for row in repository.pull_requests.values() if 0 < len(row.comments) < 50)
    comment, right = row.comments[0], row.comments[0].created_at
    comment.created_at = "the day before yesterday"
    ended = command("github", "--repo", QUAYSIDE)
    assert "could not be loaded" in ended.out
    text = "select repository, pull_request_number, entity, payload like %s from raw_github.dead_letters"
    expected = [(QUAYSIDE, row.number, "pull_request_comments", True)]
    assert query(settings, text, "%the day before yesterday%") == expected
    everything = query(settings, "select count(*) from raw_github.pull_requests")
    assert everything == [(len(repository.pull_requests),)]
    comment.created_at = right
    assert command("github", "--repo", QUAYSIDE).code == 0
    assert query(settings, "select * from raw_github.dead_letters") == []
    assert query(
        settings, "select count(*) from raw_github.pull_request_comments where id = %s", comment.database_id
    ) == [(1,)]


@pytest.mark.parametrize(
    ("kind", "level"), [("unauthorized", "DEBUG"), ("forbidden", "INFO"), ("503", "DEBUG"), ("truncate", "INFO")]
)
def test_token_is_nowhere_after_a_run_that_fails(
    command: CommandLine, settings: Settings, api: GitHubDouble, kind: Any, level: str
) -> None:
    api.faults.add(kind, operation="Hydrate")
    ended = command("github", "--org", "harbour-works", LOG_LEVEL=level)
    assert ended.code == 1
    assert TOKEN not in ended.out + ended.err
    assert api.log[0].token == TOKEN
    for folder, _, names in os.walk(settings.home):
        for name in names if "postgres" not in Path(folder).parts else ():
            assert TOKEN.encode() not in Path(folder, name).read_bytes(), f"{folder}/{name}"
    text = "select table_schema, table_name from information_schema.tables where table_schema like %s"
    tables = query(settings, text, "raw_github%")
    assert tables
    for schema, table in tables:
        text = f'select count(*) from "{schema}"."{table}" as row where row::text like %s'
        assert query(settings, text, f"%{TOKEN}%") == [(0,)], table


def test_command_run_twice_changes_nothing(command: CommandLine, settings: Settings) -> None:
    assert command("github", "--org", "harbour-works").code == 0
    before = contents(settings)
    assert command("github", "--org", "harbour-works").code == 0
    assert command("github", "--org", "harbour-works", "--full-refresh").code == 0
    assert differences(before, contents(settings)) == {}
