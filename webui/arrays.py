"""Array types that several parts of the program share."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Samples(Protocol):
    """A waveform that is read slice by slice: signal values, shape ``(samples,)``. A NumPy array qualifies."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> FloatArray: ...
