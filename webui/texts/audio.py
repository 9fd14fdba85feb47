"""Texts about audio that comes in: errors and warnings."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "audio.too_short": Text(
        zh="音频太短：{found_ms:.0f} 毫秒，至少需要 {expected_ms:.0f} 毫秒。请换一段更长的录音（3-10 秒效果最好）。",
        en=(
            "The audio is too short: {found_ms:.0f} ms found, at least {expected_ms:.0f} ms expected. "
            "Use a longer recording (3-10 s works best)."
        ),
    ),
}
