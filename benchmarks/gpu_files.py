"""From files to predictions on a GPU: processes decode, the GPU predicts in batches. Shows which is the bottleneck.

Decoders write 16 kHz samples to a memory-mapped file that all processes share, so that only length, mean and variance
of a clip go through a pipe.
"""

import shutil
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import Table, cores
from tests.support.audio_files import FORMATS, stereo, voice
from webui.audio.decode import DecodeLimits, decode
from webui.engine.protocol import EmotionModel, Window
from webui.units import SPEECH_RATE

LABELS: Final = ("wav-s16", "flac", "ogg-vorbis", "ogg-opus", "mp3", "m4a")
LIMITS: Final = DecodeLimits(max_bytes=1_000_000_000, max_duration_s=3600.0)
FILES_PER_TASK: Final = 4  # files that a process decodes at a time
WINDOWS_PER_CALL: Final = 96  # windows in a call of ``predict``
SHARED_MEMORY: Final = Path("/dev/shm")
CALLS_AHEAD: Final = 4  # calls of ``predict`` whose windows are being decoded

_opened: dict[Path, NDArray[np.float32]] = {}  # open buffers in a decoding process


@dataclass(frozen=True, slots=True)
class ClipBuffer:
    """A memory-mapped file for ``count`` clips of up to ``samples`` samples."""

    path: Path
    count: int
    samples: int

    def rows(self, mode: Literal["r+", "w+"] = "r+") -> NDArray[np.float32]:
        """Returns the content of the file as an array ``(count, samples)``."""
        return np.memmap(self.path, dtype=np.float32, mode=mode, shape=(self.count, self.samples))


def decode_into_buffer(paths: Sequence[Path], buffer: ClipBuffer, first: int) -> list[tuple[int, float, float]]:
    """Decodes files into the rows from ``first`` on, in a decoding process.

    Returns:
        Number of samples, mean and variance of each file.
    """
    if buffer.path not in _opened:
        _opened[buffer.path] = buffer.rows()
    decoded = []
    for row, path in zip(_opened[buffer.path][first : first + len(paths)], paths, strict=True):
        waveform = decode(path, limits=LIMITS).waveform[: buffer.samples]
        row[: len(waveform)] = waveform
        decoded.append((len(waveform), float(waveform.mean(dtype=np.float64)), float(waveform.var(dtype=np.float64))))
    return decoded


def write_files(folder: Path, *, seconds: float, different: int) -> dict[str, list[Path]]:
    """Writes ``different`` stereo files in each format."""
    files: dict[str, list[Path]] = {}
    for audio_format in (entry for entry in FORMATS if entry.label in LABELS):
        files[audio_format.label] = []
        for number in range(different):
            channels = (voice(seconds, audio_format.rate, seed=2 * number + side) for side in (0, 1))
            path = folder / f"{audio_format.label}-{number}"
            path.write_bytes(audio_format.make(stereo(*channels), audio_format.rate))
            files[audio_format.label].append(path)
    return files


@contextmanager
def decoders(
    processes: int, *, seconds: float
) -> Iterator[tuple[ProcessPoolExecutor, ClipBuffer, NDArray[np.float32]]]:
    """Yields a pool of decoding processes and their buffer, in shared memory if there is enough of it."""
    samples = round((seconds + 1) * SPEECH_RATE)
    in_memory = (
        SHARED_MEMORY
        if SHARED_MEMORY.is_dir()
        and shutil.disk_usage(SHARED_MEMORY).free > 8 * samples * WINDOWS_PER_CALL * CALLS_AHEAD
        else None
    )
    with (
        tempfile.TemporaryDirectory(dir=in_memory) as folder,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        buffer = ClipBuffer(Path(folder) / "samples", WINDOWS_PER_CALL * CALLS_AHEAD, samples)
        yield pool, buffer, buffer.rows("w+")


def run_through(
    paths: Sequence[Path],
    pool: ProcessPoolExecutor,
    buffer: ClipBuffer,
    rows: NDArray[np.float32],
    model: EmotionModel | None,
) -> tuple[int, float]:
    """Decodes all files and predicts them, unless ``model`` is None; returns the number of clips, and the seconds."""
    groups = deque(paths[start : start + WINDOWS_PER_CALL] for start in range(0, len(paths), WINDOWS_PER_CALL))
    waiting: deque[tuple[int, list[tuple[int, Future[list[tuple[int, float, float]]]]]]] = deque()
    free = deque(range(CALLS_AHEAD))
    finished = 0
    started = time.perf_counter()
    while groups or waiting:
        while groups and free:
            slot, group = free.popleft(), groups.popleft()
            tasks = [
                (first, pool.submit(decode_into_buffer, group[offset : offset + FILES_PER_TASK], buffer, first))
                for offset in range(0, len(group), FILES_PER_TASK)
                for first in (slot * WINDOWS_PER_CALL + offset,)
            ]
            waiting.append((slot, tasks))
        slot, tasks = waiting.popleft()
        windows = [
            Window(np.asarray(rows[first + offset, :samples]), mean, variance)
            for first, future in tasks
            for offset, (samples, mean, variance) in enumerate(future.result())
        ]
        finished += len(windows) if model is None else len(model.predict(windows))
        free.append(slot)
    return finished, time.perf_counter() - started


def measure(
    model: EmotionModel, folder: Path, *, seconds: float, count: int, different: int, rounds: int, processes: int | None
) -> Table:
    """Returns clips per second of decoding only, of the model only, and of both together, per format."""
    processes = processes or cores()
    files = write_files(folder, seconds=seconds, different=different)
    rows = []
    with decoders(processes, seconds=seconds) as resources:
        run_through(files[LABELS[0]] * 2 * processes, *resources, None)  # starts every process
        windows = _windows(files[LABELS[0]], WINDOWS_PER_CALL)
        model.predict(windows)
        model_rate = statistics.median(_rate(model, windows) for _ in range(rounds + 2))
        for label, paths in files.items():
            every = (paths * (count // len(paths) + 1))[:count]
            run_through(every[:WINDOWS_PER_CALL], *resources, model)
            decoding_rate = statistics.median(count / run_through(every, *resources, None)[1] for _ in range(rounds))
            both = []
            for _ in range(rounds):
                finished, took = run_through(every, *resources, model)
                assert finished == count
                both.append(count / took)
            together = statistics.median(both)
            limit = "decoding" if decoding_rate < model_rate else "the model"
            speed = f"{together * seconds:,.0f}"
            rows.append((label, f"{decoding_rate:,.0f}", f"{model_rate:,.0f}", f"{together:,.0f}", speed, limit))
    columns = ("format", "decoding only", "model only", "together", "together, x real time", "bottleneck")
    title = f"From files: {count} clips of {seconds:g} s, 44.1 or 48 kHz stereo, clips a second"
    remark = (
        f"{processes} processes decode; {model.info.precision} on {model.info.device}, {WINDOWS_PER_CALL} clips a call."
    )
    return Table(title, columns, tuple(rows), (remark,))


def _windows(paths: Sequence[Path], count: int) -> list[Window]:
    waveforms = [decode(path, limits=LIMITS).waveform for path in paths]
    whole = [Window(waveform, float(waveform.mean()), float(waveform.var())) for waveform in waveforms]
    return (whole * (count // len(whole) + 1))[:count]


def _rate(model: EmotionModel, windows: Sequence[Window]) -> float:
    started = time.perf_counter()
    model.predict(windows)
    return len(windows) / (time.perf_counter() - started)
