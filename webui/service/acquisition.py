"""Brings a large model in the background while the built-in one answers: find, download, convert, load."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from webui.engine.registry import LoadedModel
from webui.errors import SpeechEmotionError

logger = logging.getLogger(__name__)

JOIN_S: Final = 5.0


class AcquisitionState(StrEnum):
    """Where a model is on its way to answering."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class AcquisitionStatus:
    """A moment of an acquisition.

    Attributes:
        name: the model.
        state: where it is.
        fraction: how much of a download or conversion is done, 0 to 1; None where that isn't known.
        problem: why it failed.
    """

    name: str
    state: AcquisitionState
    fraction: float | None = None
    problem: SpeechEmotionError | None = None


Report = Callable[[AcquisitionState, float | None], None]
Acquire = Callable[[Report, Callable[[], bool]], LoadedModel]


class ModelAcquisition:
    """One model, acquired by one thread at a time. Reading ``status`` and ``model`` never waits.

    Args:
        name: the model.
        acquire: does the work: is given a function to report to, and one that says whether to stop.
    """

    def __init__(self, name: str, acquire: Acquire) -> None:
        self._acquire = acquire
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._status = AcquisitionStatus(name, AcquisitionState.WAITING)
        self._model: LoadedModel | None = None

    @property
    def status(self) -> AcquisitionStatus:
        """Where it is now."""
        return self._status

    @property
    def model(self) -> LoadedModel | None:
        """The model once it is ready."""
        return self._model

    def start(self) -> None:
        """Starts, or starts again after a failure or a cancellation; does nothing while it runs or once it is ready."""
        with self._lock:
            if self._model is not None or (self._thread is not None and self._thread.is_alive()):
                return
            self._stop = threading.Event()
            self._set(AcquisitionState.WAITING, None)
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="acquisition", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Asks it to stop; what was downloaded so far is kept for the next start."""
        self._stop.set()

    def close(self) -> None:
        """Stops, and waits a little for the thread to end."""
        self.cancel()
        self.wait(JOIN_S)

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until it is ready, failed or cancelled."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self, stop: threading.Event) -> None:
        try:
            self._model = self._acquire(self._set, stop.is_set)
        except SpeechEmotionError as err:
            state = AcquisitionState.CANCELLED if stop.is_set() else AcquisitionState.FAILED
            logger.warning("%s: %s", self._status.name, err)
            self._status = replace(self._status, state=state, fraction=None, problem=err)
        except Exception as err:  # a thread that dies silently would leave the page waiting for ever
            if not stop.is_set():
                logger.exception("%s could not be acquired", self._status.name)
            problem = SpeechEmotionError("acquisition.failed", reason=f"{type(err).__name__}: {err}")
            self._status = replace(self._status, state=AcquisitionState.FAILED, fraction=None, problem=problem)
        else:
            self._set(AcquisitionState.READY, None)

    def _set(self, state: AcquisitionState, fraction: float | None) -> None:
        self._status = AcquisitionStatus(self._status.name, state, fraction)
