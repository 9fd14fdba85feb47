"""A recording as windows of bounded length, and their predictions joined again.

A recording of up to ``MAX_WINDOW_S`` is one window, so its numbers are exactly the model's. A longer one becomes
windows of at most that length. They are cut at quiet places and bring at least the model's context from both sides,
whose frames are dropped when the predictions are joined. So what is in memory does not grow with the recording, apart
from the logits: 7 MB an hour.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

import numpy as np

from webui.arrays import FloatArray, Samples
from webui.audio.signal.statistics import measure
from webui.engine.protocol import EmotionModel, Prediction, Window
from webui.errors import AudioTooLongError, AudioTooShortError

MAX_WINDOW_S: Final = 30.0  # docs/LONG_AUDIO.md says what other lengths would cost and change
SEARCH_S: Final = 5.0  # before the last possible cut: where the quietest place is looked for
QUIET_S: Final = 0.2  # what has to be quiet around a cut
LENGTH_STEP_S: Final = 1.0  # windows are this or a multiple: the libraries below keep buffers for every length they see
GPU_WINDOWS: Final = 8  # windows of one recording that a GPU hears in one pass: 4 minutes
CPU: Final = "cpu"

OnFeatures = Callable[[FloatArray], None]


class Ask(Protocol):
    """Gives a model some windows; see ``EmotionModel.predict``."""

    def __call__(self, windows: Sequence[Window], *, with_features: bool) -> list[Prediction]:
        """Returns one prediction per window, in order."""
        ...


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


@dataclass(frozen=True, slots=True)
class RecordingLogits:
    """The prediction for a whole recording.

    Attributes:
        logits: shape ``(frames, labels)``; ``(1, labels)`` if the model has no frame logits.
        windows: how many windows it took.
    """

    logits: FloatArray
    windows: int


def count_frames(model: EmotionModel, samples: int) -> int:
    """Returns how many frames ``model`` makes of a recording: ``floor((samples - min_samples) / hop) + 1``."""
    return max(0, (samples - model.min_samples) // _hop_samples(model) + 1)


def cut_windows(
    model: EmotionModel,
    waveform: Samples,
    *,
    statistics: tuple[float, float] | None = None,
    window_s: float = MAX_WINDOW_S,
) -> Iterator[Piece]:
    """Cuts ``waveform`` ``(samples,)`` into pieces whose kept frames follow each other without gap or overlap.

    Args:
        model: whose frames they are.
        waveform: a recording at the model's sample rate, read piece by piece.
        statistics: its mean and variance if they are known; else a long one is read twice.
        window_s: the longest window, in seconds, context included; the context takes up to a quarter on each side.

    Raises:
        AudioTooShortError: fewer samples than one frame needs.
        AudioTooLongError: it would have to be cut, and the model has no frame logits to be joined.
    """
    _check_length(model, len(waveform), window_s)
    frames, longest = count_frames(model, len(waveform)), int(window_s * model.frame_rate)
    if frames <= longest:
        samples = waveform[:]
        mean, variance = np.mean(samples, dtype=np.float64), np.var(samples, dtype=np.float64)
        yield Piece(Window(samples, float(mean), float(variance)), 0, None)
        return
    if statistics is None:
        measured = measure(waveform)
        statistics = (measured.mean, measured.variance)
    hop = _hop_samples(model)
    for left, right, first, stop in _plan(model, waveform, frames, longest):
        samples = waveform[left * hop : (right - 1) * hop + model.min_samples]
        yield Piece(Window(samples, *statistics), first - left, stop - left)


def _plan(model: EmotionModel, waveform: Samples, frames: int, longest: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields, in frames, where each window begins and ends, and where what is kept of it begins and ends."""
    context = min(-(-model.context_samples // _hop_samples(model)), longest // 4)
    search = min(round(SEARCH_S * model.frame_rate), longest // 4)
    step = max(1, round(LENGTH_STEP_S * model.frame_rate))
    first = 0
    while first < frames:
        left = max(0, first - context)
        if frames - left <= longest:
            left = max(0, frames - min(longest, -(-(frames - left) // step) * step))
            yield left, frames, first, frames
            return
        last_cut = left + longest - context
        ends_with_next = frames - longest + context  # a cut from here on leaves one more window, no two
        first_cut = max(first + 1, ends_with_next) if ends_with_next <= last_cut else last_cut - search
        stop = _quietest_frame(model, waveform, first_cut, last_cut)
        yield left, left + min(longest, -(-(stop + context - left) // step) * step), first, stop
        first = stop


def predict_recording(
    model: EmotionModel,
    waveform: Samples,
    *,
    statistics: tuple[float, float] | None = None,
    on_features: OnFeatures | None = None,
    on_window: Callable[[float], None] = lambda _fraction: None,
    ask: Ask | None = None,
    window_s: float = MAX_WINDOW_S,
) -> RecordingLogits:
    """Runs ``model`` over ``waveform`` ``(samples,)``, window by window.

    Args:
        model: the model.
        waveform: a recording at the model's sample rate.
        statistics: its mean and variance if they are known.
        on_features: given the features of all frames in order, ``(some, dim)`` at a time; None: none are computed.
        on_window: told the fraction done after each window; may raise to stop.
        ask: gives the model its windows, in turn with others; None: the model is asked directly.
        window_s: see ``cut_windows``.

    Raises:
        AudioTooShortError: fewer samples than one frame needs.
        AudioTooLongError: too long for a model without frame logits.
        InferenceError: the model failed.
    """
    ask = ask if ask is not None else model.predict
    frames = count_frames(model, len(waveform))
    logits = np.empty((0, len(model.labels)), dtype=np.float32)
    done = windows = 0
    pieces = cut_windows(model, waveform, statistics=statistics, window_s=window_s)
    for piece, prediction in _predict_pieces(model, pieces, ask, with_features=on_features is not None):
        kept = prediction.logits[piece.first : piece.stop]
        if piece.stop is None:
            logits, done = kept, frames
        else:
            logits = logits if len(logits) else np.empty((frames, kept.shape[1]), dtype=np.float32)
            logits[done : done + len(kept)] = kept
            done += len(kept)
        windows += 1
        if on_features is not None and prediction.features is not None:
            on_features(prediction.features[piece.first : piece.stop])
        on_window(done / frames)
    return RecordingLogits(logits, windows)


def _predict_pieces(
    model: EmotionModel, pieces: Iterator[Piece], ask: Ask, *, with_features: bool
) -> Iterator[tuple[Piece, Prediction]]:
    """Yields each piece with its prediction; on a GPU several windows share a pass, which is no faster on a CPU."""
    while together := list(islice(pieces, 1 if model.info.device == CPU else GPU_WINDOWS)):
        predictions = ask([piece.window for piece in together], with_features=with_features)
        yield from zip(together, predictions, strict=True)
        time.sleep(0)  # a lock that is taken again at once would never let another one in


def _check_length(model: EmotionModel, samples: int, window_s: float) -> None:
    if samples < model.min_samples:
        per_ms = model.sample_rate / 1000
        raise AudioTooShortError("audio.too_short", found_ms=samples / per_ms, expected_ms=model.min_samples / per_ms)
    if not model.has_frame_logits and count_frames(model, samples) > int(window_s * model.frame_rate):
        raise AudioTooLongError(
            "windows.whole_only", model=model.info.name, found_s=samples / model.sample_rate, expected_s=window_s
        )


def _quietest_frame(model: EmotionModel, waveform: Samples, first: int, last: int) -> int:
    """Returns the frame from ``first`` to ``last`` before which it is quietest; of equally quiet ones the last."""
    hop = _hop_samples(model)
    half = max(1, round(QUIET_S / 2 * model.frame_rate))
    samples = waveform[max(0, first - half) * hop : (last + half) * hop].astype(np.float64)
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    energies = np.square(whole - samples.mean()).sum(axis=1)  # of each frame's hop
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    candidates = np.arange(last, first - 1, -1)
    places = candidates - max(0, first - half)
    begin, end = np.maximum(places - half, 0), np.minimum(places + half, len(energies))
    return int(candidates[np.argmin((sums[end] - sums[begin]) / (end - begin))])


def _hop_samples(model: EmotionModel) -> int:
    return round(model.sample_rate / model.frame_rate)
