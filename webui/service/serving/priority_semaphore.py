"""A semaphore that serves waiting threads by priority, and in order of arrival within a priority."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

REPORT_S: Final = 0.2  # interval of the calls of ``on_wait``


class Priority(IntEnum):
    """Priority of work; the lowest number is served first."""

    INTERACTIVE = 0  # a user or client is waiting for the result
    BACKGROUND = 1  # items of jobs


class PrioritySemaphore:
    """Limits how many threads hold a slot at a time.

    Args:
        capacity: number of slots.
    """

    def __init__(self, capacity: int = 1) -> None:
        self._capacity = capacity
        self._held = 0
        self._queues: Final[dict[Priority, deque[threading.Event]]] = {priority: deque() for priority in Priority}
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Number of waiting threads."""
        return sum(map(len, self._queues.values()))

    @property
    def capacity(self) -> int:
        """Number of slots. A lower value takes effect as slots are released."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        with self._lock:
            self._capacity = capacity
            self._admit()

    @contextmanager
    def slot(
        self, priority: Priority = Priority.INTERACTIVE, on_wait: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Waits for a slot and holds it during the block.

        Args:
            priority: waiters of a higher priority are served first.
            on_wait: called several times a second while the thread waits; may raise to give up. None: never called.
        """
        turn = self._enqueue(priority)
        try:
            while not turn.wait(REPORT_S if on_wait is not None else None):
                if on_wait is not None:
                    on_wait()
        except BaseException:
            self._give_up(priority, turn)
            raise
        try:
            yield
        finally:
            self._release()

    def _enqueue(self, priority: Priority) -> threading.Event:
        turn = threading.Event()
        with self._lock:
            self._queues[priority].append(turn)
            self._admit()
        return turn

    def _give_up(self, priority: Priority, turn: threading.Event) -> None:
        with self._lock:
            if turn.is_set():  # a slot was given to this thread at the same moment
                self._held -= 1
                self._admit()
            else:
                self._queues[priority].remove(turn)

    def _release(self) -> None:
        with self._lock:
            self._held -= 1
            self._admit()

    def _admit(self) -> None:
        """Gives free slots to waiting threads; the calling method holds the lock."""
        for queue in self._queues.values():
            while queue and self._held < self._capacity:
                self._held += 1
                queue.popleft().set()
