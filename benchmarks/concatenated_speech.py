"""Long recordings, made by concatenating the clips of a corpus, or synthetic speech if there is none."""

import csv
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from webui.arrays import FloatArray
from webui.audio.decode import DecodeLimits, decode
from webui.units import SPEECH_RATE

PAUSE_S: Final = 0.4  # between two clips
LIMITS: Final = DecodeLimits(max_bytes=10_000_000, max_duration_s=60.0)
SYNTHETIC: Final = "synthetic"


def speech_clips(folder: Path, corpus: str) -> Iterator[FloatArray]:
    """Yields the clips of a corpus, shape ``(samples,)``, speaker by speaker, with emotions in random order.

    Args:
        folder: folder of ``manifest.csv`` with the columns corpus, path and speaker.
        corpus: name of the corpus, or ``synthetic`` for an endless series of synthetic clips.
    """
    if corpus == SYNTHETIC:
        yield from _synthetic_clips()
        return
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == corpus]
    order = np.random.default_rng(5).permutation(len(rows))
    # The sort is stable, so the order within a speaker stays random.
    for index in sorted(order, key=lambda number: rows[number]["speaker"]):
        yield decode(folder / rows[index]["path"], limits=LIMITS).waveform


def concatenate(clips: Iterator[FloatArray], seconds: float) -> FloatArray:
    """Returns the next clips with pauses between them, cut to ``seconds``, shape ``(samples,)``."""
    wanted, parts, samples = round(seconds * SPEECH_RATE), [], 0
    noise = np.random.default_rng(0).normal(scale=1e-4, size=round(PAUSE_S * SPEECH_RATE)).astype(np.float32)
    for clip in clips:
        parts += [clip, noise]
        samples += len(clip) + len(noise)
        if samples >= wanted:
            break
    return np.concatenate(parts)[:wanted]


def write_hours(path: Path, hours: float, folder: Path, corpus: str) -> None:
    """Writes a 16-bit WAV file of ``hours`` hours: ten minutes of speech, repeated at different levels."""
    block = concatenate(iter(speech_clips(folder, corpus)), 600.0)
    generator = np.random.default_rng(1)
    remaining = round(hours * 3600 * SPEECH_RATE)
    with soundfile.SoundFile(path, "w", SPEECH_RATE, 1, "PCM_16", format="WAV") as file:
        for _ in cycle([0]):
            part = block[:remaining] * np.float32(generator.uniform(0.3, 0.9))
            file.write(part)
            remaining -= len(part)
            if remaining <= 0:
                return


def _synthetic_clips() -> Iterator[FloatArray]:
    for number in cycle(range(40)):
        generator = np.random.default_rng(number)
        times = np.arange(round(generator.uniform(1.5, 4.0) * SPEECH_RATE)) / SPEECH_RATE
        pitch = generator.uniform(90, 260) * (1 + 0.2 * np.sin(2 * np.pi * generator.uniform(0.3, 2) * times))
        buzz = sum(np.sin(k * 2 * np.pi * np.cumsum(pitch) / SPEECH_RATE) / k for k in range(1, 10))
        syllables = 0.55 + 0.45 * np.sin(2 * np.pi * generator.uniform(3, 6) * times)
        clip = generator.uniform(0.1, 0.5) * syllables * (buzz + 0.1 * generator.normal(size=len(times)))
        yield (0.5 * clip / np.abs(clip).max()).astype(np.float32)
