"""Times in a recording: in seconds, or in minutes and seconds in a long one."""

from typing import Final

from webui.texts import Language, text
from webui.texts.duration import clock_time

LONG_S: Final = 120.0  # in recordings from this length on, times are in minutes and seconds


def is_long(total_s: float) -> bool:
    """Returns whether times in a recording of this length are in minutes and seconds."""
    return total_s >= LONG_S


def time_text(time_s: float, total_s: float, language: Language) -> str:
    """Returns a time in a recording of ``total_s`` seconds: ``12.3 s``, or ``4:05`` in a long one."""
    if is_long(total_s):
        return clock_time(time_s)
    return text("page.time", language, time_s=time_s)
