"""Warnings about the quality of a recording that could be decoded."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.audio.signal.channels import ChannelStatistics, correlation
from webui.audio.signal.mixdown import DecodedSignal, MonoSignal
from webui.results import Notice

SILENCE_DBFS: Final = -65.0  # the quietest of 5,019 clips of acted speech still reaches -55
LOUD_PEAK: Final = 1.41  # 3 dB above full scale; codecs and resampling overshoot by less
CLIPPED_SHARE: Final = 0.001
CANCELLED_DB: Final = 30.0  # a mean that is this far below the loudest channel has cancelled out
# If each channel has its own noise, less is lost. The mean of two independent signals is 3 dB below each.
PARTLY_CANCELLED_DB: Final = 10.0
UNCORRELATED_SHARE: Final = 0.25  # of the power that the mean of independent channels would have
SAME_SIGNAL: Final = 0.98  # correlation of the mean with the loudest channel above which only level is lost

SAME_DB: Final = 40.0  # how far the difference of two channels is below them if they carry the same signal
MAX_CORRELATION: Final = 0.5  # of the waveforms of channels with different signals
MAX_LEVEL_CORRELATION: Final = 0.4  # of their levels over time: two microphones in a room rise and fall together
ACTIVE_DB: Final = 30.0  # a window counts if a channel is at most this far below its own loudest windows
LOUD_QUANTILE: Final = 0.95
MIN_LEVEL_DEVIATION_DB: Final = 4.0  # speech rises and falls; the level of hum and noise hardly changes
MIN_WINDOWS: Final = 20  # 2 s; shorter recordings have too few levels to compare


def is_silent(decoded: DecodedSignal) -> bool:
    """Returns whether a recording is empty, or too quiet to contain speech."""
    if len(decoded.mix.speech.waveform) == 0:
        return True
    power = 0.0 if decoded.statistics is None else float(decoded.statistics.powers.max())
    return decoded.mix.level_dbfs < SILENCE_DBFS and power < 10.0 ** (SILENCE_DBFS / 10.0)  # the mix may be one channel


def quality_warnings(decoded: DecodedSignal, signal: MonoSignal) -> tuple[Notice, ...]:
    """Returns the warnings about the quality of a mono signal.

    Args:
        decoded: the recording.
        signal: its mix or one of its channels, before it is scaled to full scale.
    """
    found: list[Notice] = []
    level = signal.level_dbfs
    if level < SILENCE_DBFS:
        found.append(Notice(code="audio.no_speech", values={"level_dbfs": round(level, 1)}))
    if decoded.source_rate < signal.model.sample_rate:
        values = {"found_hz": decoded.source_rate, "expected_hz": signal.model.sample_rate}
        found.append(Notice(code="audio.narrow_band", values=values))
    if signal.clipped_share > CLIPPED_SHARE:
        found.append(Notice(code="audio.clipped", values={"share": round(signal.clipped_share, 4)}))
    if signal.speech.peak > LOUD_PEAK:
        found.append(Notice(code="audio.above_full_scale", values={"peak": round(signal.speech.peak, 2)}))
    return tuple(found)


def cancelled_channel(statistics: ChannelStatistics | None) -> int | None:
    """Returns the loudest channel if the channels cancel each other in their mean (opposite polarity), else None.

    Channels that each have their own noise cancel only in part. Such a mean is lower than that of independent signals,
    and it no longer resembles the loudest channel. A mean that is only quieter is not replaced.

    Args:
        statistics: measurements of the channels; None if there is only one.
    """
    if statistics is None:
        return None
    loudest = int(statistics.powers.argmax())
    power, mono_power = float(statistics.powers[loudest]), statistics.mono_power
    if power <= 10.0 ** (SILENCE_DBFS / 10.0):
        return None
    if mono_power < power * 10.0 ** (-CANCELLED_DB / 10.0):
        return loudest
    independent_power = float(statistics.powers.sum()) / len(statistics.powers) ** 2
    if mono_power >= UNCORRELATED_SHARE * independent_power:
        return None
    likeness = correlation(float(statistics.mono_covariances[loudest]), power, mono_power)
    much_quieter = mono_power < power * 10.0 ** (-PARTLY_CANCELLED_DB / 10.0)
    return loudest if much_quieter and abs(likeness) < SAME_SIGNAL else None


def are_same(statistics: ChannelStatistics | None) -> bool:
    """Returns whether all channels carry the same signal at the same level (dual mono)."""
    if statistics is None or statistics.covariances is None:
        return False
    powers, covariances = statistics.powers, statistics.covariances
    differences = powers[1:] + powers[0] - 2.0 * covariances[0, 1:]
    return bool(powers[0] > 0.0 and (differences <= powers[0] * 10.0 ** (-SAME_DB / 10.0)).all())


def are_different(statistics: ChannelStatistics | None) -> bool:
    """Returns whether two channels carry different signals that both change like speech, as with two speakers.

    The waveforms of such channels are hardly correlated, and neither are their levels over time: the speakers take
    turns. Two microphones in one room may have uncorrelated waveforms, but their levels rise and fall together.

    Args:
        statistics: measurements of the channels; None if there is only one.
    """
    if statistics is None or statistics.covariances is None:
        return False
    audible = np.flatnonzero(statistics.powers > 10.0 ** (SILENCE_DBFS / 10.0))
    return any(
        _differ(statistics, int(first), int(second)) for first in audible for second in audible if first < second
    )


def _differ(statistics: ChannelStatistics, first: int, second: int) -> bool:
    covariances, powers = statistics.covariances, statistics.powers
    if covariances is None:
        return False
    similarity = correlation(float(covariances[first, second]), float(powers[first]), float(powers[second]))
    if abs(similarity) >= MAX_CORRELATION:
        return False
    levels = statistics.levels_db[:, (first, second)]  # (windows, 2)
    levels = levels[np.isfinite(levels).all(axis=1)]
    if len(levels) < MIN_WINDOWS:
        return False
    floors = np.quantile(levels, LOUD_QUANTILE, axis=0) - ACTIVE_DB
    levels = np.maximum(levels, floors)
    levels = levels[(levels > floors).any(axis=1)]  # without windows in which both channels pause
    if len(levels) < MIN_WINDOWS:
        return False
    deviations = levels.std(axis=0)
    if (deviations < MIN_LEVEL_DEVIATION_DB).any():
        return False
    return _level_correlation(levels) < MAX_LEVEL_CORRELATION


def _level_correlation(levels: NDArray[np.float64]) -> float:
    centred = levels - levels.mean(axis=0)
    return float((centred[:, 0] * centred[:, 1]).mean() / (centred[:, 0].std() * centred[:, 1].std()))
