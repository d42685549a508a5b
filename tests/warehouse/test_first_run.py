"""The one command: its steps use the settings' warehouse, the sample meets no real token, titles stay text."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ingestion import DATASET
from ingestion.ledger import Ledger
from ingestion.sources.github.reports import Report, Step
from warehouse import first_run
from warehouse.errors import PlimsollError
from warehouse.postgres import connect
from warehouse.settings import Settings, load_settings


def own_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A `.env` that names another database and the user's own tokens."""
    file = folder / ".env"
    file.write_text(
        "DATABASE_URL=postgresql://ann:s3cret@production.example/plimsoll\nGITHUB_TOKENS=mine,mine too\n"
        "GITHUB_APP_ID=1\nGITHUB_APP_PRIVATE_KEY=key.pem\nGITHUB_APP_INSTALLATION_ID=2\n"
    )
    monkeypatch.setitem(Settings.model_config, "env_file", file)


def test_steps_use_the_database_of_the_environment_not_that_of_the_file(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    own_file(monkeypatch, tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.database.url)
    environments = []

    def step(name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        environments.append(environment)
        return 0

    monkeypatch.setattr(first_run, "_step", step)
    with pytest.raises(PlimsollError, match="nothing was loaded"):
        first_run.run_everything(load_settings(), ["owner/name"], [])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environments[0].items():
            patch.setenv(name, value)
        assert load_settings().database.url == settings.database.url
    assert environments[0].get("DATABASE_URL") == settings.database.url


@pytest.mark.parametrize(("status", "stopped_at"), [(None, "Load"), ("busy", "Load"), ("done", "Build the marts")])
def test_a_load_of_nothing_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, status: str | None, stopped_at: str
) -> None:
    def load(status: str) -> None:
        with closing(connect(settings, autocommit=True)) as connection:
            ledger = Ledger(connection, DATASET)
            ledger.open(["owner/name"])
            ledger.close(Report("owner/name", status=status, steps=[Step("list")]))

    steps = []

    def step(name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        steps.append(name)
        if name == "Load" and status:
            load(status)
        return 1

    # what was loaded before does not count
    load("done")
    monkeypatch.setattr(first_run, "_step", step)
    with pytest.raises(PlimsollError) as raised:
        first_run.run_everything(settings, ["owner/name"], [])
    assert steps[-1] == stopped_at
    assert ("nothing was loaded" in str(raised.value)) == (stopped_at == "Load")


def test_sample_meets_no_token_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_file(monkeypatch, tmp_path)
    # a data folder that is not there yet: with an external Postgres nobody else makes it
    home = tmp_path / "not" / "there"
    with first_run._sample(load_settings(PLIMSOLL_HOME=home)) as access:
        for name, value in access.items():
            monkeypatch.setenv(name, value)
        found = load_settings()
    assert found.github_token is not None
    assert found.github_token.get_secret_value() == "sample"
    assert found.github_tokens == ()
    assert found.github_app_id is None
