"""One model for many callers: in turn, people before background work, and together where one pass holds them.

Whoever's turn it is takes along what others wait for. That costs nobody a wait, since a batch is what gathered while
the model was busy, and on a GPU it costs hardly more than one window. A CPU is no faster so: there everybody's windows
run by themselves, which lets a person in earlier.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from webui.engine.protocol import EmotionModel, Prediction, Window
from webui.errors import InferenceError
from webui.service.models.priority_lock import PriorityLock

TOGETHER_S: Final = 240.0  # of audio in one pass of a GPU
TOGETHER: Final = 64  # windows in one pass
CPU: Final = "cpu"


@dataclass(slots=True, eq=False)
class _Request:
    windows: Sequence[Window]
    with_features: bool
    background: bool
    answers: list[Prediction] = field(default_factory=list)
    error: Exception | None = None  # what the model said of its windows
    done: bool = False

    @property
    def samples(self) -> int:
        return sum(len(window.samples) for window in self.windows)


class BatchingQueue:
    """Hands a model its windows. Safe for several threads.

    Args:
        model: the model.
        on_batch: told how many windows went together.
    """

    def __init__(self, model: EmotionModel, on_batch: Callable[[int], None] = lambda _size: None) -> None:
        self._model = model
        self._on_batch = on_batch
        self._turns = PriorityLock()
        self._pending: list[_Request] = []
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._turns.waiting

    def predict(
        self, windows: Sequence[Window], *, with_features: bool = False, background: bool = False
    ) -> list[Prediction]:
        """Returns one prediction per window, in order; see ``EmotionModel.predict``.

        Args:
            windows: of one caller.
            with_features: whether features are wanted.
            background: whether nobody waits for the answer: whoever does comes first.

        Raises:
            InferenceError: a window is not usable, or the model failed.
        """
        request = _Request(windows, with_features, background)
        with self._lock:
            self._pending.append(request)
        try:
            with self._turns.background if background else self._turns.people:
                if not request.done:
                    self._run(self._gather(request))
        finally:
            with self._lock:
                if request in self._pending:  # an interrupt came while it waited
                    self._pending.remove(request)
        if request.error is not None:
            raise request.error
        return request.answers

    def _gather(self, first: _Request) -> list[_Request]:
        """Returns ``first`` and what fits beside it: people's before background work, each in order."""
        together, samples = [first], first.samples
        with self._lock:
            if self._model.info.device != CPU:
                others = sorted((one for one in self._pending if one is not first), key=lambda one: one.background)
                for other in others:
                    count = sum(len(one.windows) for one in (*together, other))
                    fits = samples + other.samples <= TOGETHER_S * self._model.sample_rate and count <= TOGETHER
                    if fits and other.with_features == first.with_features:
                        together.append(other)
                        samples += other.samples
            for one in together:
                self._pending.remove(one)
        return together

    def _run(self, together: list[_Request]) -> None:
        windows = [window for one in together for window in one.windows]
        try:
            answers = self._model.predict(windows, with_features=together[0].with_features)
        except InferenceError as err:
            if len(together) > 1:  # one caller's window spoils nobody else's answer
                for one in together:
                    self._run([one])
                return
            together[0].error = err
        except BaseException as err:
            for one in together:
                one.error = err if isinstance(err, Exception) else InterruptedError(str(err))
            raise
        else:
            self._on_batch(len(windows))
            for one in together:
                one.answers, answers = answers[: len(one.windows)], answers[len(one.windows) :]
        finally:
            for one in together:
                one.done = True
