"""``embedding.npy`` of a long recording, written while the model goes through it."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from webui.storage.faults import writing_to


class EmbeddingRows:
    """A float32 ``(frames, dim)`` that grows row by row on the disk and never lies in memory.

    The file is byte for byte what ``np.save`` makes, and ``np.load(..., mmap_mode="r")`` opens it without reading it.
    It is made with ordinary writes rather than through a map of its own: mapped pages count as the process's memory,
    and a disk that is full when such a page is written ends the process, where a write gives an error.

    Args:
        path: where to.
        shape: of the whole.
        place: the folder that errors speak of.

    Raises:
        OutputError: disk full, or not writable; by every method.
    """

    def __init__(self, path: Path, shape: tuple[int, int], *, place: Path) -> None:
        self._place = place
        self._missing = shape[0]
        with writing_to(place):
            self._file = path.open("wb")
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._file, header)

    def append(self, rows: NDArray[np.float32]) -> None:
        """Takes the next rows, ``(some, dim)``."""
        self._missing -= len(rows)
        with writing_to(self._place):
            self._file.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())
            self._file.flush()  # so that a full disk is met here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with contextlib.suppress(OSError):  # closing tries to write what a full disk refused
                self._file.close()
            return
        with writing_to(self._place):
            self._file.close()
        if self._missing != 0:
            raise ValueError(f"{self._missing} rows fewer than promised")  # a mistake in the program
