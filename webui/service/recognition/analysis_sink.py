"""Passes on results of an analysis that its document does not contain: embeddings, and long frame scores."""

from pathlib import Path
from typing import Final, Protocol

import numpy as np

from webui import storage
from webui.arrays import FloatArray
from webui.service.recognition.parts import WHOLE, file_of
from webui.service.recognition.result_builder import BuiltResult, FrameColumns


class AnalysisSink(Protocol):
    """Takes embeddings and frame scores. ``part`` is the index of a channel, or ``WHOLE``.

    Attributes:
        takes_all: whether it takes the frame scores and the embedding of each separate channel; otherwise only the
            embedding of the whole recording.
    """

    @property
    def takes_all(self) -> bool:
        """Whether it takes everything; see the attributes of the class."""

    def add_embedding(self, part: int, channel: str | None, model: str, vector: FloatArray) -> None:
        """Takes an embedding, shape ``(dim,)``; ``channel`` is the name or index of the channel."""

    def add_frames(self, part: int, place: int, columns: FrameColumns) -> None:
        """Takes a group of rows of frame scores that the document does not contain; ``place`` is its index."""


def hand_on(built: BuiltResult, folder: Path, sink: AnalysisSink) -> None:
    """Hands on the embeddings and frame scores of a result.

    Args:
        built: the result.
        folder: folder that contains the embedding files.
        sink: takes them.
    """
    result = built.result
    labels: dict[int, str | None] = {
        channel.index: channel.name if channel.name is not None else str(channel.index)
        for channel in (result.channels or () if sink.takes_all else ())
    }
    if len(labels) == 1:  # the only channel is the whole recording
        labels = {WHOLE: next(iter(labels.values()))}
    for part, label in (labels or {WHOLE: None}).items():
        if result.embedding is not None:
            vector = np.load(folder / file_of(storage.EMBEDDING_FILE, part), allow_pickle=False)
            sink.add_embedding(part, label, result.model.name, vector)
        groups = built.frame_groups if part == WHOLE else built.channel_frame_groups.get(part)
        for place, columns in enumerate(groups or ()):
            sink.add_frames(part, place, columns)


class EmbeddingOfWhole:
    """Takes the embedding of the whole recording, and no frame scores.

    Attributes:
        vector: the embedding, shape ``(dim,)``; None if none was computed.
    """

    takes_all: Final = False

    def __init__(self) -> None:
        self.vector: FloatArray | None = None

    def add_embedding(self, _part: int, _channel: str | None, _model: str, vector: FloatArray) -> None:
        """Takes the embedding."""
        self.vector = vector

    def add_frames(self, _part: int, _place: int, _columns: FrameColumns) -> None:
        """Ignores frame scores."""
