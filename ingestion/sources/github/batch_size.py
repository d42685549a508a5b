"""How many pull requests to ask for at once."""

import threading

GROW_AFTER = 10
"""Batches that must go through before the size grows by one."""


class BatchSize:
    """How many pull requests to ask for at once in a repository; thread-safe.

    Halves when GitHub finds a batch too heavy, and grows back by one after several that went through, so that neither a
    heavy stretch fails again and again nor a light one is read in crumbs for ever.

    Args:
        limit: the most.
        start: the size that worked last.
    """

    def __init__(self, limit: int, start: int | None = None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._successes = 0
        self.current = max(1, min(limit, start or limit))

    def too_heavy(self, size: int) -> None:
        """A batch of `size` was too heavy."""
        with self._lock:
            self._successes = 0
            self.current = max(1, min(self.current, size // 2))

    def went_through(self) -> None:
        """A batch as large as they are now was answered."""
        with self._lock:
            self._successes += 1
            if self._successes >= GROW_AFTER and self.current < self._limit:
                self._successes = 0
                self.current += 1
