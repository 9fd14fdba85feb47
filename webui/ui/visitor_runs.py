"""Which recognition of which visitor shall stop."""

from collections import OrderedDict
from threading import Event, Lock
from typing import Final

MAX_VISITORS: Final = 1000  # a visitor leaves one small object behind; the oldest goes first


class VisitorRuns:
    """The latest run of each visitor."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Event] = OrderedDict()
        self._lock = Lock()

    def begin(self, visitor: str | None) -> Event:
        """Returns the event of a visitor's new run, which is set when they stop it."""
        stopped = Event()
        with self._lock:
            self._runs[visitor or ""] = stopped
            self._runs.move_to_end(visitor or "")
            while len(self._runs) > MAX_VISITORS:
                self._runs.popitem(last=False)
        return stopped

    def stop(self, visitor: str | None) -> None:
        """Stops a visitor's run at its next report; does nothing if there is none."""
        with self._lock:
            run = self._runs.get(visitor or "")
        if run is not None:
            run.set()
