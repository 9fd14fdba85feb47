"""A waveform on its way through a run, beside the draft of its run folder.

The model is given the decoded float32 samples, not the 16-bit ones of ``processed_audio.wav``: so a long recording's
numbers are those that the same windows would get from memory. Up to two minutes stay in memory. More goes to a file
without a name, which the system gives back when it is closed, and also when the process is killed. It is read with
ordinary reads and not memory-mapped: mapped pages count as the process's memory, and a full disk would kill the process
where a write gives an error.
"""

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from webui.arrays import FloatArray
from webui.storage.faults import check_space, writing_to

MEMORY_BYTES: Final = 8_000_000  # 125 s
SAMPLE_BYTES: Final = 4
WAV_SAMPLE_BYTES: Final = 2  # of the wav file that will be made of it


class Spool:
    """Float32 samples that are appended, then read slice by slice.

    Args:
        folder: where the file lies if one is needed; the disk of the results.
        place: the folder that errors speak of.
        memory_bytes: up to this size no file is needed.
    """

    def __init__(self, folder: Path, *, place: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._place = place
        self._memory_bytes = memory_bytes
        self._file = tempfile.SpooledTemporaryFile(max_size=memory_bytes, dir=str(folder))  # noqa: SIM115 - see ``close``
        self._samples = 0
        self._divisor: np.float32 | None = None

    def expect(self, samples: int) -> None:
        """Refuses a recording of ``samples`` samples that would not find room on the disk, with its wav file.

        Raises:
            OutputError: there is too little space.
        """
        if samples * SAMPLE_BYTES > self._memory_bytes:
            check_space(self._place, samples * (SAMPLE_BYTES + WAV_SAMPLE_BYTES))

    def append(self, samples: FloatArray) -> None:
        """Takes the next samples, ``(samples,)``.

        Raises:
            OutputError: disk full, or not writable.
        """
        with writing_to(self._place):
            self._file.seek(self._samples * SAMPLE_BYTES)
            self._file.write(np.ascontiguousarray(samples, dtype=np.float32).tobytes())
            self._file.flush()  # so that a full disk is met here
        self._samples += len(samples)

    def divide_by(self, peak: float) -> None:
        """Makes every sample that much smaller, when it is read."""
        self._divisor = np.float32(peak)

    def close(self) -> None:
        """Gives the space back."""
        with contextlib.suppress(OSError):  # closing tries to write what a full disk refused
            self._file.close()

    def __len__(self) -> int:
        return self._samples

    def __getitem__(self, part: slice, /) -> FloatArray:
        start, stop, step = part.indices(self._samples)
        values = np.empty(max(0, stop - start), dtype=np.float32)
        with writing_to(self._place):
            self._file.seek(start * SAMPLE_BYTES)
            if self._file.readinto(values.data.cast("B")) != values.nbytes:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self._divisor is not None:
            values /= self._divisor
        return values[::step]
