"""The summary: titles, which anybody may have written, stay text in it."""

import io
import shlex
from contextlib import closing

import pytest
from rich.console import Console

from warehouse import postgres, summary
from warehouse.settings import Settings, load_settings

TITLES = ("Fix [/api] routes", "[bold]Loud[/bold]", '-x: `rm -rf ~` and $(id) "it\'s"')


@pytest.mark.parametrize("title", TITLES)
def test_table_shows_a_title_as_it_is(title: str) -> None:
    shown = io.StringIO()
    summary._table(Console(file=shown, width=120), "What shipped lately", ("title", "lines"), [(title, "1")], (1,))
    assert title in shown.getvalue()


@pytest.mark.parametrize("title", TITLES)
def test_command_to_copy_hands_the_title_over_as_one_argument(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    summary.show_places(load_settings(), title)
    line = next(line for line in capsys.readouterr().out.splitlines() if " search " in line)
    # `--` before it: what begins with a dash is no option
    assert shlex.split(line)[-2:] == ["--", title]
    assert shlex.quote(title) in line


@pytest.mark.parametrize(
    ("repositories", "said"), [(("owner/name",), ""), (("owner/name", "harbour-works/quayside"), "The sample")]
)
def test_sample_among_real_repositories_is_named_with_the_remedy(
    settings: Settings, capsys: pytest.CaptureFixture[str], repositories: tuple[str, ...], said: str
) -> None:
    with closing(postgres.connect(settings, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create schema marts; create table marts.repo_prs as select unnest(%s) as repo_name", ([*repositories],)
        )
    summary.warn_of_sample(settings)
    shown = capsys.readouterr().out.strip()
    assert shown.startswith(said)
    assert shown.count("\n") == 0
    assert (str(settings.home) in shown) == bool(said)
