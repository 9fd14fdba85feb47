"""The options of training a head on the outputs of frozen encoders."""

from dataclasses import dataclass
from typing import Final

DEFAULT_SEED: Final = 20_260_301
VIEWS: Final = 4  # variants of each recording; the first is unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadOptions:
    """How to train one head.

    Attributes:
        widths: widths of the layers; the last is the length of the feature vector.
        epochs: number of epochs; an epoch is ``clips_per_epoch`` draws.
        clips_per_epoch: number of clips drawn per epoch.
        batch_size: number of clips per step.
        learning_rate: highest learning rate: a linear rise over the first tenth of the steps, then a half cosine to 0.
        weight_decay: weight decay of AdamW.
        input_dropout: fraction of the statistics that are dropped.
        dropout: fraction of the values of each layer that are dropped.
        label_smoothing: fraction of a label that is spread over all classes.
        mixup_prob: probability that a batch is mixed with a permutation of itself.
        ema_decay: decay per step of the moving average of the weights. The average is the trained head.
        balance: exponent of the size of a corpus' class; 0 draws each clip as often, 1 each class of each corpus.
        uniform_share: how far a class that a corpus lacks still counts as never occurring in it, from 0 (the loss does
            not compare with it at all) to 1 (the corpora's classes are ignored).
        votes_share: weight of what listeners heard in the label, where that is known; the rest is what was intended.
        weak_corpora: corpora with unreliable labels, and the factor on their probability.
        removed: number of directions in which speakers differ most, whatever their emotion; heads can't see them.
        nonspeech_fraction: fraction of the draws that are signals without speech.
        seed: seed of all random numbers.
    """

    widths: tuple[int, ...] = (80, 64)
    epochs: int = 30
    clips_per_epoch: int = 12_288
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    input_dropout: float = 0.3
    dropout: float = 0.4
    label_smoothing: float = 0.05
    mixup_prob: float = 0.5
    ema_decay: float = 0.99
    balance: float = 0.7
    uniform_share: float = 0.3
    votes_share: float = 0.15
    weak_corpora: tuple[tuple[str, float], ...] = (("emospeech", 0.5),)
    removed: int = 0
    nonspeech_fraction: float = 0.08
    seed: int = DEFAULT_SEED
