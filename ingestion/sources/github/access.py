"""From the settings to a client: which tokens there are, and where GitHub is."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.sources.github.client import GitHubClient
from ingestion.sources.github.tokens import REMEDY, AppInstallation, TokenPool
from warehouse.errors import PlimsollError
from warehouse.settings import Settings


@contextmanager
def connect_to_github(
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    max_in_flight: int = 8,
) -> Iterator[GitHubClient]:
    """A client with the tokens of the settings: all of them together, and gh's only where there is no other.

    Args:
        settings: where GitHub is, and the tokens.
        stop: set to end waits.
        max_in_flight: requests at the same time.

    Raises:
        PlimsollError: there is no token.
    """
    secrets = [token.get_secret_value() for token in settings.github_tokens]
    if settings.github_token is not None:
        secrets.insert(0, settings.github_token.get_secret_value())
    app = _app(settings)
    if not secrets and app is None:
        secrets = _token_of_gh()
    if not secrets and app is None:
        raise PlimsollError("there is no GitHub token", remedy=REMEDY)
    tokens = TokenPool([secret.strip() for secret in secrets], app)
    client = GitHubClient(tokens, settings.github_api_url, settings.graphql_url, max_in_flight, stop)
    try:
        yield client
    finally:
        client.close()


def has_token(settings: Settings) -> bool:
    """Whether any token is set, or gh has one."""
    return bool(settings.github_token or settings.github_tokens or settings.github_app_id or _token_of_gh())


def _app(settings: Settings) -> AppInstallation | None:
    key = settings.github_app_private_key
    if settings.github_app_id is None or key is None or settings.github_app_installation_id is None:
        return None
    text = key.get_secret_value()
    if "-----BEGIN" not in text:
        try:
            text = Path(text).expanduser().read_text()
        except OSError as error:
            raise PlimsollError(
                f"GITHUB_APP_PRIVATE_KEY is neither a PEM nor a readable file ({error.strerror})",
                remedy="Set it to the PEM or to its path",
            ) from None
    # one line with \n in it is how many secret stores keep a PEM
    text = text.replace("\\n", "\n")
    return AppInstallation(settings.github_app_id, text, settings.github_app_installation_id, settings.github_api_url)


def _token_of_gh() -> list[str]:
    program = shutil.which("gh")
    if program is None:
        return []
    found = subprocess.run([program, "auth", "token"], capture_output=True, text=True, check=False)
    return found.stdout.split() if found.returncode == 0 else []
