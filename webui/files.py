"""Replaces files atomically, and hashes them in blocks."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

DRAFT_SUFFIX: Final = ".partial"
HASH_BLOCK: Final = 1 << 24


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Calls ``write`` for a draft next to ``path``, flushes the draft to the disk and renames it to ``path``.

    A reader sees either the old or the complete new file, even after a power cut. Concurrent writers don't interfere
    with each other: the file of the last one to finish remains.

    Args:
        path: path of the file to create or replace, in an existing folder.
        write: writes the whole file to the path that it is called with.

    Raises:
        OSError: the disk is full or not writable. The draft is removed and the old file stays.
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
        path: path of the file.
        on_progress: called with the fraction that has been read.

    Raises:
        OSError: the file can't be read.
    """
    digest = hashlib.sha256()
    done, total = 0, max(1, path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
            done += len(block)
            on_progress(done / total)
    return digest.hexdigest()
