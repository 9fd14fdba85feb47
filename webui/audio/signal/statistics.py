"""Mean and variance of a recording that is never in memory as a whole."""

from typing import Final

import numpy as np

from webui.arrays import FloatArray, Samples

BLOCK: Final = 1 << 20  # samples read at a time: 4 MB


class RunningStatistics:
    """Mean and population variance of all samples added so far, in blocks of any size.

    Each block is summed around its own mean and then merged (Chan, Golub and LeVeque, 1979): sums of squares of the raw
    samples would lose a small variance on a large offset.

    The sums avoid BLAS, which spreads the dot product of a block over all cores: waking them took most of the decoding
    time when the cores were busy or when each of them was decoding a recording.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._deviations = 0.0  # sum of the squared distances from the mean

    def add(self, samples: FloatArray) -> None:
        """Adds samples, ``(samples,)``."""
        count = len(samples)
        if count == 0:
            return
        values = samples.astype(np.float64)
        mean = float(values.mean())
        values -= mean
        total = self._count + count
        distance = mean - self._mean
        squares = float(np.square(values, out=values).sum())  # not np.dot, which uses BLAS
        self._deviations += squares + distance * distance * (self._count * count / total)
        self._mean += distance * (count / total)
        self._count = total

    @property
    def mean(self) -> float:
        """Mean; 0 before the first sample."""
        return self._mean

    @property
    def variance(self) -> float:
        """Population variance; 0 before the first sample."""
        return self._deviations / self._count if self._count else 0.0


def measure(waveform: Samples) -> RunningStatistics:
    """Returns the statistics of ``(samples,)``, read block by block."""
    statistics = RunningStatistics()
    for start in range(0, len(waveform), BLOCK):
        statistics.add(waveform[start : start + BLOCK])
    return statistics
