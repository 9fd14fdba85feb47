"""The embeddings of a job as one array: ``.npz``, or ``.npy`` with a table of names, which can be memory-mapped.

Only the names are held in memory; the vectors are copied one by one.
"""

import csv
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.lib import format as npy

from webui.arrays import FloatArray
from webui.errors import OutputError, RequestError
from webui.files import replace_file
from webui.service.csv_cells import escape_formulas, without_apostrophe
from webui.service.recognition.parts import WHOLE
from webui.storage.job_extras import JobExtras, StoredEmbedding
from webui.storage.job_store import Item, ItemState

NAMES_SUFFIX: Final = ".names.csv"  # beside a .npy file
NAME_COLUMNS: Final = ("path", "channel")
NAMES_BLOCK: Final = 4096  # names converted at a time
ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same embeddings


class ArrayFormat(StrEnum):
    """File format of an array of embeddings."""

    NPZ = "npz"
    NPY = "npy"


def array_format(path: Path) -> ArrayFormat:
    """Returns the format of a file by its name.

    Raises:
        RequestError: the name has another ending.
    """
    known = {f".{kind.value}": kind for kind in ArrayFormat}
    found = known.get(path.suffix.lower())
    if found is None:
        raise RequestError("cli.batch_embedding_format", found=path.name, expected=", ".join(known))
    return found


def names_file(path: Path) -> Path:
    """Returns the path of the table of names beside a ``.npy`` file: ``out.names.csv`` for ``out.npy``."""
    return path.with_name(path.stem + NAMES_SUFFIX)


def write_embeddings(items: Iterable[Item], extras: JobExtras, path: Path, kind: ArrayFormat) -> int:
    """Writes the embeddings of a job; each file appears complete or not at all.

    ``.npz`` contains the arrays ``names`` ``(N,)`` and ``channels`` ``(N,)`` of text, and ``embedding`` ``(N, dim)``
    float32, in the order of the recordings. ``channels`` is empty text except for separate channels. Recordings that
    failed or are not finished have no row.

    Args:
        items: recordings of one job.
        extras: the job's embeddings.
        path: path of the file.
        kind: format of the file.

    Returns:
        The number of rows.

    Raises:
        OutputError: the file can't be written, or the disk is full.
    """
    rows = _rows_of(items, extras)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind is ArrayFormat.NPZ:
            replace_file(path, lambda draft: _write_npz(rows, extras, draft))
        else:
            replace_file(names_file(path), lambda draft: _write_names(rows, draft))
            replace_file(path, lambda draft: _write_npy(rows, extras, draft))
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=path.parent, reason=err.strerror or str(err)) from err
    return len(rows.numbers)


class _Rows:
    """What is known of the rows before they are written: their recordings, names and channels, and the dimension."""

    def __init__(self) -> None:
        self.numbers: list[tuple[int, int]] = []  # recording, part
        self.names: list[str] = []
        self.channels: list[str] = []
        self.dim = 0

    def vectors(self, extras: JobExtras) -> Iterator[FloatArray]:
        """Yields the vector of each row."""
        stored: dict[int, FloatArray] = {}
        last = -1
        for number, part in self.numbers:
            if number != last:
                stored, last = {entry.part: entry.vector for entry in extras.embeddings(number)}, number
            yield stored[part]


def _rows_of(items: Iterable[Item], extras: JobExtras) -> _Rows:
    rows = _Rows()
    for item in items:
        if item.state is not ItemState.DONE:
            continue
        for entry in extras.embeddings(item.number):
            rows.numbers.append((item.number, entry.part))
            rows.names.append(item.name)
            rows.channels.append(entry.channel or "")
            rows.dim = len(entry.vector)
    return rows


