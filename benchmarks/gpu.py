"""Checks the engine on this GPU and measures its speed: ``python -m benchmarks.gpu [--help]``.

The decoding processes import this file, so it imports nothing at their start; the rest is in ``gpu_report.py``.
"""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from benchmarks.gpu_report import main

    sys.exit(main(sys.argv[1:]))
