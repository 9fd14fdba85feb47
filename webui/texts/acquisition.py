"""Texts about a large model on its way: while it comes, the built-in one answers."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "acquisition.waiting": Text(
        zh="{model} 正在准备中，完成后自动由它作答。",
        en="{model} is being prepared; it answers by itself as soon as it is ready.",
    ),
    "acquisition.asking": Text(
        zh="正在连接 ModelScope 和 Hugging Face 以下载 {model}，完成后自动由它作答。",
        en="Asking ModelScope and Hugging Face for {model}; it answers by itself as soon as it is ready.",
    ),
    "acquisition.downloading": Text(
        zh="正在从 {hub} 下载 {model}（{percent}%，{done_mb} / {total_mb} MB），完成后自动由它作答。",
        en=(
            "{model} is being downloaded from {hub} ({percent} %, {done_mb} of {total_mb} MB); "
            "it answers by itself when it is ready."
        ),
    ),
    "acquisition.converting": Text(
        zh="{model} 正在首次转换权重（{percent}%），完成后自动由它作答。",
        en="The weights of {model} are being converted, once ({percent} %); it answers by itself when it is ready.",
    ),
    "acquisition.loading": Text(
        zh="{model} 正在加载，完成后自动由它作答。",
        en="{model} is being loaded; it answers by itself as soon as it is ready.",
    ),
    "acquisition.failed": Text(
        zh="准备模型时程序出错（{reason}）。请重试；若仍失败，请附上日志报告问题。",
        en="The program failed while it prepared the model ({reason}). Try again; if it fails again, report it.",
    ),
}
