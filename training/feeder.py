"""Batches of augmented images with their soft labels."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training import augment
from training.data import Clip
from training.features import FeatureBank
from training.options import TrainOptions
from training.sampling import clip_weights, draw_batches
from webui.labels import Emotion

IntArray = NDArray[np.int64]

NOT_SPEECH_TARGET: Final = {Emotion.OTHER: 0.35, Emotion.NEUTRAL: 0.3}  # the rest is shared out equally
SHORTEST, LONGEST = 50, 160  # frames of a batch: 1 s, 3.2 s


class Feeder:
    """Makes batches of both images and soft labels.

    Args:
        bank: the images of all recordings.
        rows: where in the bank each of ``clips`` lies.
        clips: to train on.
        labels: the classes.
        options: how.
        soft: scores of a teacher for every clip, shape ``(clips, labels)``, in the place of its label.
    """

    def __init__(
        self,
        bank: FeatureBank,
        rows: IntArray,
        clips: Sequence[Clip],
        labels: tuple[Emotion, ...],
        options: TrainOptions,
        soft: Tensor | None = None,
    ) -> None:
        self.bank, self.rows, self.options, self.labels = bank, rows, options, labels
        self.lengths = bank.offsets[rows, 0, 1]
        self.weights = clip_weights(clips, dict(options.shares))
        self.not_speech_rows = np.arange(len(bank.offsets) - bank.not_speech, len(bank.offsets))
        named = {label: NOT_SPEECH_TARGET.get(label, 0.0) for label in labels}
        spare = (1 - sum(named.values())) / max(1, sum(share == 0 for share in named.values()))
        self.not_speech_target = torch.tensor([share or spare for share in named.values()])
        classes = torch.tensor([labels.index(clip.emotion) for clip in clips])
        hard = F.one_hot(classes, len(labels)) * (1 - options.smoothing) + options.smoothing / len(labels)
        self.targets = hard if soft is None else soft.float()  # (clips, labels)

    def batches(self, random: np.random.Generator) -> list[IntArray]:
        """Draws an epoch's batches."""
        drawn = draw_batches(
            self.lengths, self.weights, clips=self.options.clips_per_epoch, batch=self.options.batch, random=random
        )
        return list(drawn)

    def load(self, chosen: IntArray, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Returns images ``(B, 1, mels, T)`` and ``(B, 1, lags, T)``, and soft labels ``(B, labels)``."""
        targets = self.targets[torch.from_numpy(chosen)].clone()
        images = []
        for place, index in enumerate(chosen):
            row = int(self.rows[index])
            if random.random() < self.options.not_speech:
                row = int(random.choice(self.not_speech_rows))
                targets[place] = self.not_speech_target
            images.append(self.bank.image(row, int(random.integers(self.bank.offsets.shape[1]))))
        shortest = min(len(image) for image in images)
        length = int(np.clip(shortest * random.uniform(0.8, 1.0), SHORTEST, LONGEST))
        joined = torch.from_numpy(np.stack([_cut(image, length, random) for image in images])).float()
        joined = joined.transpose(1, 2)  # (B, mels + lags, T)
        if random.random() < self.options.stretch:
            joined = F.interpolate(joined, scale_factor=float(random.uniform(0.83, 1.2)), mode="linear")
        mel, pitch = joined[:, : self.bank.mels].unsqueeze(1), joined[:, self.bank.mels :].unsqueeze(1)
        mel = augment.warp_rows(mel, random, self.options.warp, shift=1.5, scale=0.05)
        pitch = augment.warp_rows(pitch, random, self.options.warp, shift=2.0, scale=0.0)
        return augment.tint(mel, random, self.options.warp), pitch, targets


def _cut(image: NDArray[np.float16], length: int, random: np.random.Generator) -> NDArray[np.float16]:
    """Returns ``length`` frames from a random place; a shorter image is repeated."""
    if len(image) < length:
        return np.resize(image, (length, image.shape[1]))
    start = int(random.integers(len(image) - length + 1))
    return image[start : start + length]
