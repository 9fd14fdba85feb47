"""One model for many callers: batches, order, features, and errors that affect only their own request."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from tests.support.waiting import wait_until
from webui.engine.protocol import Prediction, Window
from webui.errors import InferenceError
from webui.service.models.batching_queue import MAX_BATCH_WINDOWS, BatchingQueue
from webui.service.serving.priority_semaphore import Priority

RATE = 16_000


class BlockedModel(FakeModel):
    """Waits until it is released; records the lengths of each batch."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.info = self.info.model_copy(update={"device": device})
        self.released = threading.Event()
        self.batches: list[list[int]] = []

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        self.batches.append([len(window.samples) for window in windows])
        assert self.released.wait(120)
        return super().predict(windows, with_features=with_features)


def window(samples: int) -> Window:
    made = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    return Window(made, float(made.mean()), float(made.var()))


class Callers:
    """Callers, each in its own thread; the first uses the model before the others start."""

    def __init__(self, model: BlockedModel, queue: BatchingQueue) -> None:
        self.model = model
        self.queue = queue
        self.answers: dict[int, list[Prediction] | Exception] = {}
        self.threads: list[threading.Thread] = []

    def start(self, *samples: int, with_features: bool = False, priority: Priority = Priority.INTERACTIVE) -> None:
        def run() -> None:
            windows = [window(count) for count in samples]
            try:
                self.answers[samples[0]] = self.queue.predict(windows, with_features=with_features, priority=priority)
            except InferenceError as err:
                self.answers[samples[0]] = err

        waiting = self.queue.waiting
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        if len(self.threads) > 1:
            wait_until(lambda: self.queue.waiting == waiting + 1)
        else:
            wait_until(lambda: self.model.batches)

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(120)


def is_correct(model: BlockedModel, answer: object, *samples: int) -> bool:
    expected = FakeModel().predict([window(count) for count in samples])
    assert isinstance(answer, list)
    pairs = zip(expected, answer, strict=True)
    return all(np.array_equal(wanted.logits, found.logits) for wanted, found in pairs)


def test_on_a_gpu_waiting_requests_share_a_batch_and_interactive_ones_are_first() -> None:
    model, sizes = BlockedModel("cuda:0"), []
    callers = Callers(model, BatchingQueue(model, sizes.append))
    callers.start(RATE)
    callers.start(2 * RATE, priority=Priority.BACKGROUND)
    callers.start(3 * RATE, 4 * RATE)
    callers.start(5 * RATE, with_features=True)
    callers.start(6 * RATE)
    model.released.set()
    callers.finish()
    assert model.batches == [[RATE], [3 * RATE, 4 * RATE, 6 * RATE, 2 * RATE], [5 * RATE]]
    assert sizes == [1, 4, 1]
    for samples in ((RATE,), (2 * RATE,), (3 * RATE, 4 * RATE), (5 * RATE,), (6 * RATE,)):
        assert is_correct(model, callers.answers[samples[0]], *samples)
    with_features = callers.answers[5 * RATE]
    assert isinstance(with_features, list)
    assert with_features[0].features is not None


def test_on_a_cpu_requests_run_one_by_one() -> None:
    model = BlockedModel("cpu")
    callers = Callers(model, BatchingQueue(model))
    for seconds in (1, 2, 3):
        callers.start(seconds * RATE)
    model.released.set()
    callers.finish()
    assert model.batches == [[RATE], [2 * RATE], [3 * RATE]]


def test_a_batch_has_a_limit_of_seconds() -> None:
    model = BlockedModel("cuda:0")
    callers = Callers(model, BatchingQueue(model))
    callers.start(RATE)
    for number in range(4):
        callers.start(100 * RATE + number)
    model.released.set()
    callers.finish()
    assert [len(batch) for batch in model.batches] == [1, 2, 2], "200 s fit into a batch, 300 s don't"
    model.batches.clear()
    callers.queue.predict([window(400)] * (MAX_BATCH_WINDOWS + 6))
    assert model.batches == [[400] * (MAX_BATCH_WINDOWS + 6)], "the windows of one request stay together"


def test_an_invalid_window_affects_only_its_request() -> None:
    model = BlockedModel("cuda:0")
    callers = Callers(model, BatchingQueue(model))
    callers.start(RATE)
    callers.start(10)  # too short
    callers.start(2 * RATE)
    model.released.set()
    callers.finish()
    assert isinstance(callers.answers[10], InferenceError)
    assert is_correct(model, callers.answers[2 * RATE], 2 * RATE)
    with pytest.raises(InferenceError):
        callers.queue.predict([window(10)])
    assert callers.queue.waiting == 0
