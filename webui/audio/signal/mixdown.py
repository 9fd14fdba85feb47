"""Checks the blocks of a reader and mixes them down to mono waveforms.

One waveform is at 16 kHz; it is saved, played back and searched for speech. A model with another rate gets a second
one, resampled from the source in the same pass: a 24 kHz model keeps the frequencies that 16 kHz can't represent, and
the input of an 8 kHz model is filtered only once.
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
from webui.audio.sample_store import NewStore
from webui.audio.signal.level import LevelMeter
from webui.audio.signal.output import ResampledSignal, ResamplingOutput
from webui.errors import AudioDecodeError, AudioTooLongError
from webui.units import SPEECH_RATE

CLIPPED_FROM: Final = 0.99  # fraction of full scale
LONGEST_NUMBER: Final = 1e15  # Hz; a greater rate is printed with an exponent
DURATION_TOLERANCE_S: Final = 0.001  # a recording of exactly the limit must not fail because of rounding


@dataclass(frozen=True, slots=True)
class DecodedSignal:
    """A decoded recording and its measurements.

    Attributes:
        speech: the recording at 16 kHz.
        model: the recording at the model's sample rate; the same object as ``speech`` if that rate is 16 kHz.
        level_dbfs: level of the loudest 25 ms, measured at 16 kHz.
        source_rate: sample rate of the source in Hz.
        channels: number of channels of the source.
        duration_s: length of the decoded audio in seconds.
        clipped_share: fraction of the source's samples that stay at the same value near full scale.
        channel_powers: mean square of each source channel, shape ``(channels,)``; zero if there is only one.
        mono_power: mean square of the downmix; zero if there is only one channel.
    """

    speech: ResampledSignal
    model: ResampledSignal
    level_dbfs: float
    source_rate: int
    channels: int
    duration_s: float
    clipped_share: float
    channel_powers: NDArray[np.float64]
    mono_power: float

    def close(self) -> None:
        """Frees the space of the stores."""
        self.speech.waveform.close()
        self.model.waveform.close()


def downmix_and_resample(
    reader: AudioReader,
    new_store: NewStore,
    limits: DecodeLimits,
    file_name: str,
    *,
    model_rate: int = SPEECH_RATE,
    channel: int | None = None,
    on_block: Callable[[], None] = lambda: None,
) -> DecodedSignal:
    """Reads a whole recording and returns it as mono.

    Args:
        reader: an opened recording.
        new_store: creates an empty store; called a second time if the model's rate is not 16 kHz.
        limits: maximum size and length; decoding stops as soon as the length is exceeded.
        file_name: name of the recording, for messages.
        model_rate: sample rate of the model in Hz.
        channel: index of the only channel to use; None: the mean of all channels.
        on_block: called after every block; may raise to cancel.

    Raises:
        AudioTooLongError: the recording is longer than the limit.
        AudioDecodeError: a sample is NaN or infinite, or the sample rate or channel count is implausible.
        OutputError: a store can't hold the samples.
    """
    meter = LevelMeter()
    outputs = [ResamplingOutput(new_store(), SPEECH_RATE, limits, file_name, meter=meter)]
    if model_rate != SPEECH_RATE:
        outputs.append(ResamplingOutput(new_store(), model_rate, limits, file_name))
    if reader.length_s is not None:
        expected, seconds = 0, min(reader.length_s, limits.max_duration_s)
        for output in outputs:
            expected = output.expect(seconds, before=expected)
    mixdown = _Mixdown(outputs, limits, file_name, channel)
    with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are detected and rejected
        for block in reader.blocks():
            mixdown.add(block)
            on_block()
        return mixdown.finish(meter)


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


def _energy(samples: FloatArray) -> float:
    return float(np.einsum("i,i->", samples, samples, dtype=np.float64))


class _Mixdown:
    """The running state of one mixdown."""

    def __init__(
        self, outputs: list[ResamplingOutput], limits: DecodeLimits, file_name: str, channel: int | None
    ) -> None:
        self._outputs = outputs
        self._limits = limits
        self._file_name = file_name
        self._channel = channel
        self._shape = (0, 0)
        self._samples = 0
        self._duration_s = 0.0
        self._clipped = 0
        self._values = 0
        self._energies = np.zeros(0)
        self._mono_energy = 0.0

    def add(self, block: Block) -> None:
        samples = block.samples
        self._check(block)
        mono = samples[:, 0] if samples.shape[1] == 1 else self._downmix(samples)
        self._measure(samples, mono)
        for output in self._outputs:
            output.add(mono, block.sample_rate)

    def finish(self, meter: LevelMeter) -> DecodedSignal:
        signals = [output.finish() for output in self._outputs]
        samples = max(1, self._samples)
        return DecodedSignal(
            speech=signals[0],
            model=signals[-1],
            level_dbfs=meter.level_dbfs,
            source_rate=self._shape[0],
            channels=self._shape[1],
            duration_s=self._duration_s,
            clipped_share=self._clipped / max(1, self._values),
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
        if self._duration_s + block.following_s > self._limits.max_duration_s + DURATION_TOLERANCE_S:
            raise AudioTooLongError(
                "audio.too_many_seconds", found=self._file_name, expected_s=self._limits.max_duration_s
            )

    def _downmix(self, samples: FloatArray) -> FloatArray:
        if self._channel is not None:
            return samples[:, min(self._channel, samples.shape[1] - 1)]
        mono = samples[:, 0].copy()
        for column in samples.T[1:]:  # ten times faster than a mean along the short axis
            mono += column
        mono /= samples.shape[1]
        return mono

    def _measure(self, samples: FloatArray, mono: FloatArray) -> None:
        if samples.shape[1] == len(self._energies) > 1:
            self._energies += [_energy(column) for column in samples.T]
            self._mono_energy += _energy(mono)
        self._values += samples.size
        peak = max(float(samples.max()), -float(samples.min()))
        if CLIPPED_FROM <= peak <= 1.0:
            level = np.abs(samples)
            self._clipped += int(((level[1:] >= CLIPPED_FROM) & (samples[1:] == samples[:-1])).sum())
