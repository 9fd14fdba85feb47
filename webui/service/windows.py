"""A recording as windows of bounded length, and their predictions joined again.

A recording of up to ``MAX_WINDOW_S`` is one window, so its numbers are exactly the model's. A longer one is cut into
windows that overlap by the model's context; the frames of the overlap are dropped when the predictions are joined.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui.engine.protocol import EmotionModel, FloatArray, Window
from webui.errors import AudioTooShortError

MAX_WINDOW_S: Final = 30.0  # attention costs O(T^2): beyond 30 s a window gets slower and bigger, not better


@dataclass(frozen=True, slots=True)
class Piece:
    """A window and which of its frames count.

    Attributes:
        window: samples with the recording's statistics.
        first: first frame of the window that is kept.
        stop: one past the last frame that is kept; None keeps all to the end.
    """

    window: Window
    first: int
    stop: int | None


def count_frames(model: EmotionModel, samples: int) -> int:
    """Returns how many frames ``model`` makes of a recording: ``floor((samples - min_samples) / hop) + 1``."""
    return max(0, (samples - model.min_samples) // _hop_samples(model) + 1)


def cut_windows(model: EmotionModel, waveform: FloatArray) -> Iterator[Piece]:
    """Cuts ``waveform`` ``(samples,)`` into pieces whose kept frames follow each other without gap or overlap.

    Raises:
        AudioTooShortError: fewer samples than one frame needs.
    """
    if len(waveform) < model.min_samples:
        per_ms = model.sample_rate / 1000
        raise AudioTooShortError(
            "audio.too_short", found_ms=len(waveform) / per_ms, expected_ms=model.min_samples / per_ms
        )
    mean = float(np.mean(waveform, dtype=np.float64))
    variance = float(np.var(waveform, dtype=np.float64))
    hop = _hop_samples(model)
    frames = count_frames(model, len(waveform))
    longest = int(MAX_WINDOW_S * model.frame_rate)
    if frames <= longest or not model.has_frame_logits:
        yield Piece(Window(waveform, mean, variance), 0, None)
        return
    context = -(-model.context_samples // hop)  # frames, rounded up
    for first in range(0, frames, longest):
        stop = min(first + longest, frames)
        left = max(0, first - context)
        right = min(frames, stop + context)
        samples = waveform[left * hop : (right - 1) * hop + model.min_samples]
        yield Piece(Window(samples, mean, variance), first - left, stop - left)


@dataclass(frozen=True, slots=True)
class Joined:
    """The prediction for a whole recording.

    Attributes:
        logits: shape ``(frames, labels)``.
        features: shape ``(frames, dim)``, or None if they were not asked for.
        windows: how many windows it took.
    """

    logits: FloatArray
    features: FloatArray | None
    windows: int


def predict_recording(
    model: EmotionModel,
    waveform: FloatArray,
    *,
    with_features: bool,
    on_window: Callable[[float], None] = lambda _fraction: None,
) -> Joined:
    """Runs ``model`` over ``waveform`` ``(samples,)``, window by window.

    Args:
        model: the model.
        waveform: a recording at the model's sample rate.
        with_features: whether features are kept.
        on_window: told the fraction done after each window.

    Raises:
        AudioTooShortError: fewer samples than one frame needs.
        InferenceError: the model failed.
    """
    logits: list[FloatArray] = []
    features: list[FloatArray] = []
    frames = count_frames(model, len(waveform))
    done = 0
    for piece in cut_windows(model, waveform):
        prediction = model.predict([piece.window], with_features=with_features)[0]
        logits.append(prediction.logits[piece.first : piece.stop])
        if prediction.features is not None:
            features.append(prediction.features[piece.first : piece.stop])
        done += len(logits[-1])
        on_window(done / frames)
    return Joined(np.concatenate(logits), np.concatenate(features) if features else None, len(logits))


def _hop_samples(model: EmotionModel) -> int:
    return round(model.sample_rate / model.frame_rate)
