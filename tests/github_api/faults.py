"""Faults on demand: which request goes wrong, and how."""

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "500",
    "502",
    "503",
    "504",
    "html_502",  # a proxy's page in place of JSON
    "timeout_200",  # HTTP 200 with "Something went wrong" and no data
    "reset",  # the connection is cut in the middle of the body
    "refuse",  # the connection is cut before any answer
    "truncate",  # a complete HTTP answer with half of the JSON
    "empty",  # HTTP 200 with nothing in it
    "slow",  # the right answer after `seconds`
    "unauthorized",
    "forbidden",
    "secondary",  # 403 or 429, with Retry-After unless `retry_after` is None
    "secondary_200",  # the secondary limit as HTTP 200 with an error
    "rate_limited",  # the primary limit: HTTP 200, RATE_LIMITED, remaining 0 until `seconds` from now
    "resource_limits",  # HTTP 200, every node null with RESOURCE_LIMITS_EXCEEDED
    "partial",  # HTTP 200, every third node null with an error, the others right
]


@dataclass
class Fault:
    """One rule. It looks at every request that matches, and fires on some of them.

    Attributes:
        kind: what goes wrong.
        path: regular expression searched for in the request's path.
        operation: regular expression searched for in the GraphQL operation's name.
        body: regular expression searched for in the request's body.
        nth: fires on these matching requests alone, counted from 1.
        every: fires on each matching request whose count this divides.
        probability: fires this often, by a generator seeded with `seed`.
        times: fires at most so often.
        seconds: how slow, or until when limited.
        status: the HTTP status of a secondary limit.
        retry_after: the seconds, or the date, that a secondary limit names.
        fired: how often it fired so far.
    """

    kind: Kind
    path: str = ""
    operation: str = ""
    body: str = ""
    nth: tuple[int, ...] = ()
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int | None = None
    seconds: float = 1.0
    status: int = 403
    retry_after: int | str | None = 1
    fired: int = 0
    _seen: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def matches(self, path: str, operation: str, body: str) -> bool:
        """Whether the rule looks at such a request."""
        patterns = ((self.path, path), (self.operation, operation), (self.body, body))
        return all(re.search(pattern, text) for pattern, text in patterns if pattern)

    def fires(self) -> bool:
        """Counts one matching request, and tells whether the rule wants it to go wrong."""
        self._seen += 1
        if self.times is not None and self.fired >= self.times:
            return False
        if self.nth:
            return self._seen in self.nth
        if self.every is not None:
            return self._seen % self.every == 0
        return self.probability is None or self._random.random() < self.probability


class Faults:
    """The rules in force; the first that fires decides."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: Kind, **conditions: Any) -> Fault:
        """Adds a rule and returns it, so that a test can ask how often it fired."""
        fault = Fault(kind, **conditions)
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        """Ends all faults."""
        with self._lock:
            self._rules.clear()

    def pick(self, path: str, operation: str, body: str) -> Fault | None:
        """Returns the fault of a request, None for most."""
        with self._lock:
            # every rule counts every request it matches, whichever rule decides
            hits = [fault for fault in self._rules if fault.matches(path, operation, body) and fault.fires()]
            for fault in hits[:1]:
                fault.fired += 1
            return hits[0] if hits else None
