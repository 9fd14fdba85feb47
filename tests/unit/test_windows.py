import numpy as np
import pytest

from tests.fake_model import FakeModel
from webui.engine.protocol import Window
from webui.errors import AudioTooShortError
from webui.service.windows import MAX_WINDOW_S, count_frames, predict_recording

RATE = 16_000


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).normal(scale=0.1, size=samples).astype(np.float32)


class ContextModel(FakeModel):
    """Looks at its neighbours: a frame's features are the mean of 11 frames around it."""

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


def test_up_to_the_window_length_nothing_is_cut() -> None:
    model = FakeModel()
    waveform = noise(int(30.0 * RATE))
    joined = predict_recording(model, waveform, with_features=False)
    assert joined.windows == 1
    assert model.window_lengths == [480_000]


@pytest.mark.parametrize("kind", [FakeModel, ContextModel])
@pytest.mark.parametrize("seconds", [30.03, 59.99, 61.7, 200.0])
def test_windows_give_what_the_whole_gives(kind: type[FakeModel], seconds: float) -> None:
    model = kind()
    waveform = noise(int(seconds * RATE)) + np.float32(0.02)
    joined = predict_recording(model, waveform, with_features=True)
    assert joined.windows == -(-count_frames(model, len(waveform)) // 1500)
    whole = model.predict(
        [Window(waveform, float(waveform.mean(dtype=np.float64)), float(waveform.var(dtype=np.float64)))],
        with_features=True,
    )[0]
    np.testing.assert_allclose(joined.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(joined.features, whole.features, atol=1e-5)


def test_windows_are_bounded() -> None:
    model = ContextModel()
    predict_recording(model, noise(200 * RATE), with_features=False)
    assert max(model.window_lengths) <= MAX_WINDOW_S * RATE + 2 * model.context_samples + 400


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    predict_recording(FakeModel(), noise(100 * RATE), with_features=False, on_window=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == 1.0


def test_too_short_says_how_short() -> None:
    with pytest.raises(AudioTooShortError, match=r"12\.5 ms found, at least 25 ms expected"):
        predict_recording(FakeModel(), noise(200), with_features=False)
