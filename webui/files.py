"""Replaces files atomically, hashes them in blocks, finds them in folders, and shows their names."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final
from uuid import uuid4

DRAFT_SUFFIX: Final = ".partial"
HASH_BLOCK: Final = 1 << 24
RAW_BYTE: Final = 0xDC00  # what the error handler "surrogateescape" adds to a byte (PEP 383)
PORTABLE_CHARS: Final = 60  # 180 bytes in UTF-8 if all are Chinese; names of files have at most 255
_NOT_PORTABLE: Final = frozenset('<>:"/\\|?*')  # in names of files on Windows
FIRST_RAW_BYTE, LAST_RAW_BYTE = RAW_BYTE + 0x80, RAW_BYTE + 0xFF


def printable_name(name: str) -> str:
    r"""Returns a file name or path that can be printed and encoded in UTF-8; different names stay different.

    On most systems, names are bytes. Python represents bytes that are not UTF-8, as in names from a Windows machine in
    China, by lone surrogates, which can't be encoded in UTF-8; they become escapes such as ``\xbf``.
    """
    return "".join(character if character.isprintable() else _escape(character) for character in name)


def portable_name(name: str) -> str:
    """Returns ``name`` as a part of a file name that every system accepts, at most ``PORTABLE_CHARS`` characters."""
    kept = "".join("_" if character in _NOT_PORTABLE else character for character in printable_name(name))
    return kept.strip(" .")[:PORTABLE_CHARS].rstrip(" .") or "_"


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Returns the files in a folder and its subfolders, sorted, without hidden files and files in hidden folders.

    Hidden names begin with a dot. macOS writes such a file for every file on a disk with another file system: the
    metadata of ``one.wav`` is stored in ``._one.wav``.

    Args:
        folder: the folder.
        suffixes: suffixes of the wanted files, in lower case and with the dot.
    """
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]


def _escape(character: str) -> str:
    code = ord(character)
    if FIRST_RAW_BYTE <= code <= LAST_RAW_BYTE:
        return f"\\x{code - RAW_BYTE:02x}"
    return character.encode("unicode_escape").decode("ascii")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Calls ``write`` for a draft next to ``path``, flushes the draft to the disk and renames it to ``path``.

    The file gets the mode that the umask gives, also from libraries that create private files, such as safetensors. A
    reader sees either the old or the complete new file, even after a power cut. Concurrent writers don't interfere with
    each other: the file of the last one to finish remains.

    Args:
        path: path of the file to create or replace, in an existing folder.
        write: writes the whole file to the path that it is called with.

    Raises:
        OSError: the disk is full or not writable. The draft is removed and the old file stays.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}{DRAFT_SUFFIX}")
    try:
        mode = default_mode(path.parent)
        write(draft)
        draft.chmod(mode)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def default_mode(folder: Path) -> int:
    """Returns the mode of a new file in a folder, found with an empty file: reading the umask would change it.

    Raises:
        OSError: the disk is full or not writable.
    """
    probe = folder / f".{uuid4().hex}{DRAFT_SUFFIX}"
    try:
        probe.touch()
        return stat.S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink(missing_ok=True)


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
