"""The command lines: what goes wrong is one line."""

import errno
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from warehouse import cli, postgres
from warehouse.__main__ import main
from warehouse.errors import cause
from warehouse.settings import Settings


def test_command_line_fails_in_one_line(home: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "postgresql://ann:s3cret@127.0.0.1:1/none"}
    for command in (["-m", "ingestion", "status"], ["-m", "warehouse", "psql"], ["-m", "warehouse", "docs"]):
        result = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment, check=False
        )
        assert result.returncode == 1
        assert result.stderr.startswith("error: cannot connect to Postgres")
        assert len(result.stderr.strip().splitlines()) == 1
        assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["backfill"], ["up", "again"]])
def test_wrong_arguments_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["python -m warehouse", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.run(main, "python -m warehouse")
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.endswith(" --help\n")
    assert said.err.count("\n") == 1


def test_no_argument_explains_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["python -m warehouse"])
    with pytest.raises(SystemExit) as ended:
        cli.run(main, "python -m warehouse")
    assert ended.value.code == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("pg_dump: error: query failed: ERROR:  permission denied\npg_dump: detail: Query was: LOCK", "denied"),
        ("Encountered an error:\nDatabase Error\n  permission denied for schema a\n  LINE 1: select\n  ^", "denied"),
        ("starting\n\nthe disk is full\n", "the disk is full"),
        ("", "it said nothing"),
    ],
)
def test_of_what_a_program_said_the_cause_is_shown(said: str, reason: str) -> None:
    assert reason in cause(said) and "\n" not in cause(said)


def test_what_an_account_may_not_do_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    @click.command()
    def look() -> None:
        with closing(postgres.connect(settings)) as connection, connection.cursor() as cursor:
            cursor.execute("create role passer_by; set role passer_by; select * from pg_authid")

    monkeypatch.setattr("sys.argv", ["look"])
    with pytest.raises(SystemExit) as ended:
        cli.run(look, "look")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: Postgres: permission denied for table pg_authid. Connect as an account that may")
    assert said.count("\n") == 1


def test_folder_of_another_account_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def look() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv/theirs/postgres")

    monkeypatch.setattr("sys.argv", ["look"])
    with pytest.raises(SystemExit) as ended:
        cli.run(look, "look")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: /srv/theirs/postgres: Permission denied. ") and "PLIMSOLL_HOME" in said
    assert said.count("\n") == 1
