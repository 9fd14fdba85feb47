"""Sounds without a voice, and voices that are not speech, by name: ten seconds each at 16 kHz."""

import numpy as np
from numpy.typing import NDArray

from webui.units import SPEECH_RATE as RATE

Sound = NDArray[np.float32]
VOWEL_HZ = ((700, 90), (1150, 100), (2700, 140))  # resonances of an "a" and their widths


def noises() -> dict[str, Sound]:
    random = np.random.default_rng(8)
    time_s = np.arange(10 * RATE) / RATE
    keyboard = np.zeros(len(time_s))
    for at in random.integers(0, len(time_s) - 400, 40):
        keyboard[at : at + 400] += 0.5 * random.standard_normal(400) * np.exp(-np.arange(400) / 60)
    spectrum = np.fft.rfft(random.standard_normal(len(time_s)))
    brown = np.fft.irfft(spectrum / np.maximum(20, np.arange(len(spectrum))), len(time_s))
    melody_hz = np.array([261.6, 293.7, 329.6, 392.0, 349.2, 293.7])[(2 * time_s).astype(int) % 6]
    struck = np.exp(-(time_s % 0.5) / 0.2)
    sounds = {
        "white": 0.1 * random.standard_normal(len(time_s)),
        "fan": 0.1 * brown / brown.std(),
        "keyboard": keyboard,
        "music": 0.08 * struck * tones(time_s, 261.6, 329.6, 392.0, 523.3),
        "tune": 0.3 * struck * sum(np.sin(2 * np.pi * k * melody_hz * time_s) / k for k in range(1, 8)),
        "ringback": 0.3 * tones(time_s, 450) * (np.floor(time_s) % 5 < 1),
        "ringback of two tones": 0.1 * tones(time_s, 440, 480) * (time_s % 6 < 2),
        "busy": 0.1 * tones(time_s, 480, 620) * (time_s % 1 < 0.5),
        "hum": sum(0.2 / k * tones(time_s, 50 * k) for k in range(1, 12)),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def voices() -> dict[str, Sound]:
    """Synthetic, with the resonances of a vowel: singing, a scream, crying, laughter."""
    random = np.random.default_rng(5)
    time_s = np.arange(5 * RATE) / RATE
    notes = 2 ** (np.array([0, 2, 4, 5, 7, 5, 4, 2, 0, 0])[(2 * time_s).astype(int)] / 12)
    vibrato = 1 + 0.03 * np.sin(2 * np.pi * 5.5 * time_s)
    laughs = (time_s * 5) % 1
    sounds = {
        "singing": vowel(220 * notes * vibrato),
        "soprano": vowel(523 * notes * vibrato),
        "scream": np.tanh(4 * vowel(400 + 80 * np.sin(2 * np.pi * 1.5 * time_s))) * (time_s % 1 < 0.7),
        "crying": vowel(500 - 150 * (time_s % 1.2) + 20 * np.sin(16 * np.pi * time_s)) * (time_s % 1.2 < 0.9),
        "laughter": (laughs < 0.5) * np.exp(-2 * laughs) * vowel(300 - 30 * (time_s % 2))
        + 0.05 * random.standard_normal(len(time_s)) * (laughs > 0.5),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def tones(time_s: NDArray[np.float64], *pitches_hz: float) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * np.array(pitches_hz)[:, np.newaxis] * time_s).sum(axis=0)


def vowel(pitch_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """A voice with that pitch at each sample: overtones, weighted by the resonances of the vowel."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    sound = np.zeros(len(phase))
    for k in range(1, 60):
        hertz = k * pitch_hz
        gain = sum(1 / (1 + ((hertz - centre) / width) ** 2) for centre, width in VOWEL_HZ) + 0.01
        sound += np.sin(k * phase) / k * gain * (hertz < 7800)
    return 0.5 * sound / np.abs(sound).max()
