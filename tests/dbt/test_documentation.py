"""The documentation site, opened as a reader would."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.dbt.project import MANIFESTS, PROJECT, Project
from warehouse.documentation import write_site

# objsubid is the column's number, 0 for the relation itself
DESCRIPTIONS = """
select relations.relnamespace::regnamespace::text, relations.relname, columns.attname, descriptions.description
from pg_description as descriptions
inner join pg_class as relations on descriptions.classoid = 'pg_class'::regclass and descriptions.objoid = relations.oid
left join pg_attribute as columns
    on descriptions.objsubid > 0 and columns.attrelid = relations.oid and columns.attnum = descriptions.objsubid
where relations.relnamespace::regnamespace::text = any(%s)
"""
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


def test_postgres_holds_the_description_of_every_relation_and_column(sample: Project) -> None:
    written = {
        (node.schema, node.name, column): description.strip()
        for node in MANIFESTS[PROJECT].nodes.values()
        if node.resource_type in ("model", "seed") and node.config.materialized != "ephemeral"
        for column, description in [(None, node.description), *((c.name, c.description) for c in node.columns.values())]
    }
    schemas = sorted({schema for schema, *_ in written})
    stored = [tuple(row.values()) for row in sample.rows(DESCRIPTIONS, (schemas,))]
    assert {(schema, name, column): text.strip() for schema, name, column, text in stored} == written
