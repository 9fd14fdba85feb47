"""Texts about results that can't be written."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "storage.jobs_version": Text(
        zh="{file} 的版本为 {found}，本程序需要 {expected}。请删除该文件，或使用写入它的那个程序版本。",
        en="{file} has version {found}; {expected} is expected. Delete it, or use the program version that wrote it.",
    ),
    "storage.jobs_in_use": Text(
        zh="任务数据库 {file} 正被另一个进程使用。请结束那个进程，或使用另一个结果文件夹。",
        en="The job database {file} is in use by another process. End that process, or use another results folder.",
    ),
    "storage.jobs_not_written": Text(
        zh="无法写入任务数据库 {file}（{reason}）。请检查磁盘空间和权限。",
        en="The job database {file} can't be written ({reason}). Check the disk space and permissions.",
    ),
    "storage.disk_full": Text(
        zh="磁盘已满，无法把结果写入 {folder}（可用 {free_mb:.0f} MB）。请清理磁盘，或把 outputs_dir 设为其他文件夹。",
        en=(
            "The disk is full: the results can't be written to {folder} ({free_mb:.0f} MB free). "
            "Free some space, or set outputs_dir to another folder."
        ),
    ),
    "storage.too_little_space": Text(
        zh=(
            "磁盘空间不足：处理这段录音还需约 {needed_mb:.0f} MB，{folder} 所在磁盘只剩 {free_mb:.0f} MB。"
            "没有留下任何文件。请清理磁盘，或把 outputs_dir 设为其他文件夹。"
        ),
        en=(
            "Not enough disk space: this recording needs about {needed_mb:.0f} MB more, {free_mb:.0f} MB are free on "
            "the disk of {folder}. No file was left behind. Free some space, or set outputs_dir to another folder."
        ),
    ),
    "storage.not_writable": Text(
        zh="无法写入文件夹 {folder}（{reason}）。请修改权限，或把 outputs_dir 设为其他文件夹。",
        en=(
            "The folder {folder} can't be written to ({reason}). "
            "Change its permissions, or set outputs_dir to another folder."
        ),
    ),
    "storage.failed": Text(
        zh="结果写入 {folder} 失败（{reason}），没有留下不完整的结果。请检查磁盘后重试。",
        en=(
            "Writing the results to {folder} failed ({reason}); no incomplete result was left behind. "
            "Check the disk and try again."
        ),
    ),
}
