"""Texts about recordings that are longer than one window of a model."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "windows.cut": Text(
        zh=(
            "录音较长，已在安静处切成 {windows} 个窗口分析（每个最长 {window_s:.0f} 秒，"
            "含前后各 {context_s} 秒上下文）。总体得分来自全部帧，与一次分析整段可能略有差别。"
        ),
        en=(
            "The recording is long and was analysed in {windows} windows of at most {window_s:.0f} s, cut at quiet "
            "places, with {context_s} s of context on both sides. The scores come from all frames and may differ "
            "slightly from those of an analysis in one piece."
        ),
    ),
}
