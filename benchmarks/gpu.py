"""Is the engine right on this GPU, and how fast? One call: ``python -m benchmarks.gpu [--help]``.

This file is all that a decoding process imports of the script; ``gpu_report.py`` has the rest.
"""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from benchmarks.gpu_report import main

    sys.exit(main(sys.argv[1:]))
