"""Random signals without speech (silence, noise, engines, clicks, chords, tunes), which have no emotion to recognise.

All random numbers are drawn from the generator passed as an argument.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.units import SPEECH_RATE

Waveform = NDArray[np.float32]
Signal = NDArray[np.float64]

EPSILON: Final = 1e-8
HIGHEST_OVERTONE_HZ: Final = 7_000.0
CHORDS: Final = (  # semitones above the lowest note: major, minor, diminished, augmented, suspended, fifths, sevenths
    (0, 4, 7),
    (0, 3, 7),
    (0, 3, 6),
    (0, 4, 8),
    (0, 5, 7),
    (0, 7, 12),
    (0, 4, 7, 10),
    (0, 3, 7, 10),
    (0, 4, 7, 12),
    (0, 12),
    (0,),
)
SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), tuple(range(12)))


def nonspeech(samples: int, random: np.random.Generator) -> Waveform:
    """Returns a random signal without speech, in most cases with hiss added."""
    wave = _GENERATORS[int(random.choice(len(_GENERATORS), p=_PROBABILITIES))](samples, random)
    hiss = 0.0 if random.random() < 0.3 else 10 ** float(random.uniform(-4, -1))
    level = float(wave.std()) if wave.any() else 0.0
    return np.asarray(wave + hiss * level * random.standard_normal(samples), dtype=np.float32)


def background(samples: int, random: np.random.Generator) -> Waveform:
    """Returns a background for speech, of variance 1: mostly noise, otherwise music or a machine."""
    if random.random() < 0.7:
        return coloured_noise(samples, random)
    wave = (_noise, _tune, _tune, _engine)[int(random.integers(4))](samples, random)
    return np.asarray(wave / (wave.std() + EPSILON), dtype=np.float32)


def coloured_noise(samples: int, random: np.random.Generator) -> Waveform:
    """Returns noise whose power falls with frequency by a random slope (white to brown), of variance 1."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.maximum(np.arange(spectrum.size), 1.0) / spectrum.size
    noise = np.fft.irfft(spectrum * frequency ** (-float(random.uniform(0.0, 1.0))), samples)
    return np.asarray(noise / (noise.std() + EPSILON), dtype=np.float32)


def _silence(samples: int, _random: np.random.Generator) -> Signal:
    return np.zeros(samples)


def _noise(samples: int, random: np.random.Generator) -> Signal:
    """Stationary noise, or noise of varying level like wind and traffic."""
    noise = coloured_noise(samples, random).astype(np.float64)
    if random.random() < 0.5:
        return noise
    return noise * np.interp(np.arange(samples), np.linspace(0, samples, 9), random.uniform(0.1, 1.0, 9))


def _chord(samples: int, random: np.random.Generator) -> Signal:
    """A sustained chord: pure tones or tones with overtones, with or without tremolo."""
    time_s = np.arange(samples) / SPEECH_RATE
    root_hz = 60 * 2 ** float(random.uniform(0, 4))
    timbre, wave = _timbre(random), np.zeros(samples)
    for step in CHORDS[int(random.integers(len(CHORDS)))]:
        wave += float(random.uniform(0.5, 1.0)) * _tone(root_hz * 2 ** (step / 12), time_s, timbre, random)
    if random.random() < 0.5:
        wave *= 1 - float(random.uniform(0, 0.6)) * (1 + np.sin(2 * np.pi * float(random.uniform(0.2, 7)) * time_s)) / 2
    return wave


