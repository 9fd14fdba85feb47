"""Signals without speech; the model card lists the predictions for them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.units import SPEECH_RATE

PROBE_S: Final = 4.0  # length of a signal

Signal = NDArray[np.float64]


def probes() -> dict[str, FloatArray]:
    """Returns the signals by name, shape ``(samples,)`` each."""
    random = np.random.default_rng(7)
    time_s = np.arange(int(PROBE_S * SPEECH_RATE)) / SPEECH_RATE
    chord = sum(np.sin(2 * np.pi * f * time_s) for f in (261.6, 329.6, 392.0, 523.2))
    melody_hz = np.array([261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.2])[(time_s * 2).astype(int) % 8]
    melody = np.sin(2 * np.pi * np.cumsum(melody_hz) / SPEECH_RATE)
    organ = sum(_sines(np.array((220.0, 277.2, 329.6)) * k, time_s) / k for k in (1, 2, 4))
    signals = {
        "digital silence": np.zeros_like(time_s),
        "white noise": 0.1 * random.standard_normal(time_s.size),
        "hum at 50 Hz": 0.1 * np.sin(2 * np.pi * 50 * time_s),
        "a held chord": 0.1 * chord,
        "a melody of sines": 0.3 * melody,
        "A minor, low": 0.1 * _sines((110.0, 130.8, 164.8), time_s),
        "a triad of organ pipes": 0.1 * organ,
        "drums": _drums(random, time_s),
    }
    return {name: np.asarray(signal, dtype=np.float32) for name, signal in signals.items()}


def _sines(hertz: Sequence[float] | Signal, time_s: Signal) -> Signal:
    return np.asarray(np.sin(2 * np.pi * np.asarray(hertz)[:, np.newaxis] * time_s).sum(axis=0))


def _drums(random: np.random.Generator, time_s: Signal) -> Signal:
    """Returns a bass drum twice a second, and a snare drum in between."""
    since_s = time_s % 0.5
    bass = np.sin(2 * np.pi * 60 * since_s) * np.exp(-since_s / 0.08)
    snare = random.standard_normal(time_s.size) * np.exp(-((time_s + 0.25) % 0.5) / 0.04)
    return 0.4 * bass + 0.1 * snare
