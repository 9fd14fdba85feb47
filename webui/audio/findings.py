"""What the user should know about a recording that can be used: the warnings."""

import math
from typing import Final

import numpy as np

from webui.audio.intake import Intake
from webui.audio.limits import MIN_SAMPLES, MODEL_SAMPLE_RATE
from webui.audio.reader import FloatArray
from webui.results import Notice

SILENCE_DBFS: Final = -65.0  # the quietest of 5,019 clips of acted speech reaches -55
LOWEST_DBFS: Final = -120.0  # what digital silence is reported as; JSON has no infinity
LOUD_PEAK: Final = 1.41  # 3 dB over full scale; codecs and resampling overshoot by less
CLIPPED_SHARE: Final = 0.001
CANCELLED_DB: Final = 30.0
_CHUNK: Final = MIN_SAMPLES * 2400  # a minute at a time, so that an hour needs no second hour of memory


def find_warnings(intake: Intake, *, tracks: int) -> tuple[Notice, ...]:
    """Returns the warnings about a recording that is whole.

    Args:
        intake: the recording, before its peak is brought to full scale.
        tracks: how many audio tracks the file has.
    """
    found: list[Notice] = []
    level = loudest_level_dbfs(intake.waveform)
    if level < SILENCE_DBFS:
        found.append(Notice(code="audio.no_speech", values={"level_dbfs": round(level, 1)}))
    if intake.sample_rate < MODEL_SAMPLE_RATE:
        values = {"found_hz": intake.sample_rate, "expected_hz": MODEL_SAMPLE_RATE}
        found.append(Notice(code="audio.narrow_band", values=values))
    if intake.clipped_share > CLIPPED_SHARE:
        found.append(Notice(code="audio.clipped", values={"share": round(intake.clipped_share, 4)}))
    peak = peak_of(intake.waveform)
    if peak > LOUD_PEAK:
        found.append(Notice(code="audio.above_full_scale", values={"peak": round(peak, 2)}))
    if tracks > 1:
        found.append(Notice(code="audio.several_tracks", values={"tracks": tracks}))
    return tuple(found)


def loudest_level_dbfs(waveform: FloatArray) -> float:
    """Returns the level of the loudest 25 ms, in dB below full scale (a full-scale square wave has 0 dB).

    The mean of each 25 ms is taken out first, so a constant offset is silence too. Speech, however soft, has
    moments above ``SILENCE_DBFS``; a muted input and an open one without a voice have not.

    Args:
        waveform: at least 400 samples at 16 kHz, shape ``(samples,)``.
    """
    loudest = float(waveform[-MIN_SAMPLES:].astype(np.float64).var())
    for start in range(0, len(waveform), _CHUNK):
        chunk = waveform[start : start + _CHUNK]
        frames = chunk[: len(chunk) // MIN_SAMPLES * MIN_SAMPLES].reshape(-1, MIN_SAMPLES).astype(np.float64)
        loudest = max(loudest, float(frames.var(axis=1).max(initial=0.0)))
    return max(LOWEST_DBFS, 10.0 * math.log10(loudest)) if loudest > 0.0 else LOWEST_DBFS


def cancelled_channel(intake: Intake) -> int | None:
    """Returns the loudest channel if the channels' mean cancels them (opposite polarity), else None."""
    if intake.channels < 2:
        return None
    loudest = int(intake.channel_powers.argmax())
    power = float(intake.channel_powers[loudest])
    audible = power > 10.0 ** (SILENCE_DBFS / 10.0)
    return loudest if audible and intake.mono_power < power * 10.0 ** (-CANCELLED_DB / 10.0) else None


def peak_of(waveform: FloatArray) -> float:
    """Returns the greatest absolute value."""
    return max(float(waveform.max()), -float(waveform.min()))
