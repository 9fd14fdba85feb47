"""Checks the blocks of a reader and mixes them down to mono waveforms; on request, every channel is kept too.

One waveform is at 16 kHz, for saving, playback and speech detection. A model with another rate gets a second
one, resampled from the source in the same pass: a 24 kHz model keeps the frequencies that 16 kHz can't represent, and
the input of an 8 kHz model is filtered only once. The same holds for each channel that is kept.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.audio.blocks import AudioReader, Block
from webui.audio.limits import MAX_CHANNELS, MAX_SOURCE_RATE, MIN_SOURCE_RATE, DecodeLimits
from webui.audio.options import DEFAULTS, MAX_SEPARATE_CHANNELS, DecodeOptions
from webui.audio.sample_store import NewStore
from webui.audio.signal.channels import ChannelMeter, ChannelStatistics
from webui.audio.signal.level import LevelMeter
from webui.audio.signal.output import ResampledSignal, ResamplingOutput
from webui.errors import AudioDecodeError, AudioTooLongError
from webui.units import SPEECH_RATE

CLIPPED_FROM: Final = 0.99  # fraction of full scale
LONGEST_NUMBER: Final = 1e15  # Hz; a greater rate is printed with an exponent
DURATION_TOLERANCE_S: Final = 0.001  # a recording of exactly the limit must not fail because of rounding


@dataclass(frozen=True, slots=True)
class MonoSignal:
    """A mono signal and its measurements.

    Attributes:
        speech: the signal at 16 kHz.
        model: the signal at the model's sample rate; the same object as ``speech`` if that rate is 16 kHz.
        level_dbfs: level of the loudest 25 ms, measured at 16 kHz.
        clipped_share: fraction of the source's samples that stay at the same value near full scale.
    """

    speech: ResampledSignal
    model: ResampledSignal
    level_dbfs: float
    clipped_share: float

    def close(self) -> None:
        """Frees the space of the stores."""
        self.speech.waveform.close()
        self.model.waveform.close()


@dataclass(frozen=True, slots=True)
class DecodedSignal:
    """A decoded recording and its measurements.

    Attributes:
        mix: the mean of the channels, or the only channel that is used.
        separate: every channel, if that was requested; of a mono recording, ``mix`` itself.
        source_rate: sample rate of the source in Hz.
        channels: number of channels of the source.
        duration_s: length of the decoded audio in seconds.
        statistics: measurements of the channels; None if there is only one.
    """

    mix: MonoSignal
    separate: tuple[MonoSignal, ...]
    source_rate: int
    channels: int
    duration_s: float
    statistics: ChannelStatistics | None

    def close(self) -> None:
        """Frees the space of the stores."""
        for signal in (self.mix, *self.separate):
            signal.close()


def downmix_and_resample(
    reader: AudioReader,
    new_store: NewStore,
    limits: DecodeLimits,
    file_name: str,
    *,
    model_rate: int = SPEECH_RATE,
    options: DecodeOptions = DEFAULTS,
    new_channel_store: NewStore | None = None,
    on_channels: Callable[[int], None] = lambda _channels: None,
    on_block: Callable[[], None] = lambda: None,
) -> DecodedSignal:
    """Reads a whole recording and returns it as mono.

    Args:
        reader: an opened recording.
        new_store: creates an empty store for the mix; called a second time if the model's rate is not 16 kHz.
        limits: maximum size and length; decoding stops as soon as the length is exceeded.
        file_name: name of the recording, for messages.
        model_rate: sample rate of the model in Hz.
        options: which channels are used.
        new_channel_store: creates an empty store for a channel that is kept; None: as ``new_store``.
        on_channels: called with the number of channels that are kept, before the first sample is stored; may raise.
        on_block: called after every block; may raise to cancel.

    Raises:
        AudioTooLongError: the recording is longer than the limit.
        AudioDecodeError: a sample is NaN or infinite, or the sample rate or channel count is implausible, or the
            recording lacks the chosen channel, or has too many channels to keep each of them.
        OutputError: a store can't hold the samples.
    """
    mixdown = _Mixdown(
        reader, new_store, new_channel_store or new_store, limits, file_name, model_rate, options, on_channels
    )
    with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are detected and rejected
        for block in reader.blocks():
            mixdown.add(block)
            on_block()
        return mixdown.finish()


def check_shape(channels: int, sample_rate: float, file_name: str) -> None:
    """Raises AudioDecodeError if the channel count or the sample rate (in Hz) is implausible."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioDecodeError("audio.bad_channels", found=file_name, channels=channels, expected_max=MAX_CHANNELS)
    if not MIN_SOURCE_RATE <= sample_rate <= MAX_SOURCE_RATE:
        raise AudioDecodeError(
            "audio.absurd_rate",
            found=file_name,
            found_hz=_printable(sample_rate),
            expected_min_hz=MIN_SOURCE_RATE,
            expected_max_hz=MAX_SOURCE_RATE,
        )


