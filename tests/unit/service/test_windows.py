import threading
import time

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from tests.support.waiting import wait_until
from webui.engine.protocol import Window
from webui.errors import AudioTooShortError
from webui.service.models.batching_queue import BatchingQueue
from webui.service.recognition.windows import MAX_WINDOW_S, count_frames, cut_windows, predict_recording

RATE = 16_000


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).normal(scale=0.1, size=samples).astype(np.float32)


class ContextModel(FakeModel):
    """A model with context: features of a frame are the mean of 11 frames around it."""

    context_samples = 5 * 320

    def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN201
        plain = super().predict(windows, with_features=True)
        return [self._blur(prediction, with_features) for prediction in plain]

    def _blur(self, prediction, with_features):  # noqa: ANN001, ANN202
        features = prediction.features
        counts = np.convolve(np.ones(len(features)), np.ones(11), mode="full")[5 : 5 + len(features)]
        blurred = np.stack(
            [np.convolve(column, np.ones(11), mode="full")[5 : 5 + len(features)] / counts for column in features.T], 1
        ).astype(np.float32)
        return type(prediction)(blurred @ self.weights, blurred if with_features else None)


@pytest.mark.parametrize(("samples", "frames"), [(399, 0), (400, 1), (719, 1), (720, 2), (16_000, 49), (480_000, 1499)])
def test_number_of_frames(samples: int, frames: int) -> None:
    assert count_frames(FakeModel(), samples) == frames


def test_short_recordings_are_not_cut() -> None:
    model = FakeModel()
    waveform = noise(int(30.0 * RATE))
    predicted = predict_recording(model, waveform)
    assert predicted.windows == 1
    assert model.window_lengths == [480_000]


@pytest.mark.parametrize("kind", [FakeModel, ContextModel])
@pytest.mark.parametrize("seconds", [30.03, 44.05, 59.99, 200.0])
def test_windows_give_the_same_as_the_whole(kind: type[FakeModel], seconds: float) -> None:
    model = kind()
    waveform = noise(int(seconds * RATE)) + np.float32(0.02)
    features: list[np.ndarray] = []
    predicted = predict_recording(model, waveform, on_features=features.append)
    windows = count_frames(model, len(waveform)) / 1500
    assert windows < predicted.windows <= windows * 30 / 24.8 + 1
    whole = model.predict(
        [Window(waveform, float(waveform.mean(dtype=np.float64)), float(waveform.var(dtype=np.float64)))],
        with_features=True,
    )[0]
    np.testing.assert_allclose(predicted.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(features), whole.features, atol=1e-5)


