"""What an Emotion2Vec checkpoint decides, whatever engine runs it."""

from typing import TYPE_CHECKING, Final

from webui.labels import LabelSet
from webui.units import SPEECH_RATE

if TYPE_CHECKING:  # an exported model needs the constants alone, and no PyTorch
    from webui.engine.emotion2vec.checkpoint import CheckpointInfo

CONTEXT_S: Final = 1.5  # of the windows of a long recording: the positional convolutions reach 0.9 s to each side


class Emotion2vecSizes:
    """The part of ``EmotionModel`` that a checkpoint's small files decide."""

    sample_rate = SPEECH_RATE

    def __init__(self, checkpoint: "CheckpointInfo") -> None:
        self._checkpoint = checkpoint

    @property
    def labels(self) -> LabelSet:
        """The classes of the checkpoint's ``tokens.txt``."""
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
        """Samples that one frame depends on: 400."""
        return self._checkpoint.config.receptive_samples

    @property
    def context_samples(self) -> int:
        """Overlap of the windows of a long recording."""
        return round(CONTEXT_S * self.sample_rate)
