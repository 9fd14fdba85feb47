"""Waits for conditions in other threads and processes, and a clock that a test sets."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 120.0  # a busy machine may need minutes; a test that passes does not wait this long
PAUSE_S: Final = 0.01
T = TypeVar("T")


class Clock:
    """Stands in for ``time.monotonic``.

    Attributes:
        now: current time, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Returns the current time."""
        return self.now


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Returns as soon as the condition is true.

    Raises:
        AssertionError: it was still false after ``patience_s`` seconds.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"the condition was still false after {patience_s:g} s"
        time.sleep(PAUSE_S)


def wait_for(look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """Returns the first result of ``look`` that is not None.

    Raises:
        AssertionError: there was none within ``patience_s`` seconds.
    """
    found: list[T] = []

    def is_there() -> bool:
        result = look()
        if result is not None:
            found.append(result)
        return bool(found)

    wait_until(is_there, patience_s)
    return found[0]
