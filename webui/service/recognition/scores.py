"""From frame logits to scores: softmax, mapping to the nine emotions, smoothing over time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.engine.protocol import EmotionModel
from webui.errors import ModelError, RequestError
from webui.labels import Emotion

Scores = NDArray[np.float64]
AllowedEmotions = Collection[Emotion] | None  # None: all nine


def emotion_scores(
    logits: NDArray[np.floating], model: EmotionModel, allowed_emotions: AllowedEmotions = None
) -> Scores:
    """Returns the scores of the nine emotions.

    The softmax is over the labels in use; the scores of labels with the same emotion are added up. An emotion without a
    label scores 0, as does an emotion outside ``allowed_emotions``, whose labels are left out of the softmax.

    Args:
        logits: logits of the model, shape ``(..., labels)``.
        model: the model that made them.
        allowed_emotions: emotions that can be recognized; None: all nine.

    Returns:
        Shape ``(..., 9)``, in the order of ``Emotion``; each row sums to 1.

    Raises:
        ModelError: a label of the model has no counterpart among the nine emotions.
        RequestError: the model has no label for any of ``allowed_emotions``.
    """
    check_labels(model, allowed_emotions)
    pairs = list(zip(model.labels.emotions, model.labels.used, strict=True))
    included = [used and (allowed_emotions is None or emotion in allowed_emotions) for emotion, used in pairs]
    emotions = [emotion for (emotion, _), include in zip(pairs, included, strict=True) if include]
    return _softmax(logits[..., included]) @ _label_map(emotions)


def check_labels(model: EmotionModel, allowed_emotions: AllowedEmotions = None) -> None:
    """Checks that a model's labels map to the nine emotions, and that it has one of ``allowed_emotions``.

    Raises:
        ModelError: a label has no counterpart among the nine emotions.
        RequestError: the model has no label for any of ``allowed_emotions``, or these are empty.
    """
    unmapped = model.labels.unmapped()
    if unmapped:
        raise ModelError("request.unmapped_labels", model=model.info.name, found=", ".join(unmapped))
    known = {emotion for emotion, used in zip(model.labels.emotions, model.labels.used, strict=True) if used}
    if allowed_emotions is not None and not known & set(allowed_emotions):
        found = ", ".join(emotion.value for emotion in allowed_emotions) or "none"
        expected = ", ".join(emotion.value for emotion in Emotion if emotion in known)
        raise RequestError("request.no_such_labels", model=model.info.name, found=found, expected=expected)


def _softmax(logits: NDArray[np.floating]) -> Scores:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    result: Scores = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _label_map(mapped: Sequence[Emotion | None]) -> Scores:
    """Returns a matrix of zeros and ones that adds up the labels of each emotion, shape ``(labels, 9)``."""
    order = list(Emotion)
    matrix = np.zeros((len(mapped), len(order)))
    for row, emotion in enumerate(mapped):
        if emotion is not None:
            matrix[row, order.index(emotion)] = 1.0
    return matrix


def check_smoothing(window_s: float, hop_s: float) -> None:
    """Checks the window and hop of frame scores.

    Raises:
        RequestError: not ``window >= hop > 0``, or not finite.
    """
    if not (np.isfinite(window_s) and np.isfinite(hop_s) and window_s >= hop_s > 0):
        raise RequestError("request.bad_smoothing", window_s=window_s, hop_s=hop_s)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How model frames are averaged into rows of frame scores.

    Attributes:
        window: number of frames that a row averages over; ``window - hop`` is even.
        hop: number of frames from one row to the next.
    """

    window: int
    hop: int

    @classmethod
    def from_seconds(cls, window_s: float, hop_s: float, *, frame_rate: float) -> "Smoothing":
        """Rounds seconds to frames; the window is one frame shorter where ``window - hop`` would be odd.

        Raises:
            RequestError: not ``window >= hop > 0``, or not finite.
        """
        check_smoothing(window_s, hop_s)
        hop = max(1, round(hop_s * frame_rate))
        window = max(hop, round(window_s * frame_rate))
        return cls(window=window - (window - hop) % 2, hop=hop)

    @classmethod
    def none(cls) -> "Smoothing":
        """Returns no smoothing: every frame is a row."""
        return cls(window=1, hop=1)


@dataclass(frozen=True, slots=True)
class SmoothedLogits:
    """Rows of smoothed logits.

    Attributes:
        logits: logits of the rows, shape ``(rows, labels)``.
        first: first frame of each row, shape ``(rows,)``.
        stop: one past the last frame of each row, shape ``(rows,)``; only the last row can be shorter than the hop.
    """

    logits: Scores
    first: NDArray[np.int64]
    stop: NDArray[np.int64]


def count_rows(frames: int, smoothing: Smoothing) -> int:
    """Returns the number of rows for ``frames`` frames."""
    return -(-frames // smoothing.hop)


def smooth(
    logits: FloatArray, smoothing: Smoothing, *, first_row: int = 0, stop_row: int | None = None
) -> SmoothedLogits:
    """Averages frame logits ``(frames, labels)`` into rows whose mean, weighted by length, is the frames' mean.

    First comes a moving average over ``window - hop + 1`` frames, for which the recording is mirrored at both ends, so
    that its mean does not change; then the mean of every ``hop`` frames. So the softmax of the mean of all rows still
    gives the scores of the utterance.

    Args:
        logits: logits of the whole recording.
        smoothing: how frames are averaged into rows.
        first_row: first row to compute.
        stop_row: one past the last row to compute; None: all rows. Memory is only needed for the computed rows.
    """
    last = count_rows(len(logits), smoothing) if stop_row is None else stop_row
    begin, end = first_row * smoothing.hop, min(last * smoothing.hop, len(logits))
    width = smoothing.window - smoothing.hop + 1
    indices = _mirrored(np.arange(begin - width // 2, end + width // 2), len(logits))
    averaged = _moving_average(logits[indices].astype(np.float64), width=width)
    first = np.arange(begin, end, smoothing.hop)
    stop = np.minimum(first + smoothing.hop, end)
    rows = np.add.reduceat(averaged, first - begin, axis=0) / (stop - first)[:, None]
    return SmoothedLogits(rows, first, stop)


def _mirrored(indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Mirrors indices beyond the ends of ``length`` rows: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ..."""
    folded = indices % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def _moving_average(values: Scores, *, width: int) -> Scores:
    """Returns the centred mean over ``width`` (odd) rows of ``values``, shape ``(rows + width - 1, columns)``."""
    if width == 1:
        return values
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    averaged: Scores = (sums[width:] - sums[:-width]) / width
    return averaged
