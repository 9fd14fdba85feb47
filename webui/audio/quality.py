"""What the user should know about a recording that can be used: the warnings."""

from typing import Final

from webui.audio.limits import MODEL_SAMPLE_RATE
from webui.audio.signal.mixdown import DecodedSignal
from webui.results import Notice

SILENCE_DBFS: Final = -65.0  # the quietest of 5,019 clips of acted speech reaches -55
LOUD_PEAK: Final = 1.41  # 3 dB over full scale; codecs and resampling overshoot by less
CLIPPED_SHARE: Final = 0.001
CANCELLED_DB: Final = 30.0


def quality_warnings(intake: DecodedSignal, *, tracks: int) -> tuple[Notice, ...]:
    """Returns the warnings about a recording that is whole.

    Args:
        intake: the recording, before its peak is brought to full scale.
        tracks: how many audio tracks the file has.
    """
    found: list[Notice] = []
    level = intake.level_dbfs
    if level < SILENCE_DBFS:
        found.append(Notice(code="audio.no_speech", values={"level_dbfs": round(level, 1)}))
    if intake.sample_rate < MODEL_SAMPLE_RATE:
        values = {"found_hz": intake.sample_rate, "expected_hz": MODEL_SAMPLE_RATE}
        found.append(Notice(code="audio.narrow_band", values=values))
    if intake.clipped_share > CLIPPED_SHARE:
        found.append(Notice(code="audio.clipped", values={"share": round(intake.clipped_share, 4)}))
    if intake.peak > LOUD_PEAK:
        found.append(Notice(code="audio.above_full_scale", values={"peak": round(intake.peak, 2)}))
    if tracks > 1:
        found.append(Notice(code="audio.several_tracks", values={"tracks": tracks}))
    return tuple(found)


def cancelled_channel(intake: DecodedSignal) -> int | None:
    """Returns the loudest channel if the channels' mean cancels them (opposite polarity), else None."""
    if intake.channels < 2:
        return None
    loudest = int(intake.channel_powers.argmax())
    power = float(intake.channel_powers[loudest])
    audible = power > 10.0 ** (SILENCE_DBFS / 10.0)
    return loudest if audible and intake.mono_power < power * 10.0 ** (-CANCELLED_DB / 10.0) else None
