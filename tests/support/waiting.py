"""Waiting for something that happens in another thread or process, and a clock that a test sets."""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 30.0
PAUSE_S: Final = 0.01


class Clock:
    """Stands in for ``time.monotonic``.

    Attributes:
        now: what it shows, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Returns what it shows."""
        return self.now


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Returns once the condition holds.

    Raises:
        AssertionError: it still did not after ``patience_s`` seconds.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(PAUSE_S)
