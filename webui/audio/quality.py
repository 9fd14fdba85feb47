"""Warnings about the quality of a recording that could be decoded."""

from typing import Final

from webui.audio.signal.mixdown import DecodedSignal
from webui.results import Notice

SILENCE_DBFS: Final = -65.0  # the quietest of 5,019 clips of acted speech still reaches -55
LOUD_PEAK: Final = 1.41  # 3 dB above full scale; codecs and resampling overshoot by less
CLIPPED_SHARE: Final = 0.001
CANCELLED_DB: Final = 30.0  # how far the mean of cancelling channels is below the loudest channel


def is_silent(decoded: DecodedSignal) -> bool:
    """Returns whether a recording is empty, or too quiet to contain speech."""
    return len(decoded.speech.waveform) == 0 or decoded.level_dbfs < SILENCE_DBFS


def quality_warnings(decoded: DecodedSignal) -> tuple[Notice, ...]:
    """Returns the warnings about the quality of a recording.

    Args:
        decoded: the recording, before it is scaled to full scale.
    """
    found: list[Notice] = []
    level = decoded.level_dbfs
    if level < SILENCE_DBFS:
        found.append(Notice(code="audio.no_speech", values={"level_dbfs": round(level, 1)}))
    if decoded.source_rate < decoded.model.sample_rate:
        values = {"found_hz": decoded.source_rate, "expected_hz": decoded.model.sample_rate}
        found.append(Notice(code="audio.narrow_band", values=values))
    if decoded.clipped_share > CLIPPED_SHARE:
        found.append(Notice(code="audio.clipped", values={"share": round(decoded.clipped_share, 4)}))
    if decoded.speech.peak > LOUD_PEAK:
        found.append(Notice(code="audio.above_full_scale", values={"peak": round(decoded.speech.peak, 2)}))
    return tuple(found)


def cancelled_channel(decoded: DecodedSignal) -> int | None:
    """Returns the loudest channel if the channels cancel each other in their mean (opposite polarity), else None."""
    if decoded.channels < 2:
        return None
    loudest = int(decoded.channel_powers.argmax())
    power = float(decoded.channel_powers[loudest])
    audible = power > 10.0 ** (SILENCE_DBFS / 10.0)
    return loudest if audible and decoded.mono_power < power * 10.0 ** (-CANCELLED_DB / 10.0) else None
