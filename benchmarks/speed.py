"""Time of a prediction, by length of the clip."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.contenders import REFERENCE, Contender, Run, contenders, set_threads
from benchmarks.tables import Table, ratio, spread
from tests.support.checkpoints import make_clip

TOO_SLOW: Final = 5.0  # as a multiple of the reference: a slower contender is only measured once


def measure(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields one table per length: wall seconds of one clip, and how many times faster than FunASR."""
    loaded = [(contender, contender.load(models_dir, quick)) for contender in contenders()]
    for seconds in (1.0,) if quick else (3.0, 10.0, 30.0, 60.0):
        clip = make_clip(5, seconds)
        times: dict[str, list[float]] = {contender.name: [] for contender, _ in loaded}
        for contender, run in loaded:
            _time(contender, run, clip[: max(len(clip) // 4, 16_000)])  # warm-up
        for _ in range(rounds):
            for contender, run in loaded:
                if not _is_too_slow(times[contender.name], times[REFERENCE]):
                    times[contender.name].append(_time(contender, run, clip))
        reference = times[REFERENCE]
        rows = tuple((name, spread(took), ratio(reference[: len(took)], took)) for name, took in times.items())
        yield Table(f"A clip of {seconds:g} s, {rounds} rounds", ("engine", "wall seconds", "x FunASR"), rows)


def _is_too_slow(took: list[float], reference: list[float]) -> bool:
    """Returns whether a contender took so long in its first round that it is not measured again."""
    return bool(took) and took[0] > TOO_SLOW * reference[0]


def _time(contender: Contender, run: Run, clip: np.ndarray) -> float:
    set_threads(contender)
    started = time.perf_counter()
    run(clip)
    return time.perf_counter() - started
