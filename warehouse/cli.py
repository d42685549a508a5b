"""What every command line shares: logging, errors as one line, exit codes."""

import contextlib
import io
import json
import logging
import os
import re
import sys
import threading
from datetime import date
from typing import TextIO

import click
import psycopg2
from rich.console import Console
from rich.logging import RichHandler

from warehouse import postgres
from warehouse.errors import EXIT_FAILED, PlimsollError, one_line
from warehouse.settings import load_settings

EXIT_INTERRUPTED = 130
PIPE_WIDTH = 120
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""All characters that steer a terminal, the direction of its text included, but the line feed."""


def run(command: click.Command, program: str) -> None:
    """Run a click command as the program's entry and end the process with its exit code.

    0: done; 1: failed, in whole or in part; 2: wrong arguments; 130: interrupted. A failure is one line on standard
    error; with LOG_LEVEL=DEBUG its traceback follows.

    Args:
        command: the command or group.
        program: how users call it, for the help text.
    """
    # neither tool phones home; set before either is imported
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _is_utf8(stream):
            # a character that the locale cannot show must not end what is being printed
            stream.reconfigure(errors="replace")
    try:
        configure_logging(load_settings().log_level)
        result = command.main(prog_name=program, standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except PlimsollError as error:
        code = fail(str(error), error.exit_code)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.UsageError as error:
        called = error.ctx.command_path if error.ctx else program
        code = fail(f"{one_line(error.format_message())}. See {called} --help", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        code = fail("interrupted", EXIT_INTERRUPTED)
        _end_without_threads(code)
    except BrokenPipeError:
        # the reader has gone, as in `… | head`; nothing more can be said
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        code = EXIT_FAILED
    except psycopg2.Error as error:
        code = fail(str(postgres.explained(error)), EXIT_FAILED)
    except PermissionError as error:
        remedy = "Run as the account that it belongs to, or set PLIMSOLL_HOME to a folder of yours"
        code = fail(f"{error.filename or 'a file'}: {error.strerror}. {remedy}", EXIT_FAILED)
    except Exception as error:
        code = fail(f"unexpected {type(error).__name__}: {error}. LOG_LEVEL=DEBUG shows where", EXIT_FAILED)
    sys.exit(code)


def _end_without_threads(code: int) -> None:
    """End the process now if a thread is left: it may wait a minute for a server, and Python would wait for it."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        # the reader may have been interrupted, too
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def fail(message: str, code: int) -> int:
    """Print `message` as one line on standard error, with the traceback when debugging; return `code`."""
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger(__name__).debug("the failure in full", exc_info=True)
    click.echo(f"error: {one_line(message)}", err=True)
    return code


def print_json(document: object) -> None:
    """Print a document for programs: as it is where the locale can show it, else in ASCII; times as ISO 8601."""
    click.echo(json.dumps(document, default=_iso, indent=2, ensure_ascii=not _is_utf8(sys.stdout)))


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"JSON has nothing for a {type(value).__name__}")


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def printable(text: str) -> str:
    """`text` as a terminal may have it: titles and paths come from anybody, and can hold what would steer it."""
    return CONTROL.sub(" ", text)


def console(pipe_width: int = PIPE_WIDTH) -> Console:
    """Standard output, as wide as its terminal.

    Args:
        pipe_width: how wide at least where it is none: names and addresses are copied out of what a file holds, and
            need not be folded there.
    """
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=max(terminal.width, pipe_width))


def configure_logging(level: str) -> None:
    """Log our own messages at `level` on standard error; those of libraries from WARNING up."""
    root = logging.getLogger()
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s", datefmt="%H:%M:%S"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if level == "DEBUG" else logging.WARNING)
    for package in ("warehouse", "ingestion", "embeddings"):
        logging.getLogger(package).setLevel(level)
