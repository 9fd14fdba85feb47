"""Takes a reader's blocks, checks them while they come, and makes one 16 kHz mono waveform of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.audio.blocks import AudioReader, Block
from webui.audio.limits import MAX_CHANNELS, MAX_SOURCE_RATE, MIN_SOURCE_RATE, MODEL_SAMPLE_RATE, DecodeLimits
from webui.audio.sample_store import SampleStore
from webui.audio.signal.level import LevelMeter
from webui.audio.signal.resample import Resampler
from webui.audio.signal.statistics import RunningStatistics
from webui.errors import AudioDecodeError, AudioTooLongError

CLIPPED_FROM: Final = 0.99  # of full scale
LONGEST_NUMBER: Final = 1e15  # written out; above, with an exponent
DURATION_TOLERANCE_S: Final = 0.001  # a recording of exactly the limit is not refused for a rounding


@dataclass(frozen=True, slots=True)
class DecodedSignal:
    """A decoded recording with what was noticed on the way.

    Attributes:
        waveform: shape ``(samples,)``, 16 kHz, as decoded: it can exceed [-1, 1].
        statistics: its mean and variance.
        peak: its greatest absolute value.
        level_dbfs: level of its loudest 25 ms.
        sample_rate: of the source, in Hz.
        channels: of the source.
        duration_s: of what was decoded, in seconds.
        clipped_share: share of the source's samples that stand flat at full scale.
        channel_powers: mean square of each source channel, shape ``(channels,)``; zero if there is only one.
        mono_power: mean square of the downmix; zero if there is only one channel.
    """

    waveform: SampleStore
    statistics: RunningStatistics
    peak: float
    level_dbfs: float
    sample_rate: int
    channels: int
    duration_s: float
    clipped_share: float
    channel_powers: NDArray[np.float64]
    mono_power: float


def downmix_and_resample(
    reader: AudioReader,
    store: SampleStore,
    limits: DecodeLimits,
    file_name: str,
    *,
    channel: int | None = None,
    on_block: Callable[[], None] = lambda: None,
) -> DecodedSignal:
    """Reads everything.

    Args:
        reader: an opened recording.
        store: where the samples go; empty.
        limits: of which the duration is checked here; decoding stops as soon as it is exceeded.
        file_name: for messages.
        channel: the one channel to take; by default the mean of all.
        on_block: called after every block; may raise to stop.

    Raises:
        AudioTooLongError: there is more than the limit.
        AudioDecodeError: samples that are not numbers, or a sample rate or channel count that makes no sense.
    """
    if reader.length_s is not None:
        store.expect(int(min(reader.length_s, limits.max_duration_s) * MODEL_SAMPLE_RATE))
    mixer = _Mixdown(store, limits, file_name, channel)
    with np.errstate(over="ignore", invalid="ignore"):  # such sums are looked for, and refused
        for block in reader.blocks():
            mixer.add(block)
            on_block()
        return mixer.finish()


def check_shape(channels: int, sample_rate: float, file_name: str) -> None:
    """Raises if no recording has so few channels or so many, or such a rate (in Hz)."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioDecodeError("audio.bad_channels", found=file_name, channels=channels, expected_max=MAX_CHANNELS)
    if not MIN_SOURCE_RATE <= sample_rate <= MAX_SOURCE_RATE:
        raise AudioDecodeError(
            "audio.absurd_rate",
            found=file_name,
            found_hz=_said(sample_rate),
            expected_min_hz=MIN_SOURCE_RATE,
            expected_max_hz=MAX_SOURCE_RATE,
        )


def _said(rate_hz: float) -> float | int | str:
    """Returns a rate from a header as a sentence and JSON can hold it: AIFF and CAF have room for any number."""
    if not math.isfinite(rate_hz):
        return str(rate_hz)
    return round(rate_hz) if abs(rate_hz) < LONGEST_NUMBER else rate_hz


def _energy(samples: FloatArray) -> float:
    return float(np.einsum("i,i->", samples, samples, dtype=np.float64))


