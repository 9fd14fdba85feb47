"""Stores the embeddings and frame scores of a job's recordings; all embeddings of a job are from one model."""

from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from webui.arrays import FloatArray
from webui.engine.auto_choice import AUTO
from webui.service.recognition.options import RecognizeOptions
from webui.service.recognition.result_builder import FrameColumns
from webui.storage.job_extras import JobExtras, StoredEmbedding
from webui.storage.job_store import Item

Options = TypeVar("Options", bound=RecognizeOptions)


class ModelChangedError(Exception):
    """A recording was recognized with another model than the earlier ones: ``auto`` means another model by now."""


class ItemSink:
    """Stores what the analysis of one recording computes beside its document.

    Args:
        store: path of the database of jobs.
        item: the recording. Entries of an earlier attempt are deleted.
    """

    takes_all: Final = True

    def __init__(self, store: Path, item: Item) -> None:
        self._extras = JobExtras.of(store, item.job)
        self._number = item.number
        self._extras.clear(item.number)

    def with_one_model(self, options: Options, default: str) -> Options:
        """Returns the options with the model of the job's earlier embeddings in place of ``auto``.

        Embeddings of different models can't be compared, and usually have different sizes.

        Args:
            options: options of the job.
            default: the model of the settings.
        """
        chosen = options.model if options.model is not None else default
        if not options.extract_embedding or chosen != AUTO:
            return options
        return options.model_copy(update={"model": self._extras.model() or chosen})

    def add_embedding(self, part: int, channel: str | None, model: str, vector: FloatArray) -> None:
        """Stores an embedding.

        Raises:
            ModelChangedError: earlier embeddings of the job are from another model.
        """
        earlier = self._extras.model()
        if earlier is not None and earlier != model:
            raise ModelChangedError
        self._extras.add_embedding(StoredEmbedding(self._number, part, channel, model, vector))

    def add_frames(self, part: int, place: int, columns: FrameColumns) -> None:
        """Stores a group of rows of frame scores."""
        self._extras.add_frames(
            self._number, part, place, np.stack([np.asarray(column) for column in columns.values()])
        )
