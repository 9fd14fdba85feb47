"""Degrades recordings in several ways, to measure how robust a model is."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import soxr

from training.data import Clip
from training.features import mp3, telephone
from training.nonspeech import EPSILON, coloured_noise
from webui.arrays import FloatArray
from webui.units import SPEECH_RATE

Condition = Callable[[FloatArray, np.random.Generator], FloatArray]

CLIPS_EACH: Final = 6  # clips of every speaker in every emotion
MOST_CLIPS: Final = 2_000  # with more, fewer of each are taken
REVERBERATION_S: Final = 0.8  # reverberation time of the far room, in which its echo decays by 60 dB


def choose_clips(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """Returns the first ``CLIPS_EACH`` clips of every speaker in every emotion, in order; fewer if there are many."""
    counts: dict[tuple[str, str], int] = {}
    numbered = []
    for clip in clips:
        key = (clip.speaker, clip.emotion)
        counts[key] = counts.get(key, 0) + 1
        numbered.append((counts[key], clip))
    for each in range(CLIPS_EACH, 0, -1):
        chosen = tuple(clip for number, clip in numbered if number <= each)
        if len(chosen) <= MOST_CLIPS:
            break
    return chosen


def conditions() -> Mapping[str, Condition]:
    """Returns the conditions by name; the first leaves recordings unchanged."""
    return {
        "as recorded": lambda wave, _random: wave,
        **{f"noise {snr_db} dB below the speech": partial(_add_noise, snr_db) for snr_db in (20, 10, 5)},
        "telephone (300-3400 Hz, mu-law)": lambda wave, _random: telephone(_normalise(wave)),
        "MP3 of about 32 kbit/s": lambda wave, _random: mp3(wave),
        "far room (0.8 s of echo, louder than the voice)": _reverberate,
        **{f"played {speed} times as fast": partial(_change_speed, speed) for speed in (0.9, 1.1)},
        "30 dB quieter": lambda wave, _random: np.asarray(wave * 10 ** (-30 / 20), dtype=np.float32),
    }


def _normalise(wave: FloatArray) -> FloatArray:
    return np.asarray((wave - wave.mean()) / (wave.std() + EPSILON), dtype=np.float32)


def _add_noise(snr_db: float, wave: FloatArray, random: np.random.Generator) -> FloatArray:
    noise = coloured_noise(wave.size, random)
    return np.asarray(wave + noise * (wave.std() * 10 ** (-snr_db / 20)), dtype=np.float32)


def _reverberate(wave: FloatArray, random: np.random.Generator) -> FloatArray:
    time_s = np.arange(int(REVERBERATION_S * SPEECH_RATE)) / SPEECH_RATE
    echo = random.standard_normal(time_s.size) * 10 ** (-3 * time_s / REVERBERATION_S)
    echo *= 1.4 / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    length = wave.size + echo.size
    reverberant = np.fft.irfft(np.fft.rfft(wave, length) * np.fft.rfft(echo, length), length)
    return np.asarray(reverberant, dtype=np.float32)


def _change_speed(speed: float, wave: FloatArray, _random: np.random.Generator) -> FloatArray:
    return np.asarray(soxr.resample(wave, SPEECH_RATE * speed, SPEECH_RATE), dtype=np.float32)
