"""Writes ``embedding.npy``: one vector for the recording, or one per frame, collected window by window."""

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
    """Running mean of features; needs memory for one vector only."""

    def __init__(self, dim: int) -> None:
        self._sum: NDArray[np.float64] = np.zeros(dim)
        self._count = 0

    def add(self, features: FloatArray) -> None:
        """Adds features, shape ``(frames, dim)``."""
        self._sum += features.sum(axis=0, dtype=np.float64)
        self._count += len(features)

    def mean(self) -> FloatArray:
        """Returns the mean of all features added so far, shape ``(dim,)``."""
        return (self._sum / self._count).astype(np.float32)


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """The embedding file while it is being written.

    Attributes:
        name: name of the file.
        shape: shape of the array, ``(dim,)`` or ``(frames, dim)``.
        add: function that takes the features of the next frames.
    """

    name: str
    shape: tuple[int, ...]
    add: OnFeatures


@contextmanager
def embedding_file(
    draft: storage.RunDraft,
    options: RecognizeOptions,
    model: EmotionModel,
    frames: int,
    *,
    name: str = storage.EMBEDDING_FILE,
    pooled: bool = False,
) -> Iterator[EmbeddingFile | None]:
    """Yields an embedding file for ``frames`` frames; the file is complete when the block ends.

    Yields None if the options do not request an embedding.

    Args:
        draft: the run folder.
        options: options of the recognition.
        model: the model whose features are collected.
        frames: number of frames.
        name: name of the file.
        pooled: whether there is a single vector even with frame scores.

    Raises:
        OutputError: the file can't be written, or the disk has too little space.
    """
    dim = model.embedding_dim
    if not options.extract_embedding:
        yield None
    elif options.granularity is Granularity.FRAME and not pooled:
        with draft.embedding_rows(frames, dim, file_name=name) as rows:
            yield EmbeddingFile(name, (frames, dim), rows.append)
    else:
        pool = FeatureMean(dim)
        yield EmbeddingFile(name, (dim,), pool.add)
        with draft.writing():
            storage.write_embedding(draft.path / name, pool.mean())