def _write_npz(rows: _Rows, extras: JobExtras, path: Path) -> None:
    members: dict[str, Callable[[IO[bytes]], None]] = {
        "names.npy": lambda file: _write_texts(rows.names, file),
        "channels.npy": lambda file: _write_texts(rows.channels, file),
        "embedding.npy": lambda file: _write_vectors(rows, extras, file),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, write in members.items():
            with archive.open(zipfile.ZipInfo(name, ZIP_DATE), "w", force_zip64=True) as member:
                write(member)


def _write_npy(rows: _Rows, extras: JobExtras, path: Path) -> None:
    with path.open("wb") as file:
        _write_vectors(rows, extras, file)


def _write_vectors(rows: _Rows, extras: JobExtras, file: IO[bytes]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows.numbers), rows.dim)}
    npy.write_array_header_1_0(file, header)
    for vector in rows.vectors(extras):
        file.write(vector.astype("<f4").tobytes())


def _write_texts(texts: list[str], file: IO[bytes]) -> None:
    width = max(1, max(map(len, texts), default=1))
    npy.write_array_header_1_0(file, {"descr": f"<U{width}", "fortran_order": False, "shape": (len(texts),)})
    for start in range(0, len(texts), NAMES_BLOCK):
        file.write(np.array(texts[start : start + NAMES_BLOCK], dtype=f"<U{width}").tobytes())


def _write_names(rows: _Rows, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, NAME_COLUMNS)
        table.writeheader()
        for name, channel in zip(rows.names, rows.channels, strict=True):
            table.writerow(escape_formulas({"path": name, "channel": channel}))


def read_embeddings(path: Path) -> Iterator[tuple[str, str, FloatArray]]:
    """Yields the name, the channel and the vector of each row that ``write_embeddings`` wrote, read row by row.

    Raises:
        RequestError: the file is not such an array, or does not fit its table of names.
    """
    try:
        with ExitStack() as files:
            if array_format(path) is ArrayFormat.NPZ:
                archive = files.enter_context(zipfile.ZipFile(path))
                names, channels = (_read_texts(archive, name) for name in ("names.npy", "channels.npy"))
                file = files.enter_context(archive.open("embedding.npy"))
            else:
                names, channels = _read_names(names_file(path))
                file = files.enter_context(path.open("rb"))
            npy.read_magic(file)
            (count, dim), _, dtype = npy.read_array_header_1_0(file)
            if dtype != np.dtype("<f4") or not len(names) == len(channels) == count:
                raise ValueError("not an array of embeddings")
            for name, channel in zip(names, channels, strict=True):
                yield name, channel, np.frombuffer(file.read(4 * dim), dtype="<f4", count=dim)
    except (OSError, ValueError, KeyError, TypeError, csv.Error, zipfile.BadZipFile) as err:
        raise RequestError("cli.batch_other_embedding", path=path) from err


def _read_texts(archive: zipfile.ZipFile, name: str) -> list[str]:
    with archive.open(name) as member:
        texts: list[str] = npy.read_array(member, allow_pickle=False).tolist()
    return texts


def _read_names(path: Path) -> tuple[list[str], list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [{key: without_apostrophe(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [row["path"] for row in rows], [row["channel"] for row in rows]


def embedded_names(path: Path) -> set[str]:
    """Returns the names of the recordings that have a row in an array; empty if there is no such file.

    Raises:
        RequestError: the file is not an array of embeddings.
    """
    return {name for name, _channel, _vector in read_embeddings(path)} if path.exists() else set()


def keep_embeddings(path: Path, items: Sequence[Item], extras: JobExtras) -> None:
    """Copies the embeddings of finished recordings from an array to the extras of a job that extends it.

    Args:
        path: the array; nothing is copied if there is no such file.
        items: finished recordings with their numbers in the job.
        extras: the embeddings of the job.

    Raises:
        RequestError: the file is not an array of embeddings.
    """
    if path.exists():
        extras.add_embeddings(_entries(path, {item.name: item for item in items if item.state is ItemState.DONE}))


def _entries(path: Path, items: Mapping[str, Item]) -> Iterator[StoredEmbedding]:
    parts: Counter[str] = Counter()
    for name, channel, vector in read_embeddings(path):
        item = items.get(name)
        if item is not None:
            part = parts[name] if channel else WHOLE
            parts[name] += 1
            yield StoredEmbedding(item.number, part, channel or None, model_of(item), vector)


def model_of(item: Item) -> str:
    """Returns the name of the model of a finished recording."""
    return str(json.loads(item.outcome or "{}")["model"]["name"])
