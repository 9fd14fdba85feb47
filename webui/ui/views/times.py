"""Places in a recording: in seconds, or as minutes and seconds in a long one."""

from typing import Final

from webui.texts import Language, text
from webui.texts.duration import clock_time

LONG_S: Final = 120.0  # recordings from this length on have places in minutes and seconds


def is_long(total_s: float) -> bool:
    """Returns whether places in a recording of this length are in minutes and seconds."""
    return total_s >= LONG_S


def place(time_s: float, total_s: float, language: Language) -> str:
    """Returns a place in a recording of ``total_s`` seconds: ``12.3 s``, or ``4:05`` in a long one."""
    if is_long(total_s):
        return clock_time(time_s)
    return text("page.place", language, time_s=time_s)
