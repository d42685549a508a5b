"""The documentation site of the dbt project, as one page that needs no server."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from warehouse import dbt
from warehouse.errors import PlimsollError, cause
from warehouse.settings import ROOT, Settings


def write_site(settings: Settings, page: Path | None = None) -> Path:
    """Write the site: every model, column, test, metric and the lineage graph, with the catalogue of the warehouse.

    Args:
        settings: says which warehouse the catalogue is read from.
        page: the file to write; `docs/index.html` in the data folder if not given.

    Returns:
        The file written. It opens from disk, with no server and no network.

    Raises:
        PlimsollError: dbt could not read the project or the warehouse.
    """
    page = page or settings.home / "docs" / "index.html"
    with tempfile.TemporaryDirectory(prefix="plimsoll-docs-") as folder:
        # an own target folder: a half-written manifest of ours must not meet a build that runs beside it
        command = dbt.command(
            "--quiet", "--no-use-colors", "docs", "generate", "--static",
            "--project-dir", str(dbt.PROJECT), "--profiles-dir", str(ROOT),
            "--target-path", folder, "--log-path", folder,
            "--partial-parse-file-path", str(dbt.PROJECT / "target" / "partial_parse.msgpack"),
        )  # fmt: skip
        environment = dbt.environment(settings)
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise PlimsollError(
                f"dbt could not generate the documentation: {cause(result.stdout + result.stderr)}",
                remedy="Run `dbt build --project-dir dbt_project` first; it says what is wrong",
            )
        page.parent.mkdir(parents=True, exist_ok=True)
        # moved in whole: a reader of the old page never meets half of the new one
        partial = page.with_suffix(".partial")
        shutil.copyfile(Path(folder) / "static_index.html", partial)
        partial.replace(page)
    return page
