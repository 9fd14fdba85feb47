"""One model for many callers: batches that gather, order, features, and errors that stay with their owner."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from webui.engine.protocol import Prediction, Window
from webui.errors import InferenceError
from webui.service.models.batching_queue import TOGETHER, BatchingQueue

RATE = 16_000


class Held(FakeModel):
    """Answers once it is let; remembers what it was given at a time."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.info = self.info.model_copy(update={"device": device})
        self.let = threading.Event()
        self.given: list[list[int]] = []

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        self.given.append([len(window.samples) for window in windows])
        assert self.let.wait(20)
        return super().predict(windows, with_features=with_features)


def window(samples: int) -> Window:
    made = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    return Window(made, float(made.mean()), float(made.var()))


class Callers:
    """Ask from threads of their own, after the first has the model."""

    def __init__(self, queue: BatchingQueue) -> None:
        self.queue = queue
        self.answers: dict[int, list[Prediction] | Exception] = {}
        self.threads: list[threading.Thread] = []

    def ask(self, *samples: int, with_features: bool = False, background: bool = False) -> None:
        def run() -> None:
            windows = [window(count) for count in samples]
            try:
                self.answers[samples[0]] = self.queue.predict(
                    windows, with_features=with_features, background=background
                )
            except InferenceError as err:
                self.answers[samples[0]] = err

        waiting = self.queue.waiting
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        if len(self.threads) > 1:
            wait_until(lambda: self.queue.waiting == waiting + 1)
        else:
            time.sleep(0.05)

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(20)


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def right(model: Held, answer: object, *samples: int) -> bool:
    expected = FakeModel().predict([window(count) for count in samples])
    assert isinstance(answer, list)
    pairs = zip(expected, answer, strict=True)
    return all(np.array_equal(one.logits, other.logits) for one, other in pairs)


def test_a_gpu_takes_along_what_waits_and_people_go_first() -> None:
    model, sizes = Held("cuda:0"), []
    callers = Callers(BatchingQueue(model, sizes.append))
    callers.ask(RATE)
    callers.ask(2 * RATE, background=True)
    callers.ask(3 * RATE, 4 * RATE)
    callers.ask(5 * RATE, with_features=True)
    callers.ask(6 * RATE)
    model.let.set()
    callers.finish()
    assert model.given == [[RATE], [3 * RATE, 4 * RATE, 6 * RATE, 2 * RATE], [5 * RATE]]
    assert sizes == [1, 4, 1]
    for samples in ((RATE,), (2 * RATE,), (3 * RATE, 4 * RATE), (5 * RATE,), (6 * RATE,)):
        assert right(model, callers.answers[samples[0]], *samples)
    with_features = callers.answers[5 * RATE]
    assert isinstance(with_features, list)
    assert with_features[0].features is not None


def test_a_cpu_hears_one_caller_at_a_time() -> None:
    model = Held("cpu")
    callers = Callers(BatchingQueue(model))
    for seconds in (1, 2, 3):
        callers.ask(seconds * RATE)
    model.let.set()
    callers.finish()
    assert model.given == [[RATE], [2 * RATE], [3 * RATE]]


def test_a_pass_holds_no_more_than_it_can() -> None:
    model = Held("cuda:0")
    callers = Callers(BatchingQueue(model))
    callers.ask(RATE)
    for number in range(4):
        callers.ask(100 * RATE + number)
    model.let.set()
    callers.finish()
    assert [len(one) for one in model.given] == [1, 2, 2], "200 s fit into a pass, 300 s don't"
    model.given.clear()
    callers.queue.predict([window(400)] * (TOGETHER + 6))
    assert model.given == [[400] * (TOGETHER + 6)], "what one caller gives at a time stays together"


def test_a_bad_window_spoils_its_owner_s_answer_alone() -> None:
    model = Held("cuda:0")
    callers = Callers(BatchingQueue(model))
    callers.ask(RATE)
    callers.ask(10)  # too short
    callers.ask(2 * RATE)
    model.let.set()
    callers.finish()
    assert isinstance(callers.answers[10], InferenceError)
    assert right(model, callers.answers[2 * RATE], 2 * RATE)
    with pytest.raises(InferenceError):
        callers.queue.predict([window(10)])
    assert callers.queue.waiting == 0
