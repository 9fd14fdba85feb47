"""Who is logged in, and who failed to too often. Kept in memory: a restart logs everybody out."""

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from webui.errors import TooOftenError

SESSION_S: Final = 12 * 3600.0
MAX_SESSIONS: Final = 10_000
FAILURES: Final = 5
FAILURES_S: Final = 60.0
MAX_CALLERS: Final = 10_000

Clock = Callable[[], float]


class Sessions:
    """Tokens of those who logged in; only their hashes are kept.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, float]] = {}

    def begin(self, name: str) -> str:
        """Returns the token of a new session; it ends after ``SESSION_S``."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._open = {key: entry for key, entry in self._open.items() if entry[1] > now}
            while len(self._open) >= MAX_SESSIONS:
                del self._open[next(iter(self._open))]  # the oldest
            self._open[_digest(token)] = (name, now + SESSION_S)
        return token

    def name_of(self, token: str) -> str | None:
        """Returns who a session belongs to, or None: there is none, or it ended."""
        name, until = self._open.get(_digest(token), (None, 0.0))
        return name if until > self._clock() else None

    def end(self, token: str) -> None:
        """Ends a session."""
        with self._lock:
            self._open.pop(_digest(token), None)


class FailureLimit:
    """Makes guessing slow: after ``FAILURES`` wrong passwords a caller waits.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def check(self, caller: str) -> None:
        """Counts an attempt as failed until ``succeeded``, so that attempts at the same time are counted too.

        Raises:
            TooOftenError: there were too many.
        """
        now = self._clock()
        recent = self._failures.setdefault(caller, deque(maxlen=FAILURES))
        if len(recent) == FAILURES and now - recent[0] < FAILURES_S:
            raise TooOftenError("access.login_too_often", retry_s=int(FAILURES_S - (now - recent[0])) + 1)
        recent.append(now)
        while len(self._failures) > MAX_CALLERS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, caller: str) -> None:
        """Forgets the caller's failures."""
        self._failures.pop(caller, None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
