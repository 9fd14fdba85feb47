"""Lets a bounded number of callers work and a bounded number wait, in their order; who is too many is told at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from webui.errors import BusyError

RETRY_AFTER_S: Final = 5
LOOK_S: Final = 0.2


class AdmissionQueue:
    """A bounded queue in front of work.

    Args:
        running: how many may work at a time.
        waiting: how many may wait besides; 0 turns everybody away who can't start at once.
    """

    def __init__(self, *, running: int, waiting: int) -> None:
        self._free = running
        self._line: deque[threading.Event] = deque()
        self._running = running
        self._limit = running + waiting
        self._lock = threading.Lock()
        self._inside = 0

    @property
    def inside(self) -> int:
        """How many work or wait."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return max(0, self._inside - self._running)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Counts the caller in, without waiting, until the block ends.

        Raises:
            BusyError: too many are inside.
        """
        with self._lock:
            self.check()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    def check(self) -> None:
        """Raises BusyError if nobody would be admitted now."""
        if self._inside >= self._limit:
            raise BusyError("request.busy", found=self._inside, expected=self._limit, retry_s=RETRY_AFTER_S)

    @contextmanager
    def place(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Waits for a place to work in; the caller has been admitted.

        Args:
            on_wait: called from time to time; may raise to leave the line.
        """
        turn = self._take_turn()
        try:
            while not turn.wait(LOOK_S):
                on_wait()
        except BaseException:
            self._leave(turn)
            raise
        try:
            yield
        finally:
            self._pass_on()

    def _take_turn(self) -> threading.Event:
        """Returns what is set once the caller may work: now, or when all who came before have had their turn."""
        turn = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                turn.set()
            else:
                self._line.append(turn)
        return turn

    def _leave(self, turn: threading.Event) -> None:
        with self._lock:
            if not turn.is_set():
                self._line.remove(turn)
                return
        self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()
            else:
                self._free += 1
