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

NONSPEECH_TARGET: Final = {Emotion.OTHER: 0.35, Emotion.NEUTRAL: 0.3}  # the other classes share the rest equally
MIN_FRAMES, MAX_FRAMES = 50, 160  # shortest and longest batch: 1 s and 3.2 s


class BatchLoader:
    """Makes batches of mel images, pitch images and soft labels.

    Args:
        bank: the images of all recordings.
        rows: for each of ``clips``, its row in ``bank``.
        clips: the clips to train on.
        labels: the classes.
        options: how to train.
        soft: a teacher's scores for every clip, shape ``(clips, labels)``; they replace the labels.
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
        self.weights = clip_weights(clips, dict(options.corpus_weights))
        self.nonspeech_rows = np.arange(len(bank.offsets) - bank.nonspeech, len(bank.offsets))
        fixed = {label: NONSPEECH_TARGET.get(label, 0.0) for label in labels}
        remainder = (1 - sum(fixed.values())) / max(1, sum(share == 0 for share in fixed.values()))
        self.nonspeech_target = torch.tensor([share or remainder for share in fixed.values()])
        classes = torch.tensor([labels.index(clip.emotion) for clip in clips])
        smoothing = options.label_smoothing
        hard = F.one_hot(classes, len(labels)) * (1 - smoothing) + smoothing / len(labels)
        self.targets = hard if soft is None else soft.float()  # (clips, labels)

    def batches(self, random: np.random.Generator) -> list[IntArray]:
        """Draws the batches of an epoch. Each is an array of indices of clips, shape ``(B,)``."""
        options = self.options
        return list(
            draw_batches(
                self.lengths,
                self.weights,
                clips=options.clips_per_epoch,
                batch_size=options.batch_size,
                random=random,
            )
        )

    def load(self, indices: IntArray, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Returns images ``(B, 1, mels, T)`` and ``(B, 1, lags, T)``, and soft labels ``(B, labels)``."""
        targets = self.targets[torch.from_numpy(indices)].clone()
        images = []
        for position, index in enumerate(indices):
            row = int(self.rows[index])
            if random.random() < self.options.nonspeech_fraction:
                row = int(random.choice(self.nonspeech_rows))
                targets[position] = self.nonspeech_target
            images.append(self.bank.image(row, int(random.integers(self.bank.offsets.shape[1]))))
        shortest = min(len(image) for image in images)
        length = int(np.clip(shortest * random.uniform(0.8, 1.0), MIN_FRAMES, MAX_FRAMES))
        batch = torch.from_numpy(np.stack([_cut(image, length, random) for image in images])).float()
        batch = batch.transpose(1, 2)  # (B, mels + lags, T)
        if random.random() < self.options.stretch_prob:
            batch = F.interpolate(batch, scale_factor=float(random.uniform(0.83, 1.2)), mode="linear")
        mel, pitch = batch[:, : self.bank.mels].unsqueeze(1), batch[:, self.bank.mels :].unsqueeze(1)
        mel = augment.warp_rows(mel, random, self.options.vtlp_prob, shift=1.5, scale=0.05)
        pitch = augment.warp_rows(pitch, random, self.options.vtlp_prob, shift=2.0, scale=0.0)
        return augment.equalize_randomly(mel, random, self.options.vtlp_prob), pitch, targets


def _cut(image: NDArray[np.float16], length: int, random: np.random.Generator) -> NDArray[np.float16]:
    """Returns ``length`` consecutive frames from a random position; a shorter image is repeated."""
    if len(image) < length:
        return np.resize(image, (length, image.shape[1]))
    start = int(random.integers(len(image) - length + 1))
    return image[start : start + length]
