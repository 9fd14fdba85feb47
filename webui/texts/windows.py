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
            "A long recording: it was heard in {windows} windows of at most {window_s:.0f} s, cut at quiet places, "
            "with {context_s} s of context on both sides. The scores come from all frames; those of the recording "
            "heard in one piece may differ."
        ),
    ),
    "windows.whole_only": Text(
        zh=(
            "模型 {model} 只能整段分析，不能分窗：录音 {found_s:.1f} 秒，最长 {expected_s:.0f} 秒。"
            "请剪成几段，或换用其他模型。"
        ),
        en=(
            "The model {model} hears a recording only as a whole, not in windows: {found_s:.1f} s found, at most "
            "{expected_s:.0f} s accepted. Cut it into pieces, or choose another model."
        ),
    ),
}
