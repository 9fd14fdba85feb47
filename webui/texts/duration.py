"""Lengths of time for people: seconds up to a minute, then minutes, then hours."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Language, Text

MINUTE_S: Final = 60
HOUR_S: Final = 3600

TEXTS: Final[Mapping[str, Text]] = {
    "duration.seconds": Text(zh="{seconds} 秒", en="{seconds} s"),
    "duration.minutes": Text(zh="{minutes} 分 {seconds} 秒", en="{minutes} min {seconds} s"),
    "duration.whole_minutes": Text(zh="{minutes} 分钟", en="{minutes} min"),
    "duration.hours": Text(zh="{hours} 小时 {minutes} 分", en="{hours} h {minutes} min"),
    "duration.whole_hours": Text(zh="{hours} 小时", en="{hours} h"),
}


def duration_text(length_s: float, language: Language) -> str:
    """Returns a length of time: ``3.65 s``, ``4 min 5 s``, ``12 h``; without decimals from a minute on."""
    if length_s < MINUTE_S and round(length_s, 2) < MINUTE_S:
        return _filled("duration.seconds", language, seconds=f"{length_s:.2f}".rstrip("0").rstrip("."))
    total_s = round(length_s)
    if total_s < HOUR_S:
        minutes, seconds = divmod(total_s, MINUTE_S)
        key = "duration.minutes" if seconds else "duration.whole_minutes"
        return _filled(key, language, minutes=minutes, seconds=seconds)
    hours, minutes = divmod(round(total_s / MINUTE_S), 60)
    key = "duration.hours" if minutes else "duration.whole_hours"
    return _filled(key, language, hours=hours, minutes=minutes)


def clock_time(time_s: float, decimals: int = 0) -> str:
    """Returns a time in a long recording: ``1:05`` for 65 s, ``1:00:05`` for 3605 s; with decimals of the second."""
    whole_s, rest = divmod(round(time_s * 10**decimals), 10**decimals)
    minutes, seconds = divmod(whole_s, MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{shown}.{rest:0{decimals}d}" if decimals else shown


def _filled(key: str, language: Language, **values: object) -> str:
    return TEXTS[key].in_language(language).format_map(values)
