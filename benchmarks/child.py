"""Runs one contender in its own process, and prints time and memory as JSON.

Usage: python -m benchmarks.child NUMBER MODELS_DIR SECONDS QUICK
"""

import json
import sys
import time
from pathlib import Path

STARTED = time.time()


def main(number: int, models_dir: Path, seconds: float, quick: bool) -> None:
    """Loads the contender, predicts one clip, and prints time and memory."""
    import numpy as np

    from benchmarks.contenders import contenders
    from webui.service.machine import peak_resident_mb, resident_mb

    contender = contenders()[number]
    run = contender.load(models_dir, quick)
    loaded = time.time()
    idle_mb = _or_nan(resident_mb())
    generator = np.random.default_rng(1)
    run((0.1 * generator.normal(size=round(seconds * 16_000))).astype(np.float32))
    predicted = time.time()
    report = {
        "name": contender.name,
        "load_s": loaded - STARTED,
        "predict_s": predicted - loaded,
        "idle_mb": idle_mb,
        "peak_mb": _or_nan(peak_resident_mb()),
        "torch": "torch" in sys.modules,
        "funasr": "funasr" in sys.modules,
    }
    sys.stdout.write(json.dumps(report) + "\n")


def _or_nan(megabytes: float | None) -> float:
    return megabytes if megabytes is not None else float("nan")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "1")
