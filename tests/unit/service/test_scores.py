import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from webui.errors import ModelError, RequestError
from webui.labels import Emotion, LabelSet
from webui.service.recognition.scores import Smoothing, emotion_scores, smooth

LENGTHS = [1, 2, 3, 7, 49, 50, 51, 143, 1000]
SMOOTHINGS = [(0.02, 0.02), (0.1, 0.02), (0.2, 0.2), (1.0, 0.2), (1.0, 0.5), (3.0, 0.1)]


def draw_logits(frames: int, labels: int = 9) -> np.ndarray:
    return np.random.default_rng(frames).normal(scale=3.0, size=(frames, labels)).astype(np.float32)


def test_scores_are_the_softmax_in_the_order_of_the_emotions() -> None:
    logits = draw_logits(1)[0]
    scores = emotion_scores(logits, FakeModel())
    expected = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(scores, expected / expected.sum(), rtol=1e-12)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([1e4, -1e4, 0, 0, 0, 0, 0, 0, 0], dtype=np.float32)
    np.testing.assert_array_equal(emotion_scores(logits, FakeModel()), np.eye(9)[0])


def test_unknown_classes_score_zero_and_shared_ones_add_up() -> None:
    labels = LabelSet(
        names=("hap", "exc", "sad"), emotions=(Emotion.HAPPY, Emotion.HAPPY, Emotion.SAD), used=(True, True, True)
    )
    scores = emotion_scores(np.log(np.array([0.5, 0.2, 0.3], dtype=np.float32)), FakeModel(labels))
    by_emotion = dict(zip(Emotion, scores, strict=True))
    assert by_emotion[Emotion.HAPPY] == pytest.approx(0.7)
    assert by_emotion[Emotion.SAD] == pytest.approx(0.3)
    assert by_emotion[Emotion.ANGRY] == 0.0


def test_unused_labels_are_masked_before_the_softmax() -> None:
    labels = LabelSet.from_tokens(["生气/angry", "unuse_0", "难过/sad"])
    scores = emotion_scores(np.array([1.0, 50.0, 1.0], dtype=np.float32), FakeModel(labels))
    assert scores[0] == pytest.approx(0.5)
    assert scores[6] == pytest.approx(0.5)


def test_an_unknown_label_is_refused_by_name() -> None:
    model = FakeModel(LabelSet.from_tokens(["calm", "开心/happy"]))
    with pytest.raises(ModelError, match="calm"):
        emotion_scores(np.zeros(2, dtype=np.float32), model)


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize(("window_s", "hop_s"), SMOOTHINGS)
def test_smoothing_keeps_the_mean(frames: int, window_s: float, hop_s: float) -> None:
    logits = draw_logits(frames)
    rows = smooth(logits, Smoothing.from_seconds(window_s, hop_s, frame_rate=50.0))
    lengths = rows.stop - rows.first
    assert lengths.sum() == frames
    np.testing.assert_allclose(
        np.average(rows.logits, axis=0, weights=lengths), logits.mean(axis=0, dtype=np.float64), atol=1e-9
    )


def test_a_row_is_the_average_of_its_window() -> None:
    logits = draw_logits(400)
    smoothing = Smoothing.from_seconds(1.0, 0.2, frame_rate=50.0)
    assert (smoothing.window, smoothing.hop) == (50, 10)
    rows = smooth(logits, smoothing)
    moving = np.stack([logits[i - 20 : i + 21].mean(axis=0, dtype=np.float64) for i in range(100, 110)])
    np.testing.assert_allclose(rows.logits[10], moving.mean(axis=0), atol=1e-9)
    touched = np.flatnonzero(np.abs(smooth(np.eye(400, dtype=np.float32), smoothing).logits[10]) > 0)
    assert (touched[0], touched[-1]) == (80, 129)  # 50 frames: one second around the row's 0.2 s


def test_smoothing_reduces_variation() -> None:
    logits = draw_logits(500)
    smoothed = smooth(logits, Smoothing.from_seconds(1.0, 0.2, frame_rate=50.0)).logits
    assert np.abs(np.diff(smoothed, axis=0)).mean() < 0.2 * np.abs(np.diff(logits, axis=0)).mean()


def test_raw_frames_are_not_changed() -> None:
    logits = draw_logits(33)
    rows = smooth(logits, Smoothing.none())
    np.testing.assert_array_equal(rows.logits, logits.astype(np.float64))
    np.testing.assert_array_equal(rows.first, np.arange(33))


def test_the_window_is_never_wider_than_requested() -> None:
    smoothing = Smoothing.from_seconds(1.0, 0.1, frame_rate=50.0)
    assert (smoothing.window, smoothing.hop) == (49, 5)


@pytest.mark.parametrize(("window_s", "hop_s"), [(0.1, 0.2), (1.0, 0.0), (1.0, -1.0), (float("nan"), 0.1)])
def test_invalid_smoothing_is_refused(window_s: float, hop_s: float) -> None:
    with pytest.raises(RequestError, match="window >= hop > 0"):
        Smoothing.from_seconds(window_s, hop_s, frame_rate=50.0)
