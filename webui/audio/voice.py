"""Finds voices that are not speech: shouting, singing, laughing, crying.

A speech detector is trained on speech and misses some of them. A voice differs from hum, ringing and tunes in its
pitch, which glides, whereas machines and instruments hold theirs; and it has overtones, unlike whistles and sirens.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import Samples
from webui.units import SPEECH_RATE

HOP: Final = 256  # samples: 16 ms
WINDOW: Final = 1024  # 64 ms: five periods of the lowest pitch
BLOCK_HOPS: Final = 1000  # 16 s
LOWEST_HZ: Final = 80.0
HIGHEST_HZ: Final = 1100.0  # a soprano's high C, or a scream
PERIODIC: Final = 0.65  # autocorrelation at the period, of a sound with a pitch
QUIET_DB: Final = 30.0  # frames this far below the loudest of their block have no pitch
MAX_STEP: Final = 0.06  # change of the pitch from frame to frame, as a fraction: a semitone
GLIDE_FRAMES: Final = 12  # 0.2 s
GLIDE: Final = 0.025  # least change of the pitch within that time
OVERTONES: Final = 0.1  # least share of the power above 1.5 times the pitch

Values = NDArray[np.float32]


def has_voice(waveform: Samples, *, on_progress: Callable[[float], None] = lambda _fraction: None) -> bool:
    """Returns whether a recording contains a sound whose pitch glides as a voice's does.

    Args:
        waveform: ``(samples,)`` at 16 kHz, read block by block.
        on_progress: called with the fraction done; may raise to cancel.
    """
    step = BLOCK_HOPS * HOP
    for first in range(0, len(waveform), step):
        samples = np.asarray(waveform[first : first + step + WINDOW - HOP], dtype=np.float32)
        if len(samples) >= WINDOW and _glides(*_pitches(samples)):
            return True
        on_progress(min(1.0, (first + step) / len(waveform)))
    return False


def _pitches(samples: Values) -> tuple[Values, NDArray[np.bool_]]:
    """Returns the pitch of each frame in Hz, and whether the frame is loud and periodic and has overtones."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    powers = np.square(frames).mean(axis=1)
    window = np.hanning(WINDOW).astype(np.float32)
    spectra = np.square(np.abs(np.fft.rfft(frames * window, 2 * WINDOW, axis=1)))
    correlations = np.fft.irfft(spectra, axis=1)[:, :WINDOW]
    shape = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, 2 * WINDOW))))[:WINDOW]
    correlations /= np.maximum(correlations[:, :1], 1e-12) * (shape / shape[0])
    shortest, longest = int(SPEECH_RATE / HIGHEST_HZ), int(SPEECH_RATE / LOWEST_HZ)
    candidates = correlations[:, shortest : longest + 1]
    peaks = candidates[:, 1:-1]
    is_peak = (peaks >= candidates[:, :-2]) & (peaks >= candidates[:, 2:])
    heights = np.where(is_peak, peaks, -1.0)
    best = heights.max(axis=1, initial=-1.0)
    # The first peak that is nearly the highest: multiples of the period have peaks as well.
    lags = (heights >= 0.9 * best[:, np.newaxis]).argmax(axis=1) + shortest + 1
    rows = np.arange(len(lags))
    left, middle, right = (correlations[rows, lags + offset] for offset in (-1, 0, 1))
    curvature = left - 2 * middle + right
    safe = np.where(curvature < 0, curvature, -1.0)
    pitches = SPEECH_RATE / (lags + np.clip(0.5 * (left - right) / safe, -0.5, 0.5))
    bins = np.fft.rfftfreq(2 * WINDOW, 1 / SPEECH_RATE)
    overtones = (spectra * (bins > 1.5 * pitches[:, np.newaxis])).sum(axis=1) / np.maximum(spectra.sum(axis=1), 1e-12)
    loud = powers > powers.max() * 10 ** (-QUIET_DB / 10)
    return pitches.astype(np.float32), (best > PERIODIC) & loud & (overtones > OVERTONES)


def _glides(pitches: Values, voiced: NDArray[np.bool_]) -> bool:
    """Returns whether the pitch changes steadily for ``GLIDE_FRAMES`` frames, by ``GLIDE`` or more."""
    steps = np.abs(np.diff(np.log2(pitches)))
    is_steady = voiced[1:] & voiced[:-1] & (steps < np.log2(1 + MAX_STEP))
    if len(steps) < GLIDE_FRAMES:
        return False
    runs = np.lib.stride_tricks.sliding_window_view(is_steady, GLIDE_FRAMES).all(axis=1)
    tracks = np.lib.stride_tricks.sliding_window_view(np.log2(pitches), GLIDE_FRAMES + 1)
    low, high = np.percentile(tracks, [10, 90], axis=1)
    return bool((runs & (high - low > np.log2(1 + GLIDE))).any())