def _printable(rate_hz: float) -> float | int | str:
    """Returns a header's rate in a form that fits a message and JSON: AIFF and CAF can state any number."""
    if not math.isfinite(rate_hz):
        return str(rate_hz)
    return round(rate_hz) if abs(rate_hz) < LONGEST_NUMBER else rate_hz


class _MonoOutput:
    """One mono signal on its way to its stores, at one or two sample rates.

    Args:
        new_store: creates an empty store.
        model_rate: sample rate of the model in Hz.
        limits: maximum size and length.
        file_name: name of the recording, for messages.
    """

    def __init__(self, new_store: NewStore, model_rate: int, limits: DecodeLimits, file_name: str) -> None:
        self._meter = LevelMeter()
        self._outputs = [ResamplingOutput(new_store(), SPEECH_RATE, limits, file_name, meter=self._meter)]
        if model_rate != SPEECH_RATE:
            self._outputs.append(ResamplingOutput(new_store(), model_rate, limits, file_name))

    def expect(self, seconds: float, *, before: int) -> int:
        """Passes the expected length to the stores; see ``ResamplingOutput.expect``."""
        for output in self._outputs:
            before = output.expect(seconds, before=before)
        return before

    def add(self, mono: FloatArray, sample_rate: int) -> None:
        """Adds samples, ``(samples,)``, at ``sample_rate`` Hz."""
        for output in self._outputs:
            output.add(mono, sample_rate)

    def finish(self, clipped_share: float) -> MonoSignal:
        """Returns the signal; nothing can be added afterwards."""
        signals = [output.finish() for output in self._outputs]
        return MonoSignal(signals[0], signals[-1], self._meter.level_dbfs, clipped_share)


