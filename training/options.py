"""The options of a training run."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How to train one member.

    Attributes:
        epochs: number of epochs; an epoch is ``clips_per_epoch`` draws.
        clips_per_epoch: number of clips drawn per epoch.
        batch_size: number of clips per step.
        learning_rate: highest learning rate of the schedule: a linear rise over the first tenth of the steps, then a
            half cosine down to 0.
        weight_decay: weight decay of AdamW.
        dropout: fraction of channels and features that are dropped.
        label_smoothing: fraction of a label that is spread over all classes.
        mixup_prob: probability that a batch is mixed with a permutation of itself.
        ema_decay: decay per step of the exponential moving average of the weights. The average is the trained member.
        corpus_weights: weight of each corpus when clips are drawn; a corpus that is not listed has the weight 1/3.
        nonspeech_fraction: fraction of the draws that are silence, noise or music instead of a clip.
        nonspeech_signals: number of different signals without speech; each has ``variants`` variants.
        variants: number of variants of each recording (other speed, microphone and room); the first is unchanged.
        vtlp_prob: probability that the pitch, vocal tract length and microphone of a clip are perturbed.
        stretch_prob: probability that a batch is sped up or slowed down at the same pitch.
        validate_every: epochs between two validations; the last epoch is always validated.
        seed: seed of all random numbers.
        threads: number of threads of PyTorch.
        device: PyTorch device that the network runs on; batches are always made on the CPU.
    """

    epochs: int = 24
    clips_per_epoch: int = 3072
    batch_size: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    label_smoothing: float = 0.1
    mixup_prob: float = 0.5
    ema_decay: float = 0.99
    corpus_weights: tuple[tuple[str, float], ...] = (("nemo", 0.42), ("ravdess", 0.35), ("emodb", 0.23))
    nonspeech_fraction: float = 0.1
    nonspeech_signals: int = 160
    variants: int = 5
    vtlp_prob: float = 0.6
    stretch_prob: float = 0.5
    validate_every: int = 1
    seed: int = 20_240_101
    threads: int = 2
    device: str = "cpu"

    @property
    def steps(self) -> int:
        """Number of steps of the whole run."""
        return self.epochs * (self.clips_per_epoch // self.batch_size)


RUNTIME_ONLY: Final = ("threads", "device")  # options that change the speed of a run, but not its result
STATISTICS_MLP: Final[dict[str, Any]] = {
    "dropout": 0.4,
    "batch_size": 192,
    "clips_per_epoch": 12_288,
    "weight_decay": 0.1,
    "nonspeech_fraction": 0.15,
}
"""Overrides for a statistics MLP, the other kind of member: see ``webui/engine/builtin/statistics.py``."""
