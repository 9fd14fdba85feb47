"""Stores of decoded samples: one in memory here, and the protocol that any other follows."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from webui.arrays import FloatArray, Samples


class SampleStore(Samples, Protocol):
    """A waveform that grows while it is decoded."""

    def expect(self, samples: int) -> None:
        """Receives, before the first sample, how many are expected by the file's header; may raise OutputError."""
        ...

    def append(self, samples: FloatArray) -> None:
        """Stores the next samples, ``(samples,)``."""
        ...

    def divide_by(self, peak: float) -> None:
        """Divides every sample, once all are stored."""
        ...

    def close(self) -> None:
        """Frees the space; nothing can be read after. Closing twice does no harm."""
        ...


NewStore = Callable[[], SampleStore]


class MemoryStore:
    """A waveform in memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()  # grows in place, without a second copy in memory
        self._scaled: FloatArray | None = None

    def expect(self, samples: int) -> None:
        """Does nothing: memory is taken as it is needed, and a file that promises hours costs none."""

    def append(self, samples: FloatArray) -> None:
        """Stores the next samples, ``(samples,)``."""
        self._bytes += np.ascontiguousarray(samples, dtype=np.float32).data.cast("B")

    def divide_by(self, peak: float) -> None:
        """Divides every sample."""
        self._scaled = self.whole() / np.float32(peak)

    def whole(self) -> FloatArray:
        """Returns all samples, ``(samples,)``; nothing can be appended while they are in use."""
        return self._scaled if self._scaled is not None else np.frombuffer(self._bytes, dtype=np.float32)

    def close(self) -> None:
        """Forgets the samples; arrays that were read stay."""
        self._bytes = bytearray()
        self._scaled = None

    def __len__(self) -> int:
        return len(self._bytes) // 4

    def __getitem__(self, part: slice, /) -> FloatArray:
        return self.whole()[part]
