"""A cache of all decoded recordings at several playing speeds, with one memory-mapped file per speed.

Playing a recording faster or slower (speed perturbation) changes tempo, pitch and formants together. It is the cheapest
way to simulate more speakers with the same emotion.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training.data import Clip, TrainingDataError
from training.log_progress import log_progress
from webui.units import SPEECH_RATE

SPEEDS: Final = (1.0, 0.88, 0.94, 1.06, 1.12)  # the first is the unchanged recording
_INT16_SCALE: Final = 32_767.0


@dataclass(frozen=True, slots=True)
class WaveformCache:
    """Decoded recordings.

    Attributes:
        paths: path of each recording, as in the manifest.
        samples: one array per speed, all recordings concatenated, shape ``(total samples,)``, int16.
        offsets: one array per speed, shape ``(recordings + 1,)``: start of each recording, and the end of the last.
        directory: folder of the cache.
    """

    paths: tuple[str, ...]
    samples: tuple[NDArray[np.int16], ...]
    offsets: tuple[NDArray[np.int64], ...]
    directory: Path

    def waveform(self, index: int, speed: int = 0) -> NDArray[np.float32]:
        """Returns recording ``index`` at speed number ``speed``, shape ``(samples,)``, float32 in [-1, 1]."""
        start, end = self.offsets[speed][index], self.offsets[speed][index + 1]
        return self.samples[speed][start:end].astype(np.float32) / np.float32(_INT16_SCALE)

    def rows_of(self, clips: Sequence[Clip]) -> NDArray[np.int64]:
        """Returns the index of each of ``clips`` in the cache."""
        position = {path: row for row, path in enumerate(self.paths)}
        missing = [clip.path for clip in clips if clip.path not in position]
        if missing:
            raise TrainingDataError(f"{len(missing)} recordings are not in the cache (first: {missing[0]}): delete it.")
        return np.array([position[clip.path] for clip in clips], dtype=np.int64)


def read_waveform(path: Path) -> NDArray[np.float32]:
    """Decodes one recording to 16 kHz mono, shape ``(samples,)``, float32 in [-1, 1]."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as err:
        raise TrainingDataError(f"{path} can't be decoded: {err}") from err
    mono = samples.mean(axis=1)
    if mono.size == 0:
        raise TrainingDataError(f"{path} contains no samples.")
    return np.asarray(mono if rate == SPEECH_RATE else soxr.resample(mono, rate, SPEECH_RATE), dtype=np.float32)


def build_cache(
    folder: Path, clips: Sequence[Clip], cache_dir: Path, speeds: Sequence[float] = SPEEDS
) -> WaveformCache:
    """Decodes ``clips`` of ``folder`` into ``cache_dir``, or opens an existing cache of the same clips and speeds."""
    index_path = cache_dir / "index.json"
    wanted = {"paths": [clip.path for clip in clips], "speeds": list(speeds)}
    if index_path.is_file():
        index = json.loads(index_path.read_text(encoding="utf-8"))
        if {key: index[key] for key in wanted} == wanted:
            return _open_cache(cache_dir, index)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(lambda clip: _play(folder / clip.path, speeds), clips)
        played = list(log_progress(decoded, len(clips), "decoding recordings"))
    pieces = list(zip(*played, strict=True))  # one row per speed
    offsets = [np.cumsum([0, *(piece.size for piece in row)]).tolist() for row in pieces]
    for number, row in enumerate(pieces):
        np.save(_samples_path(cache_dir, number), np.concatenate(row))
    index = {**wanted, "offsets": offsets}
    index_path.write_text(json.dumps(index), encoding="utf-8")
    return _open_cache(cache_dir, index)


def open_cache(cache_dir: Path) -> WaveformCache:
    """Opens a cache that ``build_cache`` has written."""
    return _open_cache(cache_dir, json.loads((cache_dir / "index.json").read_text(encoding="utf-8")))


def _play(path: Path, speeds: Sequence[float]) -> list[NDArray[np.int16]]:
    waveform = read_waveform(path)
    played = (
        waveform if speed == 1.0 else soxr.resample(waveform, SPEECH_RATE * speed, SPEECH_RATE, "MQ")
        for speed in speeds
    )
    return [(np.clip(samples, -1, 1) * _INT16_SCALE).round().astype(np.int16) for samples in played]


def _open_cache(cache_dir: Path, index: dict[str, list[object]]) -> WaveformCache:
    return WaveformCache(
        paths=tuple(str(path) for path in index["paths"]),
        samples=tuple(np.load(_samples_path(cache_dir, n), mmap_mode="r") for n in range(len(index["speeds"]))),
        offsets=tuple(np.array(row, dtype=np.int64) for row in index["offsets"]),
        directory=cache_dir,
    )


def _samples_path(cache_dir: Path, number: int) -> Path:
    return cache_dir / f"samples_{number}.npy"
