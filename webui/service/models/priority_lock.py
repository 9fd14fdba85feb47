"""A fair lock with two priority classes: interactive callers before background work, each in order of arrival."""

import threading
from collections import deque
from types import TracebackType
from typing import Final


class PriorityLock:
    """Lets one caller at a time work. Callers through ``interactive`` have priority over those through ``background``.

    Both are context managers that can be entered again and again, by several threads. Background work that releases the
    lock between two steps lets interactive callers in: they wait for one step at most.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = False
        interactive: deque[object] = deque()
        background: deque[object] = deque()
        self._queues: Final = (interactive, background)
        self.interactive: Final = PriorityClass(self, interactive)
        self.background: Final = PriorityClass(self, background)

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return sum(map(len, self._queues))

    def _acquire(self, queue: deque[object]) -> None:
        ticket = object()
        with self._changed:
            queue.append(ticket)
            try:
                self._changed.wait_for(lambda: not self._held and self._first() is ticket)
                self._held = True
            finally:
                queue.remove(ticket)

    def _release(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def _first(self) -> object:
        return next(queue[0] for queue in self._queues if queue)


class PriorityClass:
    """One of the two priority classes of a ``PriorityLock``, as a context manager."""

    def __init__(self, lock: PriorityLock, queue: deque[object]) -> None:
        self._lock = lock
        self._queue = queue

    def __enter__(self) -> None:
        self._lock._acquire(self._queue)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock._release()
