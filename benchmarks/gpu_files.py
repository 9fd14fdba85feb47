"""From files to answers on a GPU: processes decode, the GPU answers in batches. Which of the two is the limit?

Decoders write 16 kHz samples to a mapped file that all processes share, so that nothing but a length and two numbers
goes through a pipe.
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

LABELS: Final = ("wav-s16", "flac", "ogg-vorbis", "ogg-opus", "mp3", "m4a")
LIMITS: Final = DecodeLimits(max_bytes=1_000_000_000, max_duration_s=3600.0)
RATE: Final = 16_000
TASK: Final = 4  # files that a process decodes at a time
PREDICT: Final = 96  # windows in one call of ``predict``
MEMORY: Final = Path("/dev/shm")
AHEAD: Final = 4  # calls whose windows are being decoded

_opened: dict[Path, NDArray[np.float32]] = {}  # in a decoding process


@dataclass(frozen=True, slots=True)
class Slots:
    """A mapped file for ``count`` clips of up to ``samples`` samples."""

    path: Path
    count: int
    samples: int

    def rows(self, mode: Literal["r+", "w+"] = "r+") -> NDArray[np.float32]:
        """Returns it as ``(count, samples)``."""
        return np.memmap(self.path, dtype=np.float32, mode=mode, shape=(self.count, self.samples))


def decode_into_slots(paths: Sequence[Path], slots: Slots, first: int) -> list[tuple[int, float, float]]:
    """In a decoding process: decodes files to the slots from ``first`` on; returns samples, mean, variance of each."""
    if slots.path not in _opened:
        _opened[slots.path] = slots.rows()
    found = []
    for row, path in zip(_opened[slots.path][first : first + len(paths)], paths, strict=True):
        waveform = decode(path, limits=LIMITS).waveform[: slots.samples]
        row[: len(waveform)] = waveform
        found.append((len(waveform), float(waveform.mean(dtype=np.float64)), float(waveform.var(dtype=np.float64))))
    return found


def write_files(folder: Path, *, seconds: float, kinds: int) -> dict[str, list[Path]]:
    """Writes ``kinds`` stereo files at 44.1 kHz in each format."""
    files: dict[str, list[Path]] = {}
    for audio_format in (one for one in FORMATS if one.label in LABELS):
        files[audio_format.label] = []
        for number in range(kinds):
            channels = (voice(seconds, audio_format.rate, seed=2 * number + side) for side in (0, 1))
            path = folder / f"{audio_format.label}-{number}"
            path.write_bytes(audio_format.make(stereo(*channels), audio_format.rate))
            files[audio_format.label].append(path)
    return files


@contextmanager
def decoders(processes: int, *, seconds: float) -> Iterator[tuple[ProcessPoolExecutor, Slots, NDArray[np.float32]]]:
    """Gives a pool of decoding processes, and the samples they write; in memory where there is room in it."""
    samples = round((seconds + 1) * RATE)
    in_memory = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8 * samples * PREDICT * AHEAD else None
    with (
        tempfile.TemporaryDirectory(dir=in_memory) as folder,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        slots = Slots(Path(folder) / "samples", PREDICT * AHEAD, samples)
        yield pool, slots, slots.rows("w+")


def run_through(
    paths: Sequence[Path],
    pool: ProcessPoolExecutor,
    slots: Slots,
    rows: NDArray[np.float32],
    model: EmotionModel | None,
) -> tuple[int, float]:
    """Decodes all, and asks the model of all if one is given; returns how many clips came out, and the seconds."""
    groups = deque(paths[start : start + PREDICT] for start in range(0, len(paths), PREDICT))
    waiting: deque[tuple[int, list[tuple[int, Future[list[tuple[int, float, float]]]]]]] = deque()
    free = deque(range(AHEAD))
    answered = 0
    started = time.perf_counter()
    while groups or waiting:
        while groups and free:
            place, group = free.popleft(), groups.popleft()
            tasks = [
                (first, pool.submit(decode_into_slots, group[offset : offset + TASK], slots, first))
                for offset in range(0, len(group), TASK)
                for first in (place * PREDICT + offset,)
            ]
            waiting.append((place, tasks))
        place, tasks = waiting.popleft()
        windows = [
            Window(np.asarray(rows[first + offset, :samples]), mean, variance)
            for first, future in tasks
            for offset, (samples, mean, variance) in enumerate(future.result())
        ]
        answered += len(windows) if model is None else len(model.predict(windows))
        free.append(place)
    return answered, time.perf_counter() - started


def measure(
    model: EmotionModel, folder: Path, *, seconds: float, count: int, kinds: int, rounds: int, processes: int | None
) -> Table:
    """Returns clips a second of decoding alone, of the model alone, and of both together, per format."""
    processes = processes or cores()
    files = write_files(folder, seconds=seconds, kinds=kinds)
    rows = []
    with decoders(processes, seconds=seconds) as given:
        run_through(files[LABELS[0]] * 2 * processes, *given, None)  # every process starts
        windows = _windows(files[LABELS[0]], PREDICT)
        model.predict(windows)
        model_rate = statistics.median(_rate(model, windows) for _ in range(rounds + 2))
        for label, paths in files.items():
            every = (paths * (count // len(paths) + 1))[:count]
            run_through(every[:PREDICT], *given, model)
            alone = statistics.median(count / run_through(every, *given, None)[1] for _ in range(rounds))
            both = []
            for _ in range(rounds):
                answered, took = run_through(every, *given, model)
                assert answered == count
                both.append(count / took)
            together = statistics.median(both)
            limit = "decoding" if alone < model_rate else "the model"
            speed = f"{together * seconds:,.0f}"
            rows.append((label, f"{alone:,.0f}", f"{model_rate:,.0f}", f"{together:,.0f}", speed, limit))
    columns = ("format", "decoding alone", "the model alone", "together", "together, x real time", "what limits")
    title = f"From files: {count} clips of {seconds:g} s, 44.1 or 48 kHz stereo, clips a second"
    remark = f"{processes} processes decode; {model.info.precision} on {model.info.device}, {PREDICT} clips a call."
    return Table(title, columns, tuple(rows), (remark,))


def _windows(paths: Sequence[Path], count: int) -> list[Window]:
    waveforms = [decode(path, limits=LIMITS).waveform for path in paths]
    whole = [Window(one, float(one.mean()), float(one.var())) for one in waveforms]
    return (whole * (count // len(whole) + 1))[:count]


def _rate(model: EmotionModel, windows: Sequence[Window]) -> float:
    started = time.perf_counter()
    model.predict(windows)
    return len(windows) / (time.perf_counter() - started)
