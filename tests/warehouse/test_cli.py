"""The command lines: what goes wrong is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


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


@pytest.mark.parametrize("module", ["ingestion", "embeddings", "warehouse"])
@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"]])
def test_wrong_arguments_are_one_line(module: str, arguments: list[str]) -> None:
    result = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: No such ")
    assert result.stderr.endswith(" --help\n")
    assert result.stderr.count("\n") == 1


def test_no_argument_explains_the_commands() -> None:
    result = subprocess.run([sys.executable, "-m", "warehouse"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Commands:" in result.stderr
