"""Batches of augmented waveforms with their soft labels."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import augment
from training.cache import SAMPLE_RATE, WaveformCache
from training.data import Clip
from training.options import TrainOptions
from training.sampling import clip_weights, draw_batches
from webui.labels import Emotion

IntArray = NDArray[np.int64]

NOT_SPEECH_TARGET: Final = {Emotion.OTHER: 0.35, Emotion.NEUTRAL: 0.3}  # the rest is shared out equally


class Feeder:
    """Makes batches of normalised waveforms and soft labels."""

    def __init__(
        self, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...], options: TrainOptions
    ) -> None:
        self.cache, self.options, self.labels = cache, options, labels
        self.rows = cache.rows_of(clips)
        self.lengths = np.diff(cache.offsets[0])[self.rows]
        self.weights = clip_weights(clips, dict(options.shares))
        self.classes = np.array([labels.index(clip.emotion) for clip in clips])
        named = {label: NOT_SPEECH_TARGET.get(label, 0.0) for label in labels}
        spare = (1 - sum(named.values())) / max(1, sum(share == 0 for share in named.values()))
        self.not_speech_target = torch.tensor([share or spare for share in named.values()])
        self.targets = torch.eye(len(labels)) * (1 - options.smoothing) + options.smoothing / len(labels)

    def batches(self, random: np.random.Generator) -> list[IntArray]:
        """Draws an epoch's batches."""
        drawn = draw_batches(
            self.lengths, self.weights, clips=self.options.clips_per_epoch, batch=self.options.batch, random=random
        )
        return list(drawn)

    def load(self, chosen: IntArray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Returns waveforms ``(B, samples)`` and soft labels ``(B, labels)``."""
        middle = float(np.median(self.lengths[chosen])) * float(random.uniform(0.75, 1.1))
        samples = int(np.clip(middle, 1.0 * SAMPLE_RATE, 4.5 * SAMPLE_RATE))
        targets = self.targets[torch.from_numpy(self.classes[chosen])].clone()
        waveforms = torch.empty(chosen.size, samples)
        speeds = len(self.cache.samples)
        for row, index in enumerate(chosen):
            if random.random() < self.options.not_speech:
                waveform = augment.not_speech(samples, random)
                targets[row] = self.not_speech_target
            else:
                speed = int(random.integers(speeds))
                waveform = augment.fit_length(self.cache.waveform(int(self.rows[index]), speed), samples, random)
            waveforms[row] = torch.from_numpy(waveform)
        waveforms = augment.filter_randomly(augment.normalise(waveforms), random, share=0.5)
        waveforms = augment.normalise(augment.add_noise(waveforms, random, share=0.4))
        gains_db = torch.from_numpy(random.normal(0, 2.0, (chosen.size, 1))).float()
        return waveforms * 10 ** (gains_db / 20), targets
