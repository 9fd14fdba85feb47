"""The files of a hub's repository: which of them to download, and whether they arrived intact."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from webui.engine.catalog import ModelFiles
from webui.files import hash_file

SPARE_BYTES: Final = 50_000_000  # disk space that has to remain free after a download


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as listed by the hub.

    Attributes:
        path: the path in the repository.
        size_bytes: the size of the file.
        sha256: the SHA-256 of the file; empty if the hub doesn't state it, or if the hub's client checks it.
    """

    path: str
    size_bytes: int
    sha256: str = ""


class UnusableRepositoryError(Exception):
    """The repository lacks a file that the model needs, or a file arrived damaged."""


class NoSpaceError(Exception):
    """The disk has too little free space.

    Args:
        needed_bytes: the space that the download needs.
        free_bytes: the space that is free.
    """

    def __init__(self, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(needed_bytes, free_bytes)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


def choose_files(listed: list[HubFile], files: ModelFiles) -> list[HubFile]:
    """Returns the files to download.

    Args:
        listed: all files of the repository.
        files: which files make up a model.

    Raises:
        UnusableRepositoryError: a file that the model needs is not listed.
    """
    wanted = [file for file in listed if _matches(file.path, files.wanted)]
    names = {file.path for file in wanted}
    missing = sorted(set(files.needed) - names)
    formats = [name for name in files.one_of if name in names]
    if files.one_of and not formats:
        missing.append(files.one_of[0])
    if missing:
        raise UnusableRepositoryError(f"the repository has no {', '.join(missing)}")
    return [file for file in wanted if file.path not in formats[1:]]


def check_space(chosen: list[HubFile], target: Path, files: ModelFiles) -> None:
    """Checks that the disk has room for the download and for the conversion after it.

    Args:
        chosen: the files to download.
        target: the folder they are written to. Files that an earlier download left there need no more space.
        files: which files make up a model.

    Raises:
        NoSpaceError: there is too little space.
    """
    present = sum(
        path.stat().st_size for path in target.rglob("*") if path.is_file() and not _matches(path.name, files.generated)
    )
    converted = int(files.converted_share * max(file.size_bytes for file in chosen))
    needed = sum(file.size_bytes for file in chosen) - present + converted + SPARE_BYTES
    free = shutil.disk_usage(target).free
    if free < needed:
        raise NoSpaceError(needed, free)


def check_files(files: list[HubFile], target: Path, *, with_hash: bool = False) -> None:
    """Compares downloaded files with the hub's list.

    Args:
        files: the files to check.
        target: the folder they were written to.
        with_hash: whether to compare the SHA-256 too, where it is known.

    Raises:
        UnusableRepositoryError: a file differs from the list. It has been deleted.
    """
    for file in files:
        path = target / file.path
        found = path.stat().st_size
        if found != file.size_bytes:
            path.unlink()
            raise UnusableRepositoryError(f"{file.path} has {found} bytes, {file.size_bytes} were listed")
        if with_hash and file.sha256 and hash_file(path) != file.sha256:
            path.unlink()
            raise UnusableRepositoryError(f"{file.path} has another SHA-256 than the one listed")


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)
