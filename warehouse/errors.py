"""The one error type that reaches users: a line that says what, where and what to do."""

import re

EXIT_FAILED = 1
"""Nothing, or not all, of what was asked for was done."""

EXIT_USAGE = 2
"""What was asked for makes no sense."""


_CAUSE = re.compile(r"\b(?:ERROR|FATAL|error): *\S|denied")


class PlimsollError(Exception):
    """A failure that the user can act on.

    Args:
        what: what went wrong, without a final full stop.
        where: the repository, step, setting or file it happened in; empty if `what` says it.
        remedy: what to do about it.
        exit_code: the process's exit code when nothing handles the error.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "", exit_code: int = EXIT_FAILED) -> None:
        self.what = one_line(what)
        self.where = one_line(where)
        self.remedy = one_line(remedy)
        self.exit_code = exit_code
        super().__init__(str(self))

    def __str__(self) -> str:
        """The whole error as one line: `where: what. remedy`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.remedy}" if self.remedy else head


def cause(said: str) -> str:
    """The line of a program's output that says why it failed: the first that names an error, else the last."""
    lines = [one_line(line) for line in said.splitlines() if line.strip()]
    return next((line for line in lines if _CAUSE.search(line)), lines[-1] if lines else "it said nothing")


def one_line(text: str) -> str:
    """`text` with every run of white space, line breaks included, made one space."""
    return " ".join(text.split()).rstrip(".")
