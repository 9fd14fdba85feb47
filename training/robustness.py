"""What is done to test recordings, so that the card can say how much of the recall is left."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from training.data import Clip
from training.features import mp3, telephone
from training.not_speech import EPSILON, coloured_noise
from webui.units import SPEECH_RATE

Waveform = NDArray[np.float32]
Spoil = Callable[[Waveform, np.random.Generator], Waveform]

CLIPS_EACH: Final = 6  # of every speaker in every emotion
FAR_S: Final = 0.8  # until the echo of a far room has fallen by 60 dB


def choose_clips(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """Returns up to ``CLIPS_EACH`` clips of every speaker in every emotion, in order."""
    counts: dict[tuple[str, str], int] = {}
    chosen = []
    for clip in clips:
        key = (clip.speaker, clip.emotion)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= CLIPS_EACH:
            chosen.append(clip)
    return tuple(chosen)


def conditions() -> Mapping[str, Spoil]:
    """Returns what is done, by name; the first is nothing."""
    return {
        "as recorded": lambda wave, _random: wave,
        **{f"noise {snr_db} dB below the speech": partial(_noisy, snr_db) for snr_db in (20, 10, 5)},
        "telephone (300-3400 Hz, mu-law)": lambda wave, _random: telephone(_unit(wave)),
        "MP3 of about 32 kbit/s": lambda wave, _random: mp3(wave),
        "far room (0.8 s of echo, louder than the voice)": _far,
        **{f"played {speed} times as fast": partial(_played, speed) for speed in (0.9, 1.1)},
        "30 dB quieter": lambda wave, _random: np.asarray(wave * 10 ** (-30 / 20), dtype=np.float32),
    }


def _unit(wave: Waveform) -> Waveform:
    return np.asarray((wave - wave.mean()) / (wave.std() + EPSILON), dtype=np.float32)


def _noisy(snr_db: float, wave: Waveform, random: np.random.Generator) -> Waveform:
    noise = coloured_noise(wave.size, random)
    return np.asarray(wave + noise * (wave.std() * 10 ** (-snr_db / 20)), dtype=np.float32)


def _far(wave: Waveform, random: np.random.Generator) -> Waveform:
    time_s = np.arange(int(FAR_S * SPEECH_RATE)) / SPEECH_RATE
    echo = random.standard_normal(time_s.size) * 10 ** (-3 * time_s / FAR_S)
    echo *= 1.4 / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    length = wave.size + echo.size
    far = np.fft.irfft(np.fft.rfft(wave, length) * np.fft.rfft(echo, length), length)
    return np.asarray(far, dtype=np.float32)


def _played(speed: float, wave: Waveform, _random: np.random.Generator) -> Waveform:
    return np.asarray(soxr.resample(wave, SPEECH_RATE * speed, SPEECH_RATE), dtype=np.float32)