class _Mixdown:
    """The running state of one mixdown; see ``downmix_and_resample``."""

    def __init__(
        self,
        reader: AudioReader,
        new_store: NewStore,
        new_channel_store: NewStore,
        limits: DecodeLimits,
        file_name: str,
        model_rate: int,
        options: DecodeOptions,
        on_channels: Callable[[int], None],
    ) -> None:
        self._limits = limits
        self._file_name = file_name
        self._options = options
        self._on_channels = on_channels
        self._model_rate = model_rate
        self._new_channel_store = new_channel_store
        self._mix = self._new_output(new_store)
        self._separate: list[_MonoOutput] = []
        self._expected_s = min(reader.length_s, limits.max_duration_s) if reader.length_s is not None else None
        self._expected = self._mix.expect(self._expected_s, before=0) if self._expected_s is not None else 0
        self._meter: ChannelMeter | None = None
        self._shape = (0, 0)
        self._samples = 0
        self._duration_s = 0.0
        self._clipped = 0
        self._values = 0
        self._clipped_of: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # per channel that is kept

    def _new_output(self, new_store: NewStore) -> _MonoOutput:
        return _MonoOutput(new_store, self._model_rate, self._limits, self._file_name)

    def add(self, block: Block) -> None:
        samples = block.samples
        self._check(block)
        mono = samples[:, 0] if samples.shape[1] == 1 else self._downmix(samples)
        self._measure(samples, mono)
        self._mix.add(mono, block.sample_rate)
        for channel, output in enumerate(self._separate):
            output.add(_column(samples, channel), block.sample_rate)

    def finish(self) -> DecodedSignal:
        mix = self._mix.finish(self._clipped / max(1, self._values))
        samples = max(1, self._samples)
        separate = tuple(
            output.finish(int(clipped) / samples)
            for output, clipped in zip(self._separate, self._clipped_of, strict=False)
        )
        if self._options.separate and self._shape[1] == 1:
            separate = (mix,)
        return DecodedSignal(
            mix=mix,
            separate=separate,
            source_rate=self._shape[0],
            channels=self._shape[1],
            duration_s=self._duration_s,
            statistics=self._meter.finish() if self._meter is not None else None,
        )

    def _check(self, block: Block) -> None:
        count, channels = block.samples.shape
        if (block.sample_rate, channels) != self._shape:
            check_shape(channels, block.sample_rate, self._file_name)
            if self._shape == (0, 0):
                self._shape = (block.sample_rate, channels)
                self._begin(*self._shape)
        if not np.isfinite(block.samples).all():
            first = int(np.isfinite(block.samples).all(axis=1).argmin())
            at_s = self._duration_s + first / block.sample_rate
            raise AudioDecodeError("audio.not_finite", found=self._file_name, at_s=at_s)
        self._samples += count
        self._duration_s += count / block.sample_rate
        if self._duration_s + block.following_s > self._limits.max_duration_s + DURATION_TOLERANCE_S:
            raise AudioTooLongError(
                "audio.too_many_seconds", found=self._file_name, expected_s=self._limits.max_duration_s
            )

    def _begin(self, sample_rate: int, channels: int) -> None:
        """Prepares for the number of channels, which only the first block states reliably."""
        wanted = self._options.only_channel
        if wanted is not None and wanted >= channels:
            raise AudioDecodeError(
                "audio.no_such_channel", found=self._file_name, channels=channels, wanted=wanted + 1, channel=wanted
            )
        if channels > 1:
            self._meter = ChannelMeter(channels, sample_rate)
        if self._options.separate:
            self._keep(channels)

    def _keep(self, channels: int) -> None:
        """Prepares to keep every channel; the only channel of a mono recording is the mix."""
        if channels > MAX_SEPARATE_CHANNELS:
            raise AudioDecodeError(
                "audio.too_many_channels", found=self._file_name, channels=channels, expected_max=MAX_SEPARATE_CHANNELS
            )
        self._on_channels(channels)
        if channels == 1:
            return
        self._clipped_of = np.zeros(channels, dtype=np.int64)
        for _ in range(channels):
            output = self._new_output(self._new_channel_store)
            self._separate.append(output)
            if self._expected_s is not None:
                self._expected = output.expect(self._expected_s, before=self._expected)

    def _downmix(self, samples: FloatArray) -> FloatArray:
        if self._options.only_channel is not None:
            return _column(samples, self._options.only_channel)
        mono = samples[:, 0].copy()
        for column in samples.T[1:]:  # ten times faster than a mean along the short axis
            mono += column
        mono /= samples.shape[1]
        return mono

    def _measure(self, samples: FloatArray, mono: FloatArray) -> None:
        if self._meter is not None:
            self._meter.add(samples, mono)
        only = self._options.only_channel
        if only is not None:
            samples = _column(samples, only)[:, np.newaxis]
        self._values += samples.size
        peak = max(float(samples.max()), -float(samples.min()))
        if CLIPPED_FROM <= peak <= 1.0:
            level = np.abs(samples)
            clipped = ((level[1:] >= CLIPPED_FROM) & (samples[1:] == samples[:-1])).sum(axis=0)
            self._clipped += int(clipped.sum())
            if len(clipped) == len(self._clipped_of):
                self._clipped_of += clipped


def _column(samples: FloatArray, channel: int) -> FloatArray:
    """Returns a channel of ``(samples, channels)``; the last one if the number of channels has become smaller."""
    return samples[:, min(channel, samples.shape[1] - 1)]
