"""Texts about a model while it is downloaded, converted and loaded; until then the built-in model is used."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "acquisition.waiting": Text(
        zh="{model} 正在准备中，完成后自动启用。",
        en="{model} is being prepared; it will be used as soon as it is ready.",
    ),
    "acquisition.asking": Text(
        zh="正在连接 ModelScope 和 Hugging Face 以下载 {model}，完成后自动启用。",
        en="Connecting to ModelScope and Hugging Face to download {model}; it will be used as soon as it is ready.",
    ),
    "acquisition.downloading": Text(
        zh="正在从 {hub} 下载 {model}（{percent}%，{done_mb} / {total_mb} MB），完成后自动启用。",
        en=(
            "Downloading {model} from {hub} ({percent} %, {done_mb} of {total_mb} MB); "
            "it will be used as soon as it is ready."
        ),
    ),
    "acquisition.converting": Text(
        zh="正在转换 {model} 的权重（仅首次需要，{percent}%），完成后自动启用。",
        en="Converting the weights of {model} (only once, {percent} %); it will be used as soon as it is ready.",
    ),
    "acquisition.loading": Text(
        zh="正在加载 {model}，完成后自动启用。",
        en="Loading {model}; it will be used as soon as it is ready.",
    ),
    "acquisition.failed": Text(
        zh="准备模型时发生内部错误（{reason}）。请重试；若仍失败，请附上日志报告问题。",
        en="Internal error while preparing the model ({reason}). Try again; if it fails again, report it with the log.",
    ),
}
