"""Writes ``embedding.npy`` of a long recording while the model is running."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from webui.storage.faults import writing_to


class EmbeddingRows:
    """A float32 array ``(frames, dim)`` that is written to the disk row by row and never held in memory.

    The file is byte for byte what ``np.save`` writes, and ``np.load(..., mmap_mode="r")`` opens it without reading it.
    It is written with ordinary writes instead of through a memory map: mapped pages count as memory of the process, and
    if the disk is full when a mapped page is written, the process is killed. A failed write raises an error.

    Args:
        path: path of the file.
        shape: shape of the whole array.
        place: folder that error messages name.

    Raises:
        OutputError: the disk is full or not writable; every method can raise it.
    """

    def __init__(self, path: Path, shape: tuple[int, int], *, place: Path) -> None:
        self._place = place
        self._missing = shape[0]
        with writing_to(place):
            self._file = path.open("wb")
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._file, header)

    def append(self, rows: NDArray[np.float32]) -> None:
        """Appends rows, ``(rows, dim)``."""
        self._missing -= len(rows)
        with writing_to(self._place):
            self._file.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())
            self._file.flush()  # so that a full disk raises an error here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with contextlib.suppress(OSError):  # closing retries the write that failed on a full disk
                self._file.close()
            return
        with writing_to(self._place):
            self._file.close()
        if self._missing != 0:
            raise ValueError(f"{self._missing} rows fewer than the shape")  # a bug in the caller
