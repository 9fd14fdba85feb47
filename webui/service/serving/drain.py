"""Draining: before the process ends, new work is refused and running work is allowed to finish."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webui.errors import StoppingError
from webui.progress import Progress, Stage
from webui.service.serving.retry import RETRY_AFTER_S


class DrainTracker:
    """Counts running work. ``stop`` refuses new work; ``abort`` ends the work that is still running.

    Attributes:
        on_stop: functions that ``stop`` calls. A signal handler calls ``stop``, so they must neither block nor lock.
    """

    def __init__(self) -> None:
        self.on_stop: list[Callable[[], None]] = []
        self._idle = threading.Condition()
        self._count = 0
        self._stopping = threading.Event()
        self._aborting = threading.Event()

    @property
    def under_way(self) -> int:
        """Number of pieces of work in progress."""
        return self._count

    @property
    def stopping(self) -> bool:
        """Whether new work is refused."""
        return self._stopping.is_set()

    @contextmanager
    def track(self) -> Iterator[None]:
        """Counts the block as work in progress."""
        with self._idle:
            self._count += 1
        try:
            yield
        finally:
            with self._idle:
                self._count -= 1
                self._idle.notify_all()

    @contextmanager
    def open_track(self) -> Iterator[None]:
        """Counts the block as work in progress, unless new work is refused.

        Raises:
            StoppingError: new work is refused.
        """
        self.check_open()
        with self.track():
            yield

    def watched(self, progress: Progress) -> Progress:
        """Returns a ``progress`` that, once ``abort`` was called, raises StoppingError and so ends the work."""

        def report(fraction: float, stage: Stage) -> None:
            if self._aborting.is_set() and stage is not Stage.RESULTS:  # writing results takes only a moment
                raise StoppingError("request.stopping", retry_s=RETRY_AFTER_S)
            progress(fraction, stage)

        return report

    def check_open(self) -> None:
        """Raises StoppingError if new work is refused."""
        if self.stopping:
            raise StoppingError("request.stopping", retry_s=RETRY_AFTER_S)

    def stop(self) -> None:
        """Refuses new work from now on."""
        self._stopping.set()
        for stopped in self.on_stop:
            stopped()

    def abort(self) -> None:
        """Ends the work in progress at its next progress report."""
        self._aborting.set()

    def wait_idle(self, timeout_s: float) -> bool:
        """Waits until all work has ended; returns False if it has not after ``timeout_s``."""
        with self._idle:
            return self._idle.wait_for(lambda: self._count == 0, timeout_s)
