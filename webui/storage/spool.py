"""Holds the waveform of a run, in memory or in a temporary file in the draft of its run folder.

The model gets the decoded float32 samples, not the 16-bit samples of ``processed_audio.wav``, so the results of a long
recording don't depend on where its samples are held. Up to two minutes stay in memory. Longer recordings go to a file
without a name, whose space the operating system frees when it is closed, even if the process is killed. The file is
read with ordinary reads and not memory-mapped: mapped pages count as memory of the process, and a full disk would kill
the process instead of raising an error.
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
WAV_SAMPLE_BYTES: Final = 2  # in the wav file that is written later


class Spool:
    """Float32 samples that are appended and then read slice by slice.

    Args:
        folder: folder of the temporary file, on the disk of the results.
        place: folder that error messages name.
        memory_bytes: size up to which the samples stay in memory.
    """

    def __init__(self, folder: Path, *, place: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._place = place
        self._memory_bytes = memory_bytes
        self._file = tempfile.SpooledTemporaryFile(max_size=memory_bytes, dir=str(folder))  # noqa: SIM115 - see ``close``
        self._samples = 0
        self._divisor: np.float32 | None = None

    def expect(self, samples: int) -> None:
        """Checks that the disk has enough free space for ``samples`` samples and their wav file.

        Raises:
            OutputError: there is not enough space.
        """
        if samples * SAMPLE_BYTES > self._memory_bytes:
            check_space(self._place, samples * (SAMPLE_BYTES + WAV_SAMPLE_BYTES))

    def append(self, samples: FloatArray) -> None:
        """Appends samples, ``(samples,)``.

        Raises:
            OutputError: the disk is full or not writable.
        """
        with writing_to(self._place):
            self._file.seek(self._samples * SAMPLE_BYTES)
            self._file.write(np.ascontiguousarray(samples, dtype=np.float32).tobytes())
            self._file.flush()  # so that a full disk raises an error here
        self._samples += len(samples)

    def divide_by(self, peak: float) -> None:
        """Divides every sample by ``peak`` when it is read."""
        self._divisor = np.float32(peak)

    def close(self) -> None:
        """Frees the space."""
        with contextlib.suppress(OSError):  # closing retries the write that failed on a full disk
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
