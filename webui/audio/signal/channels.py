"""Compares the channels of a recording with each other and with their mean, while the recording is decoded."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.audio.options import MAX_SEPARATE_CHANNELS

WINDOW_S: Final = 0.1  # length of audio per level: shorter than the pause of a syllable, longer than a period
MAX_WINDOWS: Final = 36_000  # an hour; later windows are skipped, to bound the memory
LOWEST_POWER: Final = 1e-12  # -120 dBFS

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Measurements of all channels. Powers and covariances are about the mean, so a constant offset has no effect.

    Attributes:
        powers: power of each channel, shape ``(channels,)``.
        mono_power: power of the mean of the channels.
        mono_covariances: covariance of each channel with the mean of the channels, shape ``(channels,)``.
        covariances: covariances of the channels, shape ``(channels, channels)``; None for more than eight channels.
        levels_db: level of each channel in each window of 0.1 s, in dBFS, shape ``(windows, channels)``; empty for more
            than eight channels.
    """

    powers: Array
    mono_power: float
    mono_covariances: Array
    covariances: Array | None
    levels_db: Array


class ChannelMeter:
    """Measures the channels, block by block.

    Args:
        channels: number of channels, at least two.
        sample_rate: sample rate of the source in Hz.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._channels = channels
        self._pairs = channels <= MAX_SEPARATE_CHANNELS
        self._count = 0
        self._sums = np.zeros(channels + 1)  # the last one is the mean of the channels
        self._squares = np.zeros(channels + 1)
        self._with_mono = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._window = max(1, round(WINDOW_S * sample_rate))
        self._energies: list[FloatArray] = []  # (windows, channels) each
        self._windows = 0
        self._rest = np.empty((0, channels), dtype=np.float32)  # samples that don't fill a window yet

    def add(self, samples: FloatArray, mono: FloatArray) -> None:
        """Adds samples, ``(samples, channels)``, and their mean; skips samples with another channel count."""
        if samples.shape[1] != self._channels:
            return
        columns = np.ascontiguousarray(samples.T)
        self._count += len(samples)
        for index, column in enumerate((*columns, mono)):
            self._sums[index] += column.sum(dtype=np.float64)
            self._squares[index] += _dot(column, column)
        for index, column in enumerate(columns):
            self._with_mono[index] += _dot(column, mono)
        if self._pairs:
            for first in range(self._channels):
                for second in range(first + 1, self._channels):
                    self._products[first, second] += _dot(columns[first], columns[second])
            self._add_levels(samples)

    def _add_levels(self, samples: FloatArray) -> None:
        if self._windows >= MAX_WINDOWS:
            return
        pending = np.concatenate([self._rest, samples])
        windows = len(pending) // self._window
        whole = pending[: windows * self._window].reshape(windows, self._window, self._channels)
        self._rest = pending[windows * self._window :].copy()  # a view would keep the whole block
        if windows:
            self._energies.append(whole.var(axis=1, dtype=np.float64).astype(np.float32))
            self._windows += windows

    def finish(self) -> ChannelStatistics:
        """Returns the measurements."""
        count = max(1, self._count)
        means = self._sums / count
        powers = np.maximum(self._squares / count - means**2, 0.0)
        covariances = None
        if self._pairs:
            products = (self._products + self._products.T) / count - np.outer(means[:-1], means[:-1])
            np.fill_diagonal(products, powers[:-1])
            covariances = products
        energies = np.concatenate([*self._energies, np.empty((0, self._channels), dtype=np.float32)])
        return ChannelStatistics(
            powers=powers[:-1],
            mono_power=float(powers[-1]),
            mono_covariances=self._with_mono / count - means[:-1] * means[-1],
            covariances=covariances,
            levels_db=10.0 * np.log10(np.maximum(energies.astype(np.float64), LOWEST_POWER)),
        )


def correlation(covariance: float, first_power: float, second_power: float) -> float:
    """Returns the correlation of two signals; 0 if one of them is constant."""
    product = math.sqrt(first_power * second_power)
    return covariance / product if product > 0.0 else 0.0


def _dot(first: FloatArray, second: FloatArray) -> float:
    return float(np.einsum("i,i->", first, second, dtype=np.float64))  # not np.dot, which uses BLAS
