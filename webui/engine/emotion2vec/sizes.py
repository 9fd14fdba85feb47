"""Attributes of an Emotion2Vec model that depend on its checkpoint and not on the engine."""

from typing import TYPE_CHECKING, Final

from webui.labels import LabelSet
from webui.units import SPEECH_RATE

if TYPE_CHECKING:  # the engine for exported models needs only the constants, and must not import PyTorch
    from webui.engine.emotion2vec.checkpoint import CheckpointInfo

CONTEXT_S: Final = 1.5  # overlap of the windows of a long recording; positional convolutions reach 0.9 s to each side


class Emotion2vecSizes:
    """Implements the attributes of ``EmotionModel`` that follow from ``config.yaml`` and ``tokens.txt``."""

    sample_rate = SPEECH_RATE

    def __init__(self, checkpoint: "CheckpointInfo") -> None:
        self._checkpoint = checkpoint

    @property
    def labels(self) -> LabelSet:
        """The classes, from the checkpoint's ``tokens.txt``."""
        return self._checkpoint.labels

    @property
    def frame_rate(self) -> float:
        """Frames per second: 50."""
        return self.sample_rate / self._checkpoint.config.hop_samples

    @property
    def embedding_dim(self) -> int:
        """Length of a feature vector: 1024 for large, 768 for base and seed."""
        return self._checkpoint.config.embed_dim

    @property
    def min_samples(self) -> int:
        """Length of the shortest input, in samples: 400."""
        return self._checkpoint.config.receptive_samples

    @property
    def context_samples(self) -> int:
        """Overlap of the windows of a long recording, in samples."""
        return round(CONTEXT_S * self.sample_rate)
