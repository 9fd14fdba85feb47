"""Downloads, converts and loads a large model in the background, while the built-in model serves requests."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from webui.engine.hub.download import Cancelled
from webui.errors import DownloadCancelledError, SpeechEmotionError
from webui.results import Notice
from webui.units import BYTES_PER_MB

logger = logging.getLogger(__name__)


class AcquisitionState(StrEnum):
    """State of an acquisition, from waiting to ready."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def under_way(self) -> bool:
        """Whether the acquisition is still going on."""
        return self not in {AcquisitionState.READY, AcquisitionState.FAILED, AcquisitionState.CANCELLED}


@dataclass(frozen=True, slots=True)
class AcquisitionStatus:
    """Status of an acquisition at one moment.

    Attributes:
        name: name of the model.
        state: state of the acquisition.
        fraction: fraction done of the download or conversion, 0 to 1; None if it is not known.
        done_bytes: bytes downloaded so far.
        total_bytes: size of the download; 0 if it is not known.
        hub: display name of the hub that the model is downloaded from; empty unless it is being downloaded.
        problem: error that ended the acquisition.
    """

    name: str
    state: AcquisitionState
    fraction: float | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    hub: str = ""
    problem: SpeechEmotionError | None = None

    def notice(self) -> Notice | None:
        """Returns the reason why the model can't serve requests yet; None once it can."""
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


class ModelAcquisition:
    """Acquires one model, in one thread at a time. Reading ``status`` never blocks.

    Args:
        name: name of the model.
        acquire: does the work; takes a function to report the status to, and one that returns whether the acquisition
            was cancelled.
    """

    def __init__(self, name: str, acquire: Callable[[Report, Cancelled], None]) -> None:
        self._acquire = acquire
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._status = AcquisitionStatus(name, AcquisitionState.WAITING)

    @property
    def status(self) -> AcquisitionStatus:
        """Current status."""
        return self._status

    def start(self) -> None:
        """Starts the acquisition, also again after a failure; does nothing while it is running or once it is ready."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if (running and not self._cancelled.is_set()) or self._status.state is AcquisitionState.READY:
                return
            previous, self._cancelled = self._thread if running else None, threading.Event()
            self._status = AcquisitionStatus(self._status.name, AcquisitionState.WAITING)
            arguments = (previous, self._cancelled)
            self._thread = threading.Thread(target=self._run, args=arguments, name="acquisition", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Cancels a download; the part downloaded so far is kept. Conversion and loading can't be cancelled."""
        self._cancelled.set()

    @property
    def running(self) -> bool:
        """Whether its thread has not ended yet, cancelled or not."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until the acquisition is ready, failed or cancelled."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self, previous: threading.Thread | None, cancelled: threading.Event) -> None:
        if previous is not None:  # a cancelled run that has not ended yet
            previous.join()
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
            logger.info("%s: %s", name, Notice.of_error(err.code, err.values).detail())
            self._end(cancelled, AcquisitionStatus(name, AcquisitionState.FAILED, problem=err))
        except Exception as err:  # if the thread died silently, the page would wait forever
            if not _is_interpreter_ending(err):
                logger.exception("could not acquire the model %s", name)
            problem = SpeechEmotionError("acquisition.failed", reason=f"{type(err).__name__}: {err}")
            self._end(cancelled, AcquisitionStatus(name, AcquisitionState.FAILED, problem=problem))
        else:
            self._end(
                cancelled, replace(self._status, state=AcquisitionState.READY, fraction=None, hub="", problem=None)
            )

    def _end(self, cancelled: threading.Event, status: AcquisitionStatus) -> None:
        if cancelled is self._cancelled:  # else a newer run has started, whose status must not be overwritten
            self._status = status


def _is_interpreter_ending(err: Exception) -> bool:
    """Returns whether an error comes from the end of the process, when imports in threads fail in various ways."""
    return not threading.main_thread().is_alive() or "interpreter shutdown" in str(err)
