"""Memory that was freed, back to the system."""

import ctypes
import sys
from typing import Final

LONG_S: Final = 10.0  # after longer windows it pays: 20 ms beside seconds


def trim_heap() -> None:
    """Gives back what the C library keeps of freed memory, for each thread that ever ran a model: 250 MB of fp32's."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)
