"""One sample rate that a recording is brought to, on its way into a store."""

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
    """A recording as mono at one sample rate, as decoded: it can exceed [-1, 1].

    Attributes:
        waveform: the samples, shape ``(samples,)``.
        sample_rate: their rate in Hz.
        statistics: their mean and variance.
        peak: their greatest absolute value; 0 if there are none.
    """

    waveform: SampleStore
    sample_rate: int
    statistics: RunningStatistics
    peak: float


class ResamplingOutput:
    """Resamples the mono signal to one rate, checks it and stores it.

    Args:
        store: the store of the samples; empty.
        sample_rate: their rate in Hz.
        limits: how much is accepted; the duration is checked here.
        file_name: the recording's name, for messages.
        meter: measures what is stored; None: the level is measured elsewhere.
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
        """Announces the length to the store, which may refuse it; returns how many samples are expected in all.

        Args:
            seconds: the length that the file leads one to expect.
            before: the samples that other outputs of the same recording expect on the same disk.
        """
        expected = before + int(seconds * self._sample_rate)
        self._store.expect(expected)
        return expected

    def add(self, mono: FloatArray, source_rate: int) -> None:
        """Takes the next samples, ``(samples,)``, at ``source_rate`` Hz, which may change in the middle."""
        if self._resampler is None or self._resampler.source_rate != source_rate:
            self._flush()
            self._resampler = Resampler(source_rate, self._sample_rate)
        self._keep(self._resampler.add(mono))

    def finish(self) -> ResampledSignal:
        """Returns the signal; nothing may be added after."""
        self._flush()
        return ResampledSignal(self._store, self._sample_rate, self._statistics, self._peak)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._keep(self._resampler.finish())

    def _keep(self, ready: FloatArray) -> None:
        if len(ready) == 0:
            return
        if not np.isfinite(ready).all():  # values near the end of float32's range, which the filter summed up
            at_s = len(self._store) / self._sample_rate
            raise AudioDecodeError("audio.not_finite", found=self._file_name, at_s=at_s)
        if len(self._store) + len(ready) > self._max_samples:
            raise AudioTooLongError("audio.too_many_seconds", found=self._file_name, expected_s=self._max_duration_s)
        self._store.append(ready)
        self._statistics.add(ready)
        self._peak = max(self._peak, float(ready.max()), -float(ready.min()))
        if self._meter is not None:
            self._meter.add(ready)
