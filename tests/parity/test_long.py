"""Long recordings: one window gives upstream's result; several windows give the same in both engines."""

import numpy as np
import pytest

from tests.support.checkpoints import TINY, make_clip
from tests.support.parity_pairs import Pair, load_pair, softmax, upstream_scores
from webui.service.recognition.windows import MAX_WINDOW_S, predict_recording


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return load_pair(tmp_path_factory.mktemp("tiny"), TINY)


def make_recording(seconds: float) -> np.ndarray:
    """Returns various clips of increasing loudness, so that statistics of a part differ from those of the whole."""
    clips = [make_clip(number, 4.0) * (0.2 + 0.03 * number) for number in range(round(seconds / 4) + 1)]
    return np.concatenate(clips)[: round(seconds * 16_000)].astype(np.float32)


@pytest.mark.parametrize("seconds", [30.0, MAX_WINDOW_S])
def test_a_single_window_gives_upstream_s_result(tiny: Pair, seconds: float) -> None:
    recording = make_recording(seconds)
    predicted = predict_recording(tiny.native, recording)
    assert predicted.windows == 1
    ours = softmax(predicted.logits.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(ours, upstream_scores(tiny, recording), atol=1e-5)


def test_windows_are_the_same_in_both_engines(tiny: Pair) -> None:
    recording = make_recording(75.0)
    features: dict[str, list[np.ndarray]] = {"native": [], "funasr": []}
    ours = predict_recording(tiny.native, recording, on_features=features["native"].append)
    theirs = predict_recording(tiny.reference, recording, on_features=features["funasr"].append)
    assert ours.windows == theirs.windows == 3
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=2e-4)
    np.testing.assert_allclose(np.concatenate(features["native"]), np.concatenate(features["funasr"]), atol=2e-5)
