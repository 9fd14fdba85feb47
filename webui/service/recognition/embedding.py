"""``embedding.npy``: one vector for the recording, or one for every frame, gathered window by window."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from webui import storage
from webui.arrays import FloatArray
from webui.engine.protocol import EmotionModel
from webui.results import Granularity
from webui.service.recognition.options import RecognizeOptions
from webui.service.recognition.windows import OnFeatures


class FeatureMean:
    """The mean of all features so far; holds one vector."""

    def __init__(self, dim: int) -> None:
        self._sum: NDArray[np.float64] = np.zeros(dim)
        self._count = 0

    def add(self, features: FloatArray) -> None:
        """Takes the next features, ``(some, dim)``."""
        self._sum += features.sum(axis=0, dtype=np.float64)
        self._count += len(features)

    def mean(self) -> FloatArray:
        """Returns ``(dim,)``."""
        return (self._sum / self._count).astype(np.float32)


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """The file while it is made.

    Attributes:
        shape: ``(dim,)`` or ``(frames, dim)``.
        add: takes the next features.
    """

    shape: tuple[int, ...]
    add: OnFeatures


@contextmanager
def embedding_file(
    draft: storage.RunDraft, options: RecognizeOptions, model: EmotionModel, frames: int
) -> Iterator[EmbeddingFile | None]:
    """Gives what takes the features of ``frames`` frames, and has written the file when the block ends.

    None if no embedding was asked for.

    Raises:
        OutputError: there is too little space, or the file can't be written.
    """
    dim = model.embedding_dim
    if not options.extract_embedding:
        yield None
    elif options.granularity is Granularity.FRAME:
        with draft.embedding_rows(frames, dim) as rows:
            yield EmbeddingFile((frames, dim), rows.append)
    else:
        pool = FeatureMean(dim)
        yield EmbeddingFile((dim,), pool.add)
        with draft.writing():
            storage.write_embedding(draft.path / storage.EMBEDDING_FILE, pool.mean())