def test_windows_are_bounded() -> None:
    model = ContextModel()
    predict_recording(model, noise(200 * RATE))
    assert max(model.window_lengths) <= MAX_WINDOW_S * RATE + 80
    assert len(set(model.window_lengths)) < len(model.window_lengths)


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    predict_recording(FakeModel(), noise(100 * RATE), on_window=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == 1.0


def test_a_recording_that_is_too_short() -> None:
    with pytest.raises(AudioTooShortError, match=r"12\.5 ms found, at least 25 ms expected"):
        predict_recording(FakeModel(), noise(200))


@pytest.mark.parametrize("window_s", [1.0, 3.7, 10.0, 30.0, 61.0])
def test_the_position_of_cuts_changes_nothing_without_context(window_s: float) -> None:
    model = FakeModel()
    waveform = noise(int(60.9 * RATE))
    whole = predict_recording(model, waveform, window_s=100.0)
    cut = predict_recording(model, waveform, window_s=window_s)
    assert whole.windows == 1
    assert (cut.windows > 1) == (window_s < 60.9)
    np.testing.assert_allclose(cut.logits, whole.logits, atol=1e-5)


@pytest.mark.parametrize("seconds", [30.03, 46.0, 59.7, 60.0, 301.3])
@pytest.mark.parametrize("context", [0, 5, 250])
def test_kept_frames_are_contiguous(seconds: float, context: int) -> None:
    """Each sample is its own index, so that every window shows its position."""
    model = FakeModel()
    model.context_samples = context * 320
    waveform = np.arange(int(seconds * RATE), dtype=np.float32)
    frames = count_frames(model, len(waveform))
    following, lengths = 0, []
    for part in cut_windows(model, waveform, statistics=(0.0, 1.0)):
        assert part.stop is not None
        left = int(part.window.samples[0]) // 320
        right = left + count_frames(model, len(part.window.samples))
        assert left + part.first == following
        following = left + part.stop
        assert left <= max(0, left + part.first - context)
        assert right >= min(frames, following + context)
        assert int(part.window.samples[-1]) == (right - 1) * 320 + 399
        lengths.append(right - left)
    assert following == frames
    assert max(lengths) <= 1_500
    assert all(length % 50 == 0 for length in lengths)
    assert len(lengths) <= 1 + np.ceil((frames - 2 * context) / (1_500 - 2 * context - 250))


def test_cuts_are_in_pauses() -> None:
    model = FakeModel()
    waveform = noise(105 * RATE) + np.float32(0.5)  # a constant offset is not sound
    pauses = [(26.3, 26.8), (54.0, 54.4), (79.5, 80.1)]
    for start, stop in pauses:
        waveform[int(start * RATE) : int(stop * RATE)] = 0.5
    cuts, frames = [], 0
    for part in cut_windows(model, waveform):
        assert part.stop is not None
        frames += part.stop - part.first
        cuts.append(frames / 50)
    assert len(cuts) == 4
    for cut, (start, stop) in zip(cuts, pauses, strict=False):
        assert start + 0.09 <= cut <= stop - 0.09


def test_without_pauses_cuts_are_as_late_as_possible() -> None:
    slices = list(cut_windows(FakeModel(), np.zeros(90 * RATE, dtype=np.float32)))
    assert [part.stop - part.first for part in slices if part.stop is not None] == [1_500, 1_500, 1_499]


def test_statistics_are_those_of_the_whole_recording() -> None:
    waveform = noise(100 * RATE)
    waveform[50 * RATE :] *= 3
    slices = list(cut_windows(FakeModel(), waveform))
    assert len(slices) > 1
    for part in slices:
        assert part.window.mean == pytest.approx(np.mean(waveform, dtype=np.float64), rel=1e-9)
        assert part.window.variance == pytest.approx(np.var(waveform, dtype=np.float64), rel=1e-9)


def test_other_callers_are_served_between_two_windows() -> None:
    class Slow(FakeModel):
        def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN202
            time.sleep(0.02)
            return super().predict(windows, with_features=with_features)

    slow = Slow()
    queue = BatchingQueue(slow)
    short = noise(RATE // 2)
    worker = threading.Thread(
        target=predict_recording, args=(slow, noise(60 * RATE)), kwargs={"window_s": 1.0, "predict": queue.predict}
    )
    worker.start()
    wait_until(lambda: slow.window_lengths)
    predict_recording(slow, short, predict=queue.predict)
    worker.join()
    assert slow.window_lengths.index(len(short)) < len(slow.window_lengths) - 10


def test_on_a_gpu_several_windows_share_a_batch() -> None:
    model, batches = FakeModel(), []
    waveform = noise(400 * RATE)
    one_by_one = predict_recording(model, waveform)
    plain = model.predict

    def predict(windows, *, with_features=False):  # noqa: ANN001, ANN202
        batches.append(len(windows))
        return plain(windows, with_features=with_features)

    model.predict = predict  # type: ignore[method-assign]
    model.info = model.info.model_copy(update={"device": "cuda:0"})
    together = predict_recording(model, waveform)
    assert together.windows == one_by_one.windows == sum(batches)
    assert batches == [8] * (together.windows // 8) + [together.windows % 8]
    np.testing.assert_array_equal(together.logits, one_by_one.logits)


def test_after_a_fallback_to_the_cpu_windows_run_one_by_one() -> None:
    class Failing(FakeModel):
        def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN202
            batches.append(len(windows))
            if len(batches) == 2:
                self.info = self.info.model_copy(update={"device": "cpu"})
            return super().predict(windows, with_features=with_features)

    model, batches = Failing(), []
    model.info = model.info.model_copy(update={"device": "cuda:0"})
    windows = predict_recording(model, noise(600 * RATE)).windows
    assert batches == [8, 8, *[1] * (windows - 16)]
