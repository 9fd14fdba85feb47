"""Login sessions, and the limit on failed logins. Both are in memory only: a restart ends all sessions."""

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
FAILURES: Final = 5  # failed logins of one caller within FAILURES_S
ACCOUNT_FAILURES: Final = 20  # above FAILURES, so that a single caller can't lock out the owner of the account
FAILURES_S: Final = 60.0
MAX_FAILURES: Final = 10_000

Clock = Callable[[], float]


class Sessions:
    """Tokens of logged-in users; only hashes of the tokens are kept.

    Args:
        clock: monotonic clock, in seconds.
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
        """Returns the name of a session's user; None if there is no such session or it has expired."""
        name, until = self._open.get(_digest(token), (None, 0.0))
        return name if until > self._clock() else None

    def end(self, token: str) -> None:
        """Ends a session."""
        with self._lock:
            self._open.pop(_digest(token), None)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A login attempt that failed, or is still in progress."""

    caller: str
    account: str
    at_s: float


class FailureLimit:
    """Slows down password guessing: limits the failed logins per minute of each caller and for each account.

    Args:
        clock: monotonic clock, in seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[_Failure] = deque(maxlen=MAX_FAILURES)  # of the last minute, oldest first

    def check(self, caller: str, account: str) -> None:
        """Counts an attempt as failed until ``succeeded`` is called, so that concurrent attempts are counted too.

        Args:
            caller: name of the caller.
            account: name of the account, which may not exist; "" for a login by key, since keys are too long to guess.

        Raises:
            TooOftenError: the caller or the account has too many failed attempts.
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
        """Removes the caller's failures with this account, and no others.

        A login with the attacker's own account must not reset the limit for other accounts, nor a login by an
        account's owner the limit for other callers.
        """
        pair = (caller, account and _digest(account))
        kept = [failure for failure in self._failures if (failure.caller, failure.account) != pair]
        self._failures = deque(kept, maxlen=MAX_FAILURES)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