class _Mixdown:
    """The running state of one intake."""

    def __init__(self, store: SampleStore, limits: DecodeLimits, file_name: str, channel: int | None) -> None:
        self._store = store
        self._limits = limits
        self._file_name = file_name
        self._channel = channel
        self._resampler: Resampler | None = None
        self._statistics = RunningStatistics()
        self._meter = LevelMeter()
        self._shape = (0, 0)
        self._samples = 0
        self._duration_s = 0.0
        self._flat = 0
        self._values = 0
        self._energies = np.zeros(0)
        self._mono_energy = 0.0

    def add(self, block: Block) -> None:
        samples = block.samples
        self._check(block)
        mono = samples[:, 0] if samples.shape[1] == 1 else self._downmix(samples)
        self._notice(samples, mono)
        if self._resampler is None or self._resampler.sample_rate != block.sample_rate:
            self._flush()
            self._resampler = Resampler(block.sample_rate)
        self._keep(self._resampler.add(mono))

    def finish(self) -> DecodedSignal:
        self._flush()
        samples = max(1, self._samples)
        return DecodedSignal(
            waveform=self._store,
            statistics=self._statistics,
            peak=self._meter.peak,
            level_dbfs=self._meter.level_dbfs,
            sample_rate=self._shape[0],
            channels=self._shape[1],
            duration_s=self._duration_s,
            clipped_share=self._flat / max(1, self._values),
            channel_powers=self._energies / samples,
            mono_power=self._mono_energy / samples,
        )

    def _check(self, block: Block) -> None:
        count, channels = block.samples.shape
        if (block.sample_rate, channels) != self._shape:
            check_shape(channels, block.sample_rate, self._file_name)
            if self._shape == (0, 0):
                self._shape = (block.sample_rate, channels)
                self._energies = np.zeros(channels)
        if not np.isfinite(block.samples).all():
            first = int(np.isfinite(block.samples).all(axis=1).argmin())
            at_s = self._duration_s + first / block.sample_rate
            raise AudioDecodeError("audio.not_finite", found=self._file_name, at_s=at_s)
        self._samples += count
        self._duration_s += count / block.sample_rate
        if self._duration_s > self._limits.max_duration_s + DURATION_TOLERANCE_S:
            raise AudioTooLongError(
                "audio.too_many_seconds", found=self._file_name, expected_s=self._limits.max_duration_s
            )

    def _downmix(self, samples: FloatArray) -> FloatArray:
        if self._channel is not None:
            return samples[:, min(self._channel, samples.shape[1] - 1)]
        mono = samples[:, 0].copy()
        for column in samples.T[1:]:  # ten times as fast as a mean along the short axis
            mono += column
        mono /= samples.shape[1]
        return mono

    def _notice(self, samples: FloatArray, mono: FloatArray) -> None:
        if samples.shape[1] == len(self._energies) > 1:
            self._energies += [_energy(column) for column in samples.T]
            self._mono_energy += _energy(mono)
        self._values += samples.size
        peak = max(float(samples.max()), -float(samples.min()))
        if CLIPPED_FROM <= peak <= 1.0:
            level = np.abs(samples)
            self._flat += int(((level[1:] >= CLIPPED_FROM) & (samples[1:] == samples[:-1])).sum())

    def _flush(self) -> None:
        if self._resampler is not None:
            self._keep(self._resampler.finish())

    def _keep(self, ready: FloatArray) -> None:
        if len(ready) == 0:
            return
        if not np.isfinite(ready).all():  # values near the end of float32's range, which the filter summed up
            at_s = len(self._store) / MODEL_SAMPLE_RATE
            raise AudioDecodeError("audio.not_finite", found=self._file_name, at_s=at_s)
        if len(self._store) + len(ready) > (self._limits.max_duration_s + 1.0) * MODEL_SAMPLE_RATE:
            raise AudioTooLongError(
                "audio.too_many_seconds", found=self._file_name, expected_s=self._limits.max_duration_s
            )
        self._store.append(ready)
        self._statistics.add(ready)
        self._meter.add(ready)
