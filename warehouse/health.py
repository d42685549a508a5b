"""Whether everything that the warehouse leans on answers."""

import importlib.metadata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx

from warehouse import postgres
from warehouse.errors import PlimsollError, one_line
from warehouse.settings import ROOT, Settings

GITHUB_TIMEOUT_SECONDS = 5


def check(settings: Settings) -> dict[str, Any]:
    """Ask every service.

    Returns:
        `status` (healthy; degraded, if something answers and something does not; down, if Postgres does not),
        `timestamp`, `version` and `services`, each with `status` (up or down) and what is known of it.
    """
    checks: Mapping[str, Callable[[Settings], dict[str, Any]]] = {
        "postgres": _postgres,
        "milvus": _milvus,
        "embeddings": _embeddings,
        "github": _github,
    }
    with ThreadPoolExecutor(len(checks)) as pool:
        found = dict(zip(checks, pool.map(lambda ask: _asked(ask, settings), checks.values()), strict=True))
    down = {name for name, service in found.items() if service["status"] != "up"}
    status = "healthy" if not down else "down" if "postgres" in down else "degraded"
    return {
        "status": status,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version(),
        "services": found,
    }


def version() -> str:
    """The project's version."""
    import tomllib

    try:
        return importlib.metadata.version("plimsoll")
    except importlib.metadata.PackageNotFoundError:
        # run from a clone, which is not installed as a package
        return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _asked(ask: Callable[[Settings], dict[str, Any]], settings: Settings) -> dict[str, Any]:
    try:
        return {"status": "up", **ask(settings)}
    except PlimsollError as error:
        return {"status": "down", "error": str(error)}
    except Exception as error:
        return {"status": "down", "error": one_line(f"{type(error).__name__}: {error}")}


def _postgres(settings: Settings) -> dict[str, Any]:
    connection = postgres.connect(settings)
    try:
        number = connection.server_version
        return {"where": str(settings.database), "server_version": f"{number // 10000}.{number % 10000}"}
    finally:
        connection.close()


def _milvus(settings: Settings) -> dict[str, Any]:
    from embeddings.store import ping

    return ping(settings)


def _embeddings(settings: Settings) -> dict[str, Any]:
    from embeddings.encoders import describe

    return describe(settings)


def _github(settings: Settings) -> dict[str, Any]:
    """Reach GitHub's address; whether the token is right shows with the first load."""
    from ingestion.sources.github.access import has_token

    try:
        # the way the client goes, through a proxy, too; any answer of GitHub's own will do
        answer = httpx.get(settings.github_api_url, timeout=GITHUB_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
    else:
        reason = f"HTTP {answer.status_code}" if answer.is_server_error else ""
    if reason:
        raise PlimsollError(
            f"cannot reach {settings.github_api_url} ({reason})", remedy="Check GITHUB_API_URL and the network"
        )
    return {"url": settings.github_api_url, "token": "set" if has_token(settings) else "not set"}
