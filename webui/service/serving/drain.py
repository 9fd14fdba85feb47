"""What is under way in this process, so that it can end without losing work: first nothing new, then nothing at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from webui.errors import StoppingError
from webui.progress import Progress, Stage
from webui.service.serving.admission import RETRY_AFTER_S


class DrainTracker:
    """Counts work, and ends it in two steps."""

    def __init__(self) -> None:
        self._idle = threading.Condition()
        self._count = 0
        self._stopping = threading.Event()
        self._handing_back = threading.Event()

    @property
    def under_way(self) -> int:
        """How much work is counted now."""
        return self._count

    @property
    def stopping(self) -> bool:
        """Whether nothing new begins."""
        return self._stopping.is_set()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts the block as work. What begins anew asks ``check_open`` first; what has waited its turn need not."""
        with self._idle:
            self._count += 1
        try:
            yield
        finally:
            with self._idle:
                self._count -= 1
                self._idle.notify_all()

    def watched(self, progress: Progress) -> Progress:
        """Returns a ``progress`` that ends the work, by StoppingError, once it is to be handed back."""

        def told(fraction: float, stage: Stage) -> None:
            if self._handing_back.is_set() and stage is not Stage.RESULTS:  # what is being written is nearly done
                raise StoppingError("request.stopping", retry_s=RETRY_AFTER_S)
            progress(fraction, stage)

        return told

    def check_open(self) -> None:
        """Raises StoppingError once nothing new begins."""
        if self.stopping:
            raise StoppingError("request.stopping", retry_s=RETRY_AFTER_S)

    def stop(self) -> None:
        """From now on nothing new begins."""
        self._stopping.set()

    def hand_back(self) -> None:
        """Ends what is under way, at its next report."""
        self._handing_back.set()

    def wait_idle(self, timeout_s: float) -> bool:
        """Returns whether nothing is under way, within the time."""
        with self._idle:
            return self._idle.wait_for(lambda: self._count == 0, timeout_s)
