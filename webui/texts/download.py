"""Texts about downloading a model from a hub."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "download.unreachable": Text(
        zh=(
            "离线：{seconds} 秒内未能连接到 ModelScope 和 Hugging Face，无法下载 {model}。"
            "请检查网络或代理后重试；离线机器请按 models/README.md 复制文件。"
        ),
        en=(
            "Offline: neither ModelScope nor Hugging Face could be reached within {seconds} s, so {model} can't be "
            "downloaded. Check the network or the proxy and try again; "
            "models/README.md describes how to copy the files to a machine without a network."
        ),
    ),
    "download.failed": Text(
        zh="{model} 下载失败（{reason}）。已下载的部分已保留，重试时从断点继续。",
        en="{model} could not be downloaded ({reason}). The downloaded part is kept; the next attempt resumes from it.",
    ),
    "download.cancelled": Text(
        zh="{model} 的下载已取消。已下载的部分已保留，重试时从断点继续。",
        en="The download of {model} was cancelled. The downloaded part is kept; the next attempt resumes from it.",
    ),
    "download.no_space": Text(
        zh=(
            "{folder} 所在磁盘只剩 {free_mb:.0f} MB，下载和转换需要 {needed_mb:.0f} MB。"
            "请清理磁盘，或用设置 models_dir 换一个位置。"
        ),
        en=(
            "Only {free_mb:.0f} MB are free on the disk of {folder}; the download and its conversion need "
            "{needed_mb:.0f} MB. Free some space, or choose another folder with the setting models_dir."
        ),
    ),
    "download.not_written": Text(
        zh="无法写入 {folder}（{reason}）。请检查磁盘空间和权限，或用设置 models_dir 换一个位置。",
        en=(
            "{folder} can't be written to ({reason}). Check space and permissions, or choose another folder with the "
            "setting models_dir."
        ),
    ),
}
