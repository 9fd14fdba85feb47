"""Takes a reader's blocks, checks them while they come, and makes mono waveforms of them.

One waveform is at 16 kHz: it is what is saved, played and searched for speech. A model of another rate gets a second
one, resampled from the source in the same pass: what 16 kHz has lost is not lost to a model of 24 kHz, and what a model
of 8 kHz can't take is filtered once.
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

CLIPPED_FROM: Final = 0.99  # of full scale
LONGEST_NUMBER: Final = 1e15  # above it a rate is printed with an exponent
DURATION_TOLERANCE_S: Final = 0.001  # rounding must not refuse a recording of exactly the limit


@dataclass(frozen=True, slots=True)
class DecodedSignal:
    """A decoded recording with what was found on the way.

    Attributes:
        speech: the recording at 16 kHz.
        model: the recording at the model's rate; the same object where that is 16 kHz.
        level_dbfs: level of its loudest 25 ms, measured at 16 kHz.
        source_rate: the sample rate of the source, in Hz.
        channels: how many channels the source has.
        duration_s: length of what was decoded, in seconds.
        clipped_share: share of the source's samples that stand flat at full scale.
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
        """Gives the stores' space back."""
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
    """Reads everything.

    Args:
        reader: an opened recording.
        new_store: makes an empty store; one, or two if the model has a rate of its own.
        limits: how much is accepted; the duration is checked here, and decoding stops as soon as it is exceeded.
        file_name: the recording's name, for messages.
        model_rate: the sample rate that the model takes, in Hz.
        channel: the one channel to take; by default the mean of all.
        on_block: called after every block; may raise to stop.

    Raises:
        AudioTooLongError: there is more than the limit.
        AudioDecodeError: samples that are not numbers, or a sample rate or channel count that makes no sense.
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
    with np.errstate(over="ignore", invalid="ignore"):  # such sums are looked for, and refused
        for block in reader.blocks():
            mixdown.add(block)
            on_block()
        return mixdown.finish(meter)


def check_shape(channels: int, sample_rate: float, file_name: str) -> None:
    """Raises if no recording has so few channels or so many, or such a rate (in Hz)."""
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
    """Returns a rate from a header in a form that fits a sentence and JSON: AIFF and CAF have room for any number."""
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
        self._flat = 0
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

    def _measure(self, samples: FloatArray, mono: FloatArray) -> None:
        if samples.shape[1] == len(self._energies) > 1:
            self._energies += [_energy(column) for column in samples.T]
            self._mono_energy += _energy(mono)
        self._values += samples.size
        peak = max(float(samples.max()), -float(samples.min()))
        if CLIPPED_FROM <= peak <= 1.0:
            level = np.abs(samples)
            self._flat += int(((level[1:] >= CLIPPED_FROM) & (samples[1:] == samples[:-1])).sum())
