"""Memory and start-up time; each contender runs in its own processes."""

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
    """Yields resident memory after loading, and its peak after one clip of each length."""
    del rounds  # memory hardly varies between rounds
    for seconds in (1.0,) if quick else (10.0, 60.0):
        results = [_run_child(number, models_dir, seconds, quick)[0] for number in _numbers(quick)]
        rows = tuple((result["name"], f"{result['idle_mb']:.0f}", f"{result['peak_mb']:.0f}") for result in results)
        yield Table(f"After a clip of {seconds:g} s", ("engine", "loaded, MB", "peak, MB"), rows)


def measure_startup(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields the time from the start of a process to its first prediction, with the files in the disk cache."""
    times: dict[str, list[float]] = {contenders()[number].name: [] for number in _numbers(quick)}
    imports: dict[str, str] = {}
    for _ in range(rounds):
        for number in _numbers(quick):
            result, wall_s = _run_child(number, models_dir, 3.0, quick)
            times[result["name"]].append(wall_s)
            imports[result["name"]] = ", ".join(name for name in ("torch", "funasr") if result[name]) or "neither"
    rows = tuple(
        (name, spread(values), ratio(times[REFERENCE], values), imports[name]) for name, values in times.items()
    )
    columns = ("engine", "seconds", "x FunASR", "imports")
    yield Table(f"Process start to the end of the first prediction, a clip of 3 s, {rounds} rounds", columns, rows)


def _numbers(quick: bool) -> list[int]:
    """Returns the contenders' numbers; for a quick run only the first and the last."""
    numbers = list(range(len(contenders())))
    return [numbers[0], numbers[-1]] if quick else numbers


def _run_child(number: int, models_dir: Path, seconds: float, quick: bool) -> tuple[dict[str, Any], float]:
    command = [sys.executable, "-m", "benchmarks.child", str(number), str(models_dir), str(seconds), str(int(quick))]
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result, time.perf_counter() - started
