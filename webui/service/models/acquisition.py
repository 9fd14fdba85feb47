"""Brings a large model in the background while the built-in one answers: download, convert, load."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from webui.errors import DownloadCancelledError, SpeechEmotionError
from webui.results import Notice
from webui.units import BYTES_PER_MB

logger = logging.getLogger(__name__)


class AcquisitionState(StrEnum):
    """Where a model is on its way to answering."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def under_way(self) -> bool:
        """Whether there is more to come by itself."""
        return self not in {AcquisitionState.READY, AcquisitionState.FAILED, AcquisitionState.CANCELLED}


@dataclass(frozen=True, slots=True)
class AcquisitionStatus:
    """A moment of an acquisition.

    Attributes:
        name: the model.
        state: where it is.
        fraction: how much of a download or a conversion is done, 0 to 1; None where that isn't known.
        done_bytes: of a download.
        total_bytes: of a download; 0 where that isn't known.
        hub: who is asked, as people write it; empty unless it downloads.
        problem: why it failed.
    """

    name: str
    state: AcquisitionState
    fraction: float | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    hub: str = ""
    problem: SpeechEmotionError | None = None

    def notice(self) -> Notice | None:
        """Returns the sentence why the model doesn't answer yet; None once it does."""
        if self.problem is not None:
            return Notice.of_error(self.problem.code, self.problem.values)
        percent = round(100 * (self.fraction or 0.0))
        match self.state:
            case AcquisitionState.DOWNLOADING:
                return self._downloading(percent)
            case AcquisitionState.CONVERTING:
                return Notice(code="acquisition.converting", values={"model": self.name, "percent": percent})
            case AcquisitionState.LOADING:
                return Notice(code="acquisition.loading", values={"model": self.name})
            case AcquisitionState.WAITING:
                return Notice(code="acquisition.waiting", values={"model": self.name})
        return None

    def _downloading(self, percent: int) -> Notice:
        if not self.hub:
            return Notice(code="acquisition.asking", values={"model": self.name})
        return Notice(
            code="acquisition.downloading",
            values={
                "model": self.name,
                "hub": self.hub,
                "percent": percent,
                "done_mb": f"{self.done_bytes / BYTES_PER_MB:.0f}",
                "total_mb": f"{self.total_bytes / BYTES_PER_MB:.0f}",
            },
        )


Report = Callable[[AcquisitionStatus], None]
Cancelled = Callable[[], bool]


class ModelAcquisition:
    """One model, acquired by one thread at a time. Reading ``status`` never waits.

    Args:
        name: the model.
        acquire: does the work; is given a function to report to, and one that says whether it was cancelled.
    """

    def __init__(self, name: str, acquire: Callable[[Report, Cancelled], None]) -> None:
        self._acquire = acquire
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._status = AcquisitionStatus(name, AcquisitionState.WAITING)

    @property
    def status(self) -> AcquisitionStatus:
        """Where it is now."""
        return self._status

    def start(self) -> None:
        """Starts, or starts again after a failure; does nothing while it runs or once it is ready."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if (running and not self._cancelled.is_set()) or self._status.state is AcquisitionState.READY:
                return
            before, self._cancelled = self._thread if running else None, threading.Event()
            self._status = AcquisitionStatus(self._status.name, AcquisitionState.WAITING)
            arguments = (before, self._cancelled)
            self._thread = threading.Thread(target=self._run, args=arguments, name="acquisition", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Ends a download that is under way; what arrived is kept. A conversion or loading runs to its end."""
        self._cancelled.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until it is ready, failed or cancelled."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self, before: threading.Thread | None, cancelled: threading.Event) -> None:
        if before is not None:  # one that was cancelled and hasn't ended yet
            before.join()
        name = self._status.name

        def report(status: AcquisitionStatus) -> None:
            if not cancelled.is_set():
                self._status = status

        try:
            self._acquire(report, cancelled.is_set)
        except DownloadCancelledError as err:
            self._end(cancelled, AcquisitionStatus(name, AcquisitionState.CANCELLED, problem=err))
        except SpeechEmotionError as err:
            logger.warning("%s: %s", name, err)
            self._end(cancelled, AcquisitionStatus(name, AcquisitionState.FAILED, problem=err))
        except Exception as err:  # a thread that dies silently would leave the page waiting for ever
            if not _interpreter_ends(err):
                logger.exception("%s could not be made ready", name)
            problem = SpeechEmotionError("acquisition.failed", reason=f"{type(err).__name__}: {err}")
            self._end(cancelled, AcquisitionStatus(name, AcquisitionState.FAILED, problem=problem))
        else:
            self._end(
                cancelled, replace(self._status, state=AcquisitionState.READY, fraction=None, hub="", problem=None)
            )

    def _end(self, cancelled: threading.Event, status: AcquisitionStatus) -> None:
        if cancelled is self._cancelled:  # else another run has begun, and it is its status that counts
            self._status = status


def _interpreter_ends(err: Exception) -> bool:
    """Imports in a thread fail in odd ways once the main thread has ended."""
    return not threading.main_thread().is_alive() or "interpreter shutdown" in str(err)
