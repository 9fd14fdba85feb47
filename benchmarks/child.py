"""Runs one contender in a process of its own and prints JSON.

python -m benchmarks.child NUMBER MODELS_DIR SECONDS QUICK
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

    contender = contenders()[number]
    run = contender.load(models_dir, quick)
    loaded = time.time()
    idle_mb = _resident_mb("VmRSS")
    generator = np.random.default_rng(1)
    run((0.1 * generator.normal(size=round(seconds * 16_000))).astype(np.float32))
    predicted = time.time()
    report = {
        "name": contender.name,
        "load_s": loaded - STARTED,
        "predict_s": predicted - loaded,
        "idle_mb": idle_mb,
        "peak_mb": _resident_mb("VmHWM"),
        "torch": "torch" in sys.modules,
        "funasr": "funasr" in sys.modules,
    }
    sys.stdout.write(json.dumps(report) + "\n")


def _resident_mb(field: str) -> float:
    """Returns the resident memory (VmRSS) or its peak (VmHWM); ``ru_maxrss`` would include the parent's."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "1")
