"""How to train, in one frozen object."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How to train.

    Attributes:
        epochs: how many; an epoch is ``clips_per_epoch`` draws.
        clips_per_epoch: draws.
        batch: clips per step.
        learning_rate: the highest of the schedule (a rise over the first tenth, then a half cosine to 0).
        weight_decay: of AdamW.
        dropout: share of channels and features dropped.
        smoothing: share of a label given to all classes.
        mixup: chance that a batch is mixed with itself.
        average: decay per step of the averaged weights, which are the ones that are kept.
        shares: how often each corpus is drawn; a corpus that is not named gets 1/3.
        not_speech: share of draws that are silence, noise or music instead.
        not_speech_signals: how many different ones there are, times ``variants``.
        variants: how many images there are of each recording; the first is the recording as it is.
        warp: share of images whose pitch, throat and microphone are changed.
        stretch: share of batches played faster or slower at the same pitch.
        validate_every: epochs between two validations; the last epoch is always validated.
        seed: of everything.
        threads: of torch.
        device: that the network runs on; feeding it stays with the CPU.
    """

    epochs: int = 24
    clips_per_epoch: int = 3072
    batch: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    smoothing: float = 0.1
    mixup: float = 0.5
    average: float = 0.99
    shares: tuple[tuple[str, float], ...] = (("nemo", 0.42), ("ravdess", 0.35), ("emodb", 0.23))
    not_speech: float = 0.1
    not_speech_signals: int = 160
    variants: int = 5
    warp: float = 0.6
    stretch: float = 0.5
    validate_every: int = 1
    seed: int = 20_240_101
    threads: int = 2
    device: str = "cpu"

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.epochs * (self.clips_per_epoch // self.batch)


NOT_LASTING: Final = ("threads", "device")  # change how fast a training runs, not what it is
COUNTING: Final[dict[str, Any]] = {
    "dropout": 0.4,
    "batch": 192,
    "clips_per_epoch": 12_288,
    "weight_decay": 0.1,
    "not_speech": 0.15,
}
"""In what the training of a member that counts differs."""
