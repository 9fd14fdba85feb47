"""One model for many callers, with dynamic batching; interactive requests have priority over background ones.

The request that is next shares its batch with other waiting requests. It never waits for a batch to fill up: a batch
contains what arrived while the model was busy, and takes a GPU hardly longer than one window. Where batching gains
nothing, as on a CPU, every request runs by itself, so that an interactive one is served earlier.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from webui.engine.protocol import EmotionModel, Prediction, Window
from webui.errors import InferenceError
from webui.service.serving.priority_semaphore import Priority, PrioritySemaphore

MAX_BATCH_WINDOWS: Final = 64


@dataclass(slots=True, eq=False)
class _Request:
    windows: Sequence[Window]
    with_features: bool
    priority: Priority
    predictions: list[Prediction] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False

    @property
    def samples(self) -> int:
        return sum(len(window.samples) for window in self.windows)


class BatchingQueue:
    """Runs a model for several threads.

    Args:
        model: the model to run.
        on_batch: called with the number of windows of each batch.
    """

    def __init__(self, model: EmotionModel, on_batch: Callable[[int], None] = lambda _size: None) -> None:
        self._model = model
        self._on_batch = on_batch
        self._semaphore = PrioritySemaphore()
        self._pending: list[_Request] = []
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Number of requests that wait for the model."""
        return self._semaphore.waiting

    def predict(
        self, windows: Sequence[Window], *, with_features: bool = False, priority: Priority = Priority.INTERACTIVE
    ) -> list[Prediction]:
        """Returns one prediction per window, in order; see ``EmotionModel.predict``.

        Args:
            windows: the windows of one request.
            with_features: whether predictions carry features.
            priority: priority among the requests that wait for this model.

        Raises:
            InferenceError: a window is invalid, or the model failed.
        """
        request = _Request(windows, with_features, priority)
        with self._lock:
            self._pending.append(request)
        try:
            with self._semaphore.slot(priority):
                if not request.done:
                    self._run(self._gather(request))
        finally:
            with self._lock:
                if request in self._pending:  # interrupted while it was waiting
                    self._pending.remove(request)
        if request.error is not None:
            raise request.error
        return request.predictions

    def _gather(self, first: _Request) -> list[_Request]:
        """Returns a batch of ``first`` and waiting requests that fit in: by priority, then in order of arrival."""
        batch, samples = [first], first.samples
        limit = self._model.max_batch_s * self._model.sample_rate
        with self._lock:
            others = (request for request in self._pending if request is not first)
            for other in sorted(others, key=lambda request: request.priority):
                windows = sum(len(request.windows) for request in (*batch, other))
                fits = samples + other.samples <= limit and windows <= MAX_BATCH_WINDOWS
                if fits and other.with_features == first.with_features:
                    batch.append(other)
                    samples += other.samples
            for request in batch:
                self._pending.remove(request)
        return batch

    def _run(self, batch: list[_Request]) -> None:
        windows = [window for request in batch for window in request.windows]
        try:
            predictions = self._model.predict(windows, with_features=batch[0].with_features)
        except InferenceError as err:
            if len(batch) > 1:  # an invalid window of one request must not fail the others
                for request in batch:
                    self._run([request])
                return
            batch[0].error = err
        except BaseException as err:
            for request in batch:
                request.error = err if isinstance(err, Exception) else InterruptedError(str(err))
            raise
        else:
            self._on_batch(len(windows))
            for request in batch:
                count = len(request.windows)
                request.predictions, predictions = predictions[:count], predictions[count:]
        finally:
            for request in batch:
                request.done = True
