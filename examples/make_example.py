"""Makes the example clip, a synthetic voice: `python examples/make_example.py` writes it again.

A source and filter synthesiser: a train of glottal pulses with a lively melody, hissing noise for consonants, and four
resonators that glide from vowel to vowel. It contains no words. Every run writes the same bytes.
"""

import wave
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
TARGET: Final = Path(__file__).with_name("example_synthetic.wav")
SEED: Final = 20_240_104
PEAK: Final = 0.6
BLOCK: Final = 80  # samples between two changes of the resonators: 5 ms
BANDWIDTHS_HZ: Final = (80.0, 100.0, 140.0, 220.0)

Array = NDArray[np.float64]


class Sound(NamedTuple):
    """A piece of the utterance; pitch and formants glide to the next one's."""

    seconds: float
    pitch_hz: float
    formants_hz: tuple[float, float, float, float]
    voiced: float
    noise: float


A: Final = (760.0, 1250.0, 2550.0, 3500.0)
E: Final = (520.0, 1900.0, 2550.0, 3500.0)
I: Final = (300.0, 2300.0, 3000.0, 3600.0)  # noqa: E741 - the vowel's name
O: Final = (480.0, 880.0, 2500.0, 3400.0)  # noqa: E741
U: Final = (330.0, 780.0, 2350.0, 3300.0)

UTTERANCE: Final = (
    Sound(0.20, 0.0, A, 0.0, 0.0),
    Sound(0.09, 210.0, I, 0.0, 0.35),
    Sound(0.20, 260.0, A, 1.0, 0.01),
    Sound(0.16, 310.0, I, 0.9, 0.01),
    Sound(0.06, 280.0, E, 0.2, 0.15),
    Sound(0.24, 340.0, E, 1.0, 0.01),
    Sound(0.18, 250.0, O, 0.8, 0.01),
    Sound(0.14, 0.0, O, 0.0, 0.0),
    Sound(0.07, 230.0, U, 0.0, 0.3),
    Sound(0.18, 300.0, O, 1.0, 0.01),
    Sound(0.20, 380.0, A, 1.0, 0.01),
    Sound(0.05, 330.0, I, 0.3, 0.2),
    Sound(0.28, 360.0, I, 0.9, 0.01),
    Sound(0.20, 270.0, E, 0.9, 0.01),
    Sound(0.16, 0.0, E, 0.0, 0.0),
    Sound(0.08, 240.0, A, 0.0, 0.3),
    Sound(0.22, 320.0, A, 1.0, 0.01),
    Sound(0.30, 400.0, A, 1.0, 0.02),
    Sound(0.34, 230.0, U, 0.7, 0.01),
    Sound(0.30, 0.0, U, 0.0, 0.0),
)


def synthesize() -> Array:
    """Returns the clip: signal values in [-1, 1], shape ``(samples,)``, at 16 kHz."""
    centers = np.cumsum([sound.seconds for sound in UTTERANCE]) - np.array([s.seconds for s in UTTERANCE]) / 2
    total_s = sum(sound.seconds for sound in UTTERANCE)
    time_s = np.arange(round(total_s * SAMPLE_RATE)) / SAMPLE_RATE
    generator = np.random.default_rng(SEED)

    spoken = [(center, s.pitch_hz) for center, s in zip(centers, UTTERANCE, strict=True) if s.pitch_hz > 0]
    pitch_hz = np.interp(time_s, [c for c, _ in spoken], [p for _, p in spoken])
    pitch_hz *= 1 + 0.012 * np.sin(2 * np.pi * 5.5 * time_s) + 0.004 * generator.standard_normal(len(time_s))
    voiced = np.interp(time_s, centers, [s.voiced for s in UTTERANCE])
    noise = np.interp(time_s, centers, [s.noise for s in UTTERANCE])

    source = voiced * _glottal_pulses(pitch_hz) + noise * generator.standard_normal(len(time_s))
    spoken_signal = source
    for index, bandwidth_hz in enumerate(BANDWIDTHS_HZ):
        formant_hz = np.interp(time_s, centers, [s.formants_hz[index] for s in UTTERANCE])
        spoken_signal = _resonate(spoken_signal, formant_hz, bandwidth_hz)
    room = 0.0006 * generator.standard_normal(len(time_s))
    return PEAK * spoken_signal / np.abs(spoken_signal).max() + room


def _glottal_pulses(pitch_hz: Array) -> Array:
    """Returns a pulse per period: a slow opening, a fast closing; its difference is the sound at the lips."""
    phase = np.cumsum(pitch_hz / SAMPLE_RATE) % 1.0
    opening = np.sin(np.pi * phase / 0.6) ** 2 * (phase < 0.3) + (phase >= 0.3) * (phase < 0.6)
    flow = opening * np.cos(np.pi / 2 * np.clip((phase - 0.3) / 0.3, 0, 1))
    return np.diff(flow, prepend=0.0)


def _resonate(signal: Array, formant_hz: Array, bandwidth_hz: float) -> Array:
    """Returns ``signal`` through one resonance that moves: a two-pole filter with unit gain at 0 Hz."""
    radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE)
    output = np.empty_like(signal)
    before, earlier = 0.0, 0.0
    for start in range(0, len(signal), BLOCK):
        angle = 2 * np.pi * formant_hz[start] / SAMPLE_RATE
        first, second = 2 * radius * np.cos(angle), -(radius**2)
        gain = 1 - first - second
        for index in range(start, min(start + BLOCK, len(signal))):
            value = gain * signal[index] + first * before + second * earlier
            output[index] = value
            before, earlier = value, before
    return output


def write_wav(path: Path, signal: Array) -> None:
    """Writes 16-bit PCM."""
    samples = np.clip(np.rint(signal * 32767), -32768, 32767).astype("<i2")
    with path.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(samples.tobytes())


if __name__ == "__main__":
    write_wav(TARGET, synthesize())
