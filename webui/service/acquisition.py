"""Brings a large model in the background while the built-in one answers: convert its weights, load them."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from webui.errors import SpeechEmotionError
from webui.results import Notice

logger = logging.getLogger(__name__)


class AcquisitionState(StrEnum):
    """Where a model is on its way to answering."""

    WAITING = "waiting"
    CONVERTING = "converting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AcquisitionStatus:
    """A moment of an acquisition.

    Attributes:
        name: the model.
        state: where it is.
        fraction: how much of a conversion is done, 0 to 1; None where that isn't known.
        problem: why it failed.
    """

    name: str
    state: AcquisitionState
    fraction: float | None = None
    problem: SpeechEmotionError | None = None

    def notice(self) -> Notice | None:
        """Returns the sentence why the model doesn't answer yet; None once it does."""
        if self.problem is not None:
            return Notice.of_error(self.problem.code, self.problem.values)
        match self.state:
            case AcquisitionState.CONVERTING:
                percent = round(100 * (self.fraction or 0.0))
                return Notice(code="acquisition.converting", values={"model": self.name, "percent": percent})
            case AcquisitionState.LOADING:
                return Notice(code="acquisition.loading", values={"model": self.name})
            case AcquisitionState.WAITING:
                return Notice(code="acquisition.waiting", values={"model": self.name})
        return None


Report = Callable[[AcquisitionState, float | None], None]


class ModelAcquisition:
    """One model, acquired by one thread at a time. Reading ``status`` never waits.

    Args:
        name: the model.
        acquire: does the work, and is given a function to report to.
    """

    def __init__(self, name: str, acquire: Callable[[Report], None]) -> None:
        self._acquire = acquire
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._status = AcquisitionStatus(name, AcquisitionState.WAITING)

    @property
    def status(self) -> AcquisitionStatus:
        """Where it is now."""
        return self._status

    def start(self) -> None:
        """Starts, or starts again after a failure; does nothing while it runs or once it is ready."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if running or self._status.state is AcquisitionState.READY:
                return
            self._report(AcquisitionState.WAITING, None)
            self._thread = threading.Thread(target=self._run, name="acquisition", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until it is ready or failed."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        name = self._status.name
        try:
            self._acquire(self._report)
        except SpeechEmotionError as err:
            logger.warning("%s: %s", name, err)
            self._status = AcquisitionStatus(name, AcquisitionState.FAILED, problem=err)
        except Exception as err:  # a thread that dies silently would leave the page waiting for ever
            if not _interpreter_ends(err):
                logger.exception("%s could not be made ready", name)
            problem = SpeechEmotionError("acquisition.failed", reason=f"{type(err).__name__}: {err}")
            self._status = AcquisitionStatus(name, AcquisitionState.FAILED, problem=problem)
        else:
            self._report(AcquisitionState.READY, None)

    def _report(self, state: AcquisitionState, fraction: float | None) -> None:
        self._status = AcquisitionStatus(self._status.name, state, fraction)


def _interpreter_ends(err: Exception) -> bool:
    """Imports in a thread fail in odd ways once the main thread has ended."""
    return not threading.main_thread().is_alive() or "interpreter shutdown" in str(err)
