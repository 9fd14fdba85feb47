"""Texts about fetching a model from a hub."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "download.unreachable": Text(
        zh=(
            "{seconds} 秒内连不上 ModelScope（{modelscope_reason}）和 Hugging Face（{huggingface_reason}），"
            "无法下载 {model}。请检查网络或代理后重试；离线机器请按 models/README.md 拷贝文件。"
        ),
        en=(
            "Neither ModelScope ({modelscope_reason}) nor Hugging Face ({huggingface_reason}) answered within "
            "{seconds} s, so {model} can't be downloaded. Check the network or the proxy and try again; "
            "models/README.md says how to carry the files to a machine without a network."
        ),
    ),
    "download.failed": Text(
        zh="{model} 下载失败（{reason}）。已下载的部分已保留，重试时从断点继续。",
        en="{model} could not be downloaded ({reason}). What arrived is kept: try again, and it goes on from there.",
    ),
    "download.cancelled": Text(
        zh="{model} 的下载已取消。已下载的部分已保留，重试时从断点继续。",
        en="The download of {model} was cancelled. What arrived is kept: try again, and it goes on from there.",
    ),
    "download.no_space": Text(
        zh=(
            "{folder} 所在磁盘只剩 {free_mb:.0f} MB，下载和转换需要 {needed_mb:.0f} MB。"
            "请清理磁盘，或用设置 models_dir 换一个位置。"
        ),
        en=(
            "Only {free_mb:.0f} MB are free where {folder} lies; the download and its conversion need {needed_mb:.0f} "
            "MB. Free some space, or choose another place with the setting models_dir."
        ),
    ),
    "download.not_written": Text(
        zh="无法写入 {folder}（{reason}）。请检查磁盘空间和权限，或用设置 models_dir 换一个位置。",
        en=(
            "{folder} can't be written to ({reason}). Check space and permissions, or choose another place with the "
            "setting models_dir."
        ),
    ),
}
