"""Serves the sample organisation until it is told to stop, or until whoever started it is gone."""

import argparse
import os
import signal
import sys
import threading
from datetime import date
from pathlib import Path

from . import sample
from .limits import Limits
from .server import GitHubDouble

PARENT_CHECK_SECONDS = 1.0


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.github_api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="file to write the address to once requests are answered")
    parser.add_argument(
        "--until", type=date.fromisoformat, default=sample.UNTIL, help="day before which the sample ends"
    )
    parser.add_argument("--pull-requests", type=int, default=sample.ORDINARY, help="how many ordinary pull requests")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each answer")
    options = parser.parse_args()

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    parent = os.getppid()
    organisation = sample.build(options.until, pull_requests=options.pull_requests)
    limits = Limits(points=1_000_000, latency=options.latency)
    with GitHubDouble(organisation, limits=limits, port=options.port) as api:
        sys.stdout.write(f"the sample organisation {sample.LOGIN} is served at {api.url}\n")
        sys.stdout.flush()
        if options.ready_file:
            _announce(options.ready_file, api.url)
        while not stopped.wait(PARENT_CHECK_SECONDS) and os.getppid() == parent:
            pass


def _announce(path: Path, url: str) -> None:
    # renamed into place: whoever waits for the file must never read half of it
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(f"{url}\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
