"""Files: writing one so that no reader ever sees half of it, and hashing one in pieces."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

DRAFT_SUFFIX: Final = ".partial"
HASH_BLOCK: Final = 1 << 24


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Has ``write`` write a draft beside ``path``, flushes it to the disk and renames it to ``path``.

    A reader sees the old file or the new one; after a power cut too. Two writers at once don't disturb each other: the
    last one to finish wins.

    Args:
        path: the file to make or replace; its folder exists.
        write: writes the whole file to the path that it is given.

    Raises:
        OSError: not writable, or no space. The draft is removed and the old file stays.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}{DRAFT_SUFFIX}")
    try:
        write(draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def hash_file(path: Path, on_progress: Callable[[float], None] = lambda _fraction: None) -> str:
    """Returns the SHA-256 of a file in hex.

    Args:
        path: the file.
        on_progress: called with the fraction that is read.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha256()
    done, total = 0, max(1, path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
            done += len(block)
            on_progress(done / total)
    return digest.hexdigest()
