"""The documentation site, opened as a reader would."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.dbt.project import PROJECT, Project
from warehouse.documentation import write_site

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="module")
def page(sample: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the sample."""
    return write_site(sample.settings, tmp_path_factory.mktemp("site") / "index.html")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser's own folder; one for all pages, since making it takes longer than a page."""
    return tmp_path_factory.mktemp("browser")


def shown(page: Path, route: str, profile: Path) -> str:
    """The text of the page at `route` as the browser shows it, once its scripts have run."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    result = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--virtual-time-budget=8000",
            "--dump-dom", f"{page.as_uri()}#!/{route}",
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    # the scripts hold the whole project as data; what counts is what they made of it
    return re.sub(r"<script\b.*?</script>", "", result.stdout, flags=re.DOTALL)


def test_page_needs_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text) > 1_000_000
    # what the page would fetch on opening: scripts, styles and images
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", text)


def test_overview_is_ours(page: Path, profile: Path) -> None:
    text = shown(page, "overview", profile)
    assert "what a software team ships" in text
    assert "Welcome to the auto-generated documentation" not in text


def test_getting_answers_links_to_every_analysis(page: Path, profile: Path) -> None:
    text = shown(page, "overview/plimsoll", profile)
    linked = set(re.findall(r"analysis\.plimsoll\.(\w+)", text))
    assert {path.stem for path in PROJECT.glob("analyses/*.sql")} <= linked


def test_mart_shows_its_columns(page: Path, profile: Path) -> None:
    text = shown(page, "model/model.plimsoll.pull_request_lifecycle", profile)
    for column in ("hours_to_first_review", "rework_commit_count", "reopened_count"):
        assert column in text


def test_lineage_graph_opens(page: Path, profile: Path) -> None:
    text = shown(page, "model/model.plimsoll.repo_prs?g_v=1", profile)
    # the graph is drawn on a canvas, which exists only once the graph's library has laid it out
    assert re.search(r"<canvas[^>]+data-id=\"layer", text)
