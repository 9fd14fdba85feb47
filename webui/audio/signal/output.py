"""Resamples the mono signal to one sample rate and stores it."""

from dataclasses import dataclass

import numpy as np

from webui.arrays import FloatArray
from webui.audio.limits import DecodeLimits
from webui.audio.sample_store import SampleStore
from webui.audio.signal.level import LevelMeter
from webui.audio.signal.resample import Resampler
from webui.audio.signal.statistics import RunningStatistics
from webui.errors import AudioDecodeError, AudioTooLongError


@dataclass(frozen=True, slots=True)
class ResampledSignal:
    """A recording as mono at one sample rate, not yet scaled: values can exceed [-1, 1].

    Attributes:
        waveform: the samples, shape ``(samples,)``.
        sample_rate: sample rate of the waveform in Hz.
        statistics: mean and variance of the samples.
        peak: greatest absolute value of the samples; 0 if there are none.
    """

    waveform: SampleStore
    sample_rate: int
    statistics: RunningStatistics
    peak: float


class ResamplingOutput:
    """Resamples the mono signal to one rate, checks it and stores it.

    Args:
        store: an empty store for the samples.
        sample_rate: sample rate to resample to, in Hz.
        limits: maximum size and length, of which the length is checked here.
        file_name: name of the recording, for messages.
        meter: measures the level of the stored samples; None: the level is not measured.
    """

    def __init__(
        self,
        store: SampleStore,
        sample_rate: int,
        limits: DecodeLimits,
        file_name: str,
        *,
        meter: LevelMeter | None = None,
    ) -> None:
        self._store = store
        self._sample_rate = sample_rate
        self._max_samples = (limits.max_duration_s + 1.0) * sample_rate
        self._max_duration_s = limits.max_duration_s
        self._file_name = file_name
        self._meter = meter
        self._resampler: Resampler | None = None
        self._statistics = RunningStatistics()
        self._peak = 0.0

    def expect(self, seconds: float, *, before: int = 0) -> int:
        """Passes the expected number of samples to the store, which may reject it.

        Args:
            seconds: expected length of the recording.
            before: number of samples that other outputs of the recording are expected to write to the same disk.

        Returns:
            The expected number of samples, including ``before``.

        Raises:
            OutputError: there is not enough space.
        """
        expected = before + int(seconds * self._sample_rate)
        self._store.expect(expected)
        return expected

    def add(self, mono: FloatArray, source_rate: int) -> None:
        """Adds samples, ``(samples,)``, at ``source_rate`` Hz, which may change within a recording."""
        if self._resampler is None or self._resampler.source_rate != source_rate:
            self._flush()
            self._resampler = Resampler(source_rate, self._sample_rate)
        self._append(self._resampler.add(mono))

    def finish(self) -> ResampledSignal:
        """Returns the signal; nothing can be added afterwards."""
        self._flush()
        return ResampledSignal(self._store, self._sample_rate, self._statistics, self._peak)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._append(self._resampler.finish())

    def _append(self, ready: FloatArray) -> None:
        if len(ready) == 0:
            return
        if not np.isfinite(ready).all():  # the filter's sums overflow for values near float32's maximum
            at_s = len(self._store) / self._sample_rate
            raise AudioDecodeError("audio.not_finite", found=self._file_name, at_s=at_s)
        if len(self._store) + len(ready) > self._max_samples:
            raise AudioTooLongError("audio.too_many_seconds", found=self._file_name, expected_s=self._max_duration_s)
        self._store.append(ready)
        self._statistics.add(ready)
        self._peak = max(self._peak, float(ready.max()), -float(ready.min()))
        if self._meter is not None:
            self._meter.add(ready)
