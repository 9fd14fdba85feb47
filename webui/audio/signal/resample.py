"""From any sample rate to the models' 16 kHz, block by block."""

from typing import Final

import numpy as np
import soxr

from webui.arrays import FloatArray
from webui.audio.limits import MODEL_SAMPLE_RATE

QUALITY: Final = "HQ"  # linear phase, no shift in time; what would alias comes out below -100 dB


class Resampler:
    """Resamples one signal to 16 kHz; a signal that has that rate passes unchanged, bit by bit.

    Args:
        sample_rate: of what comes in, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        passes = sample_rate == MODEL_SAMPLE_RATE
        self._stream = None if passes else soxr.ResampleStream(sample_rate, MODEL_SAMPLE_RATE, 1, quality=QUALITY)

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
