"""From any sample rate to the one that is wanted, block by block."""

from typing import Final

import numpy as np
import soxr

from webui.arrays import FloatArray

QUALITY: Final = "HQ"  # linear phase, no shift in time; what would alias comes out below -100 dB


class Resampler:
    """Resamples one signal; where both rates are the same it comes out unchanged, bit by bit.

    Args:
        source_rate: the sample rate of what comes in, in Hz.
        target_rate: the sample rate of what goes out, in Hz.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self.source_rate = source_rate
        unchanged = source_rate == target_rate
        self._stream = None if unchanged else soxr.ResampleStream(source_rate, target_rate, 1, quality=QUALITY)

    def add(self, samples: FloatArray) -> FloatArray:
        """Takes ``(samples,)`` and returns what is ready, ``(resampled,)``."""
        if self._stream is None:
            return samples
        ready: FloatArray = self._stream.resample_chunk(np.ascontiguousarray(samples, dtype=np.float32))
        return ready

    def finish(self) -> FloatArray:
        """Returns the rest, ``(resampled,)``; nothing may be added after."""
        nothing = np.empty(0, dtype=np.float32)
        if self._stream is None:
            return nothing
        rest: FloatArray = self._stream.resample_chunk(nothing, last=True)
        return rest
