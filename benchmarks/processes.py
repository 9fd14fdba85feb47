"""Memory and start, each contender in processes of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders import REFERENCE, contenders
from benchmarks.tables import Table, ratio, spread
from webui.settings import PROJECT_DIR


def measure_memory(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields resident memory once loaded, and at its highest, after one clip of each length."""
    del rounds  # memory hardly varies
    for seconds in (1.0,) if quick else (10.0, 60.0):
        answers = [_child(number, models_dir, seconds, quick)[0] for number in _numbers(quick)]
        rows = tuple((answer["name"], f"{answer['idle_mb']:.0f}", f"{answer['peak_mb']:.0f}") for answer in answers)
        yield Table(f"After a clip of {seconds:g} s", ("engine", "loaded, MB", "peak, MB"), rows)


def measure_startup(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields the seconds from the start of a process to its first answer, with the files in the disk cache."""
    times: dict[str, list[float]] = {contenders()[number].name: [] for number in _numbers(quick)}
    imports: dict[str, str] = {}
    for _ in range(rounds):
        for number in _numbers(quick):
            answer, wall_s = _child(number, models_dir, 3.0, quick)
            times[answer["name"]].append(wall_s)
            imports[answer["name"]] = ", ".join(name for name in ("torch", "funasr") if answer[name]) or "neither"
    rows = tuple(
        (name, spread(values), ratio(times[REFERENCE], values), imports[name]) for name, values in times.items()
    )
    columns = ("engine", "seconds", "x FunASR", "imports")
    yield Table(f"Process start to the end of the first answer, a clip of 3 s, {rounds} rounds", columns, rows)


def _numbers(quick: bool) -> list[int]:
    """The contenders by number; to see whether it works, the first and the last will do."""
    numbers = list(range(len(contenders())))
    return [numbers[0], numbers[-1]] if quick else numbers


def _child(number: int, models_dir: Path, seconds: float, quick: bool) -> tuple[dict[str, Any], float]:
    command = [sys.executable, "-m", "benchmarks.child", str(number), str(models_dir), str(seconds), str(int(quick))]
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer, time.perf_counter() - started
