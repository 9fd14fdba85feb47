"""Decides which requests may start, how many run at a time, and in which order; one scheduler per process."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from webui.errors import BusyError, TooOftenError
from webui.service.serving.drain import DrainTracker
from webui.service.serving.priority_semaphore import Priority, PrioritySemaphore
from webui.service.serving.retry import RETRY_AFTER_S

DEFAULT_CONCURRENCY: Final = 2  # until a model is loaded: one recording is predicted while the next is decoded


class Scheduler:
    """Admission, limits per caller, priorities and draining.

    A request takes three steps: ``caller`` counts it against its caller's limit, before its body is read; ``admit``
    counts it among the running and waiting requests; ``slot`` waits until it may run. Requests without a limit per
    caller only use ``admit``.

    Args:
        max_waiting: maximum number of requests that wait for a slot; more are refused immediately.
        max_per_caller: maximum number of requests of one caller at a time, including running ones.
        drain: counts the work in progress, and refuses new work once the process is about to end.
    """

    def __init__(self, *, max_waiting: int, max_per_caller: int, drain: DrainTracker) -> None:
        self.drain: Final = drain
        self._max_waiting = max_waiting
        self._max_per_caller = max_per_caller
        self._slots = PrioritySemaphore(DEFAULT_CONCURRENCY)
        self._lock = threading.Lock()
        self._admitted = 0
        self._of_caller: Counter[str] = Counter()

    @property
    def concurrency(self) -> int:
        """Maximum number of requests that run at a time; it depends on the loaded model."""
        return self._slots.capacity

    @concurrency.setter
    def concurrency(self, requests: int) -> None:
        self._slots.capacity = requests

    @property
    def waiting(self) -> int:
        """Number of admitted requests that wait for a slot."""
        return max(0, self._admitted - self._slots.capacity)

    @contextmanager
    def caller(self, name: str) -> Iterator[None]:
        """Counts a request of a caller during the block.

        Args:
            name: key, user or address of the caller.

        Raises:
            TooOftenError: the caller has reached its limit.
            StoppingError: the process is about to end.
        """
        self.drain.check_open()
        with self._lock:
            found = self._of_caller[name]
            if found >= self._max_per_caller:
                raise TooOftenError(
                    "request.too_many", found=found, expected=self._max_per_caller, retry_s=RETRY_AFTER_S
                )
            self._of_caller[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of_caller[name] -= 1
                if not self._of_caller[name]:
                    del self._of_caller[name]

    def check_room(self) -> None:
        """Raises BusyError if no request would be admitted now, and StoppingError if the process is about to end."""
        self.drain.check_open()
        limit = self._slots.capacity + self._max_waiting
        if self._admitted >= limit:
            raise BusyError("request.busy", found=self._admitted, expected=limit, retry_s=RETRY_AFTER_S)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Counts a request as running or waiting during the block; never blocks.

        Raises:
            BusyError: the limit of running and waiting requests has been reached.
            StoppingError: the process is about to end.
        """
        with self._lock:
            self.check_room()
            self._admitted += 1
        try:
            with self.drain.track():
                yield
        finally:
            with self._lock:
                self._admitted -= 1

    def slot(
        self, priority: Priority = Priority.INTERACTIVE, on_wait: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Waits for a slot and holds it during the block; see ``PrioritySemaphore.slot``."""
        return self._slots.slot(priority, on_wait)
