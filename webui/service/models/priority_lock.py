"""A lock whose waiters come in turn: people before background work, and within each the first to come first."""

import threading
from collections import deque
from types import TracebackType
from typing import Final


class PriorityLock:
    """Lets one at a time work. Who asks through ``people`` goes before who asks through ``background``.

    Both are context managers that can be entered again and again, by several threads. Work that gives its turn back
    between two pieces lets whoever waits come in between: a person waits for one piece of background work at most.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = False
        people: deque[object] = deque()
        background: deque[object] = deque()
        self._queues: Final = (people, background)
        self.people: Final = Turn(self, people)
        self.background: Final = Turn(self, background)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues))

    def _take(self, queue: deque[object]) -> None:
        ticket = object()
        with self._changed:
            queue.append(ticket)
            try:
                self._changed.wait_for(lambda: not self._held and self._first() is ticket)
                self._held = True
            finally:
                queue.remove(ticket)

    def _give_back(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def _first(self) -> object:
        return next(queue[0] for queue in self._queues if queue)


class Turn:
    """One of the two doors of ``PriorityLock``."""

    def __init__(self, turns: PriorityLock, queue: deque[object]) -> None:
        self._turns = turns
        self._queue = queue

    def __enter__(self) -> None:
        self._turns._take(self._queue)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns._give_back()
