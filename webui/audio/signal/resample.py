"""Resamples a signal to another sample rate, block by block."""

from typing import Final

import numpy as np
import soxr

from webui.arrays import FloatArray

QUALITY: Final = "HQ"  # linear phase, no delay; aliases are below -100 dB


class Resampler:
    """Resamples one signal; if both rates are equal, the signal is returned unchanged, bit for bit.

    Args:
        source_rate: sample rate of the input in Hz.
        target_rate: sample rate of the output in Hz.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self.source_rate = source_rate
        unchanged = source_rate == target_rate
        self._stream = None if unchanged else soxr.ResampleStream(source_rate, target_rate, 1, quality=QUALITY)

    def add(self, samples: FloatArray) -> FloatArray:
        """Adds samples, ``(samples,)``, and returns the output that is ready, ``(resampled,)``."""
        if self._stream is None:
            return samples
        ready: FloatArray = self._stream.resample_chunk(np.ascontiguousarray(samples, dtype=np.float32))
        return ready

    def finish(self) -> FloatArray:
        """Returns the rest of the output, ``(resampled,)``; nothing can be added afterwards."""
        nothing = np.empty(0, dtype=np.float32)
        if self._stream is None:
            return nothing
        rest: FloatArray = self._stream.resample_chunk(nothing, last=True)
        return rest