def _tune(samples: int, random: np.random.Generator) -> Signal:
    """A sequence of notes, in some cases with chords below them or with a drum."""
    beat_s = 60 / float(random.uniform(60, 200))
    root_hz = 110 * 2 ** float(random.uniform(0, 2))
    scale = SCALES[int(random.integers(len(SCALES)))]
    timbre, decay_s, wave = _timbre(random), 10 ** float(random.uniform(-1, 0.5)), np.zeros(samples)
    chords, drum = random.random() < 0.5, random.random() < 0.4
    degree, start = int(random.integers(len(scale))), 0  # degree of the scale
    while start < samples:
        length = max(800, int(beat_s * float(random.choice([0.5, 1, 1, 2])) * SPEECH_RATE))
        time_s = np.arange(min(samples - start, int(length * float(random.uniform(0.8, 2.0))))) / SPEECH_RATE
        degree += int(random.integers(-2, 3))
        steps = [12 * (degree // len(scale)) + scale[degree % len(scale)]]
        if chords and random.random() < 0.5:
            steps += [step - 12 for step in CHORDS[int(random.integers(8))]]
        envelope = np.minimum(1, time_s / 0.01) * np.exp(-time_s / decay_s)
        for step in steps:
            hertz = root_hz * 2 ** (max(-24, min(30, step)) / 12)
            wave[start : start + time_s.size] += envelope * _tone(hertz, time_s, timbre, random)
        if drum:
            hit = random.standard_normal(time_s.size) * np.exp(-time_s / float(random.uniform(0.02, 0.1)))
            wave[start : start + time_s.size] += float(random.uniform(0.2, 2.0)) * hit
        start += length
    return wave


def _glide(samples: int, random: np.random.Generator) -> Signal:
    """A tone of changing pitch, like a siren."""
    start, end = random.uniform(60, 2000, 2)
    if random.random() < 0.5:
        hertz = np.linspace(start, end, samples)
    else:
        turns = np.sin(2 * np.pi * float(random.uniform(0.2, 3)) * np.arange(samples) / SPEECH_RATE)
        hertz = (start + end) / 2 + (end - start) / 2 * turns
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / SPEECH_RATE), dtype=np.float64)


def _engine(samples: int, random: np.random.Generator) -> Signal:
    """Mains hum, a motor, a fan: a low tone with overtones, and noise."""
    time_s = np.arange(samples) / SPEECH_RATE
    hum = _tone(float(random.uniform(25, 150)), time_s, _timbre(random), random)
    return hum + float(random.uniform(0, 1)) * float(hum.std()) * coloured_noise(samples, random)


def _beeps(samples: int, random: np.random.Generator) -> Signal:
    """A ringing telephone, an alarm, a busy tone."""
    time_s = np.arange(samples) / SPEECH_RATE
    period_s, fraction = float(random.uniform(0.2, 2.0)), float(random.uniform(0.2, 0.8))
    on = (time_s / period_s) % 1 < fraction
    tones = [_tone(float(random.uniform(200, 3000)), time_s, [1.0], random) for _ in range(int(random.integers(1, 3)))]
    return np.asarray(on * sum(tones), dtype=np.float64)


def _clicks(samples: int, random: np.random.Generator) -> Signal:
    """Keystrokes, taps and crackle: short bursts, few or many."""
    rate = 10 ** float(random.uniform(0, 2.5)) / SPEECH_RATE
    bursts = np.where(random.random(samples) < rate, random.standard_normal(samples), 0.0)
    ring = np.exp(-np.arange(1600) / (SPEECH_RATE * 10 ** float(random.uniform(-3.5, -1.5))))
    shape = ring * (random.standard_normal(1600) if random.random() < 0.7 else 1.0)
    size = samples + 1600
    return np.fft.irfft(np.fft.rfft(bursts, size) * np.fft.rfft(shape, size), size)[:samples]


def _timbre(random: np.random.Generator) -> list[float]:
    """Returns the amplitude of each overtone; a third of the instruments have the fundamental only."""
    if random.random() < 1 / 3:
        return [1.0]
    slope = float(random.uniform(0.5, 2.5))
    return [float(random.uniform(0.2, 1.0)) / (k + 1) ** slope for k in range(int(random.integers(2, 16)))]


def _tone(hertz: float, time_s: Signal, timbre: list[float], random: np.random.Generator) -> Signal:
    wave = np.zeros(time_s.size)
    for number, strength in enumerate(timbre, start=1):
        if number == 1 or number * hertz < HIGHEST_OVERTONE_HZ:
            wave += strength * np.sin(2 * np.pi * number * hertz * time_s + float(random.uniform(0, 6)))
    return wave


_Generator = Callable[[int, np.random.Generator], Signal]
_GENERATORS: Final[tuple[_Generator, ...]] = (_silence, _noise, _chord, _tune, _glide, _engine, _beeps, _clicks)
_PROBABILITIES: Final = (0.05, 0.18, 0.27, 0.2, 0.08, 0.08, 0.07, 0.07)
