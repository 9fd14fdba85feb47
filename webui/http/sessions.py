"""Who is logged in, and who failed to too often. Kept in memory: a restart logs everybody out."""

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webui.errors import TooOftenError

SESSION_S: Final = 12 * 3600.0
MAX_SESSIONS: Final = 10_000
FAILURES: Final = 5
ACCOUNT_FAILURES: Final = 20  # more than one caller reaches alone, who could lock an account's owner out otherwise
FAILURES_S: Final = 60.0
MAX_FAILURES: Final = 10_000

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


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt to log in that failed, or whose end is not known yet."""

    caller: str
    account: str
    at_s: float


class FailureLimit:
    """Makes guessing slow: after so many wrong passwords a caller waits, and so does whoever tries the account.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[_Failure] = deque(maxlen=MAX_FAILURES)  # of the last minute, oldest first

    def check(self, caller: str, account: str) -> None:
        """Counts an attempt as failed until ``succeeded``, so that attempts at the same time are counted too.

        Args:
            caller: who tries.
            account: which account, whether there is such a one or not; empty for a key, which is too long to guess.

        Raises:
            TooOftenError: there were too many.
        """
        now = self._clock()
        account = account and _digest(account)
        while self._failures and now - self._failures[0].at_s >= FAILURES_S:
            self._failures.popleft()
        of_caller = [failure.at_s for failure in self._failures if failure.caller == caller]
        of_account = [failure.at_s for failure in self._failures if account and failure.account == account]
        for failed, limit in ((of_caller, FAILURES), (of_account, ACCOUNT_FAILURES)):
            if len(failed) >= limit:
                raise TooOftenError("access.login_too_often", retry_s=int(FAILURES_S - (now - failed[-limit])) + 1)
        self._failures.append(_Failure(caller, account, now))

    def succeeded(self, caller: str, account: str) -> None:
        """Forgets the caller's failures with this account, and no others.

        An attacker may have an account too, and whoever guesses at an account does not start afresh when its owner logs
        in.
        """
        pair = (caller, account and _digest(account))
        kept = [failure for failure in self._failures if (failure.caller, failure.account) != pair]
        self._failures = deque(kept, maxlen=MAX_FAILURES)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
