"""Where decoded samples go: into memory here; other places need only keep to the protocol."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from webui.arrays import FloatArray, Samples


class SampleStore(Samples, Protocol):
    """A waveform that grows while it is decoded."""

    def expect(self, samples: int) -> None:
        """Takes note, before the first sample, of how many will come if the file tells the truth; may refuse."""
        ...

    def append(self, samples: FloatArray) -> None:
        """Takes the next samples, ``(samples,)``."""
        ...

    def divide_by(self, peak: float) -> None:
        """Makes every sample, once all are there, that much smaller."""
        ...

    def close(self) -> None:
        """Gives the place back; nothing can be read after. Closing twice does no harm."""
        ...


NewStore = Callable[[], SampleStore]


class MemoryStore:
    """A waveform in memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()  # grows in place, without a second copy in memory
        self._scaled: FloatArray | None = None

    def expect(self, samples: int) -> None:
        """Memory is taken as it is needed: a file that promises hours costs nothing."""

    def append(self, samples: FloatArray) -> None:
        """Takes the next samples, ``(samples,)``."""
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
