"""CPU time of a prediction on one thread, which hardly depends on other programs on the machine."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.contenders import DEFAULTS, REFERENCE, Contender, Run, contenders, set_threads
from benchmarks.tables import Table, ratio, spread
from tests.support.checkpoints import make_clip


def measure(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields one table per length: CPU seconds of one clip, and how many times fewer than FunASR's."""
    chosen = [contender for contender in contenders(threads=1) if contender.name != DEFAULTS]
    loaded = [(contender, contender.load(models_dir, quick)) for contender in chosen]
    for seconds in (1.0,) if quick else (3.0, 10.0):
        clip = make_clip(5, seconds)
        for contender, run in loaded:
            _time(contender, run, clip[:16_000])  # warm-up
        times: dict[str, list[float]] = {contender.name: [] for contender, _ in loaded}
        for _ in range(rounds):
            for contender, run in loaded:
                times[contender.name].append(_time(contender, run, clip))
        rows = tuple((name, spread(values), ratio(times[REFERENCE], values)) for name, values in times.items())
        title = f"A clip of {seconds:g} s on one thread, {rounds} rounds"
        yield Table(title, ("engine", "CPU seconds", "x FunASR"), rows)


def _time(contender: Contender, run: Run, clip: np.ndarray) -> float:
    set_threads(contender)
    started = time.process_time()
    run(clip)
    return time.process_time() - started
