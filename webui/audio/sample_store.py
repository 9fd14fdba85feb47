"""The protocol of stores for decoded samples, and the store that keeps them in memory."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from webui.arrays import FloatArray, Samples


class SampleStore(Samples, Protocol):
    """A waveform to which samples are appended while they are decoded."""

    def expect(self, samples: int) -> None:
        """Called before the first sample, with the number of samples that the header states; may raise OutputError."""
        ...

    def append(self, samples: FloatArray) -> None:
        """Appends samples, ``(samples,)``."""
        ...

    def divide_by(self, peak: float) -> None:
        """Divides every sample by ``peak``; called after the last sample."""
        ...

    def close(self) -> None:
        """Frees the space; the samples can't be read afterwards. Closing twice is allowed."""
        ...


NewStore = Callable[[], SampleStore]


class MemoryStore:
    """A waveform in memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()  # grows in place, without a second copy in memory
        self._scaled: FloatArray | None = None

    def expect(self, samples: int) -> None:
        """Does nothing: memory is allocated as samples arrive, so a wrong length in the header costs none."""

    def append(self, samples: FloatArray) -> None:
        """Appends samples, ``(samples,)``."""
        self._bytes += np.ascontiguousarray(samples, dtype=np.float32).data.cast("B")

    def divide_by(self, peak: float) -> None:
        """Divides every sample by ``peak``."""
        self._scaled = self.whole() / np.float32(peak)

    def whole(self) -> FloatArray:
        """Returns all samples, ``(samples,)``; nothing can be appended while the array is in use."""
        return self._scaled if self._scaled is not None else np.frombuffer(self._bytes, dtype=np.float32)

    def close(self) -> None:
        """Releases the samples; arrays that were read earlier stay valid."""
        self._bytes = bytearray()
        self._scaled = None

    def __len__(self) -> int:
        return len(self._bytes) // 4

    def __getitem__(self, part: slice, /) -> FloatArray:
        return self.whole()[part]
