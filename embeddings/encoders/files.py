"""Model files that lie in installed packages."""

import hashlib
import importlib.util
from pathlib import Path

from warehouse.errors import PlimsollError


def package_file(package: str, path: str, *, sha256: str | None = None, remedy: str = "Run make setup") -> Path:
    """The file of an installed package, without importing the package.

    Args:
        package: the package's name.
        path: the file's path in it.
        sha256: what the file must hash to, where a changed file would silently change every vector.
        remedy: what to do if it is missing.

    Raises:
        PlimsollError: it is not installed, or not the file that is expected.
    """
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    file = Path(folders[0]) / path if folders else None
    if file is None or not file.is_file():
        raise PlimsollError(
            f"the embedding model's file {path} of the package {package} is not installed", remedy=remedy
        )
    if sha256 is not None and hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise PlimsollError(
            f"the embedding model's file {path} of the package {package} is not the one it should be (SHA-256 differs)",
            remedy=f"Reinstall it. {remedy}",
        )
    return file
