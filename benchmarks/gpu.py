"""Checks the engine on this GPU and measures its speed: ``python -m benchmarks.gpu [--help]``.

Decoding processes import this file when they start, so it imports nothing itself; the rest is in ``gpu_report.py``.
"""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from benchmarks.gpu_report import main

    sys.exit(main(sys.argv[1:]))
