"""Cuts a recording into windows of bounded length, and joins the windows' logits to those of the recording.

A recording of up to ``MAX_WINDOW_S`` is a single window, so its logits are exactly the model's. A longer one is cut
into windows of at most that length. The cuts are at quiet places; each window also includes at least the model's
context on both sides, and the frames of this context are dropped afterwards. Memory therefore does not grow with the
length of the recording, apart from the logits, which take 7 MB per hour.
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
from webui.errors import AudioTooShortError

MAX_WINDOW_S: Final = 30.0  # docs/LONG_AUDIO.md compares other lengths
SEARCH_S: Final = 5.0  # the quietest frame is searched within this time before the last possible cut
QUIET_S: Final = 0.2  # length of audio around a cut whose energy is measured
LENGTH_STEP_S: Final = 1.0  # lengths are multiples of this, as libraries cache buffers for each new length

OnFeatures = Callable[[FloatArray], None]


class Predict(Protocol):
    """Runs a model on windows; see ``EmotionModel.predict``."""

    def __call__(self, windows: Sequence[Window], *, with_features: bool) -> list[Prediction]:
        """Returns one prediction per window, in order."""
        ...


@dataclass(frozen=True, slots=True)
class WindowSlice:
    """A window, and the range of its frames to keep.

    Attributes:
        window: samples, with the statistics of the recording.
        first: first frame of the window to keep.
        stop: one past the last frame to keep; None keeps all frames to the end.
    """

    window: Window
    first: int
    stop: int | None


@dataclass(frozen=True, slots=True)
class RecordingLogits:
    """The prediction for a whole recording.

    Attributes:
        logits: frame logits, shape ``(frames, labels)``.
        windows: number of windows that were needed.
    """

    logits: FloatArray
    windows: int


def count_frames(model: EmotionModel, samples: int) -> int:
    """Returns the number of frames of a recording: ``floor((samples - min_samples) / hop) + 1``, but at least 0."""
    return max(0, (samples - model.min_samples) // _hop_samples(model) + 1)


def cut_windows(
    model: EmotionModel,
    waveform: Samples,
    *,
    statistics: tuple[float, float] | None = None,
    window_s: float = MAX_WINDOW_S,
) -> Iterator[WindowSlice]:
    """Cuts ``waveform`` ``(samples,)`` into windows whose frames to keep follow each other without gaps or overlaps.

    Args:
        model: the model that the windows are for.
        waveform: a recording at the model's sample rate, read window by window.
        statistics: mean and variance of the recording, if known; otherwise a long recording is read twice.
        window_s: maximum length of a window in seconds, including the context, which is at most a quarter of it on each
            side.

    Raises:
        AudioTooShortError: the recording is shorter than one frame.
    """
    _check_length(model, len(waveform))
    frames, longest = count_frames(model, len(waveform)), int(window_s * model.frame_rate)
    if frames <= longest:
        samples = waveform[:]
        mean, variance = np.mean(samples, dtype=np.float64), np.var(samples, dtype=np.float64)
        yield WindowSlice(Window(samples, float(mean), float(variance)), 0, None)
        return
    if statistics is None:
        measured = measure(waveform)
        statistics = (measured.mean, measured.variance)
    hop = _hop_samples(model)
    for left, right, first, stop in _plan(model, waveform, frames, longest):
        samples = waveform[left * hop : (right - 1) * hop + model.min_samples]
        yield WindowSlice(Window(samples, *statistics), first - left, stop - left)


def _plan(model: EmotionModel, waveform: Samples, frames: int, longest: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields start and end of each window, then start and end of the frames to keep; all in frames."""
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
        earliest = frames - longest + context  # a cut from here on leaves one more window, not two
        first_cut = max(first + 1, earliest) if earliest <= last_cut else last_cut - search
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
    predict: Predict | None = None,
    window_s: float = MAX_WINDOW_S,
) -> RecordingLogits:
    """Runs ``model`` over ``waveform`` ``(samples,)``, window by window.

    Args:
        model: the model to run.
        waveform: a recording at the model's sample rate.
        statistics: mean and variance of the recording, if known.
        on_features: called with the features of all frames in order, ``(frames, dim)`` for each window; None: features
            are not computed.
        on_window: called with the fraction done after each window; may raise to stop.
        predict: function that runs the model, for instance that of a shared queue; None: the model's own ``predict``.
        window_s: see ``cut_windows``.

    Raises:
        AudioTooShortError: the recording is shorter than one frame.
        InferenceError: the model failed.
    """
    predict = predict if predict is not None else model.predict
    frames = count_frames(model, len(waveform))
    logits = np.empty((0, len(model.labels)), dtype=np.float32)
    done = windows = 0
    slices = cut_windows(model, waveform, statistics=statistics, window_s=window_s)
    batches = _batches(model, slices, window_s)
    for part, prediction in _predict_slices(batches, predict, with_features=on_features is not None):
        kept = prediction.logits[part.first : part.stop]
        if part.stop is None:
            logits, done = kept, frames
        else:
            logits = logits if len(logits) else np.empty((frames, kept.shape[1]), dtype=np.float32)
            logits[done : done + len(kept)] = kept
            done += len(kept)
        windows += 1
        if on_features is not None and prediction.features is not None:
            on_features(prediction.features[part.first : part.stop])
        on_window(done / frames)
    return RecordingLogits(logits, windows)


def _batches(model: EmotionModel, slices: Iterator[WindowSlice], window_s: float) -> Iterator[list[WindowSlice]]:
    """Yields windows in batches of the model's preferred size, which changes if the model falls back to the CPU."""
    while batch := list(islice(slices, max(1, int(model.max_batch_s // window_s)))):
        yield batch


def _predict_slices(
    batches: Iterator[list[WindowSlice]], predict: Predict, *, with_features: bool
) -> Iterator[tuple[WindowSlice, Prediction]]:
    """Yields each slice with its prediction."""
    for batch in batches:
        predictions = predict([part.window for part in batch], with_features=with_features)
        yield from zip(batch, predictions, strict=True)
        time.sleep(0)  # lets other threads run; releasing a lock and taking it again at once does not


def _check_length(model: EmotionModel, samples: int) -> None:
    if samples < model.min_samples:
        per_ms = model.sample_rate / 1000
        raise AudioTooShortError("audio.too_short", found_ms=samples / per_ms, expected_ms=model.min_samples / per_ms)


def _quietest_frame(model: EmotionModel, waveform: Samples, first: int, last: int) -> int:
    """Returns the frame from ``first`` to ``last`` whose start is the quietest; if several are equal, the last one."""
    hop = _hop_samples(model)
    half = max(1, round(QUIET_S / 2 * model.frame_rate))
    samples = waveform[max(0, first - half) * hop : (last + half) * hop].astype(np.float64)
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    energies = np.square(whole - samples.mean()).sum(axis=1)  # of each frame's hop
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    candidates = np.arange(last, first - 1, -1)
    offsets = candidates - max(0, first - half)
    begin, end = np.maximum(offsets - half, 0), np.minimum(offsets + half, len(energies))
    return int(candidates[np.argmin((sums[end] - sums[begin]) / (end - begin))])


def _hop_samples(model: EmotionModel) -> int:
    return round(model.sample_rate / model.frame_rate)
