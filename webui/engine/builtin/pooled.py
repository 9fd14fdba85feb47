"""The network on top of pretrained encoders: pooling over layers and time, and heads for the classes.

The outputs of the encoders' blocks are averaged over groups of frames. Around each group, mean and standard deviation
of every channel over a sliding window are computed, and each head maps these to a feature vector and to logits. A
window reaches ``radius`` groups to either side, so a short recording is seen as a whole.

The logits of the frames are those of their group, and the answer for a recording is their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from webui.engine.builtin.encoder import (
    FRAME_SAMPLES,
    LEVEL,
    OVERLAP_FRAMES,
    SAMPLE_RATE,
    SHORTEST_SAMPLES,
    EncoderConfig,
    SpeechEncoder,
    WhisperMel,
)

VARIANCE_FLOOR: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledConfig:
    """Sizes of the network.

    Attributes:
        encoders: sizes of the encoders; all of them have the same number of mel rows.
        labels: number of classes.
        heads: number of heads. They are trained separately, and their logits are averaged.
        widths: widths of the layers of a head; the last is the length of a head's feature vector.
        group_frames: number of frames that are averaged.
        radius: reach of the pooling to each side, in groups.
    """

    encoders: tuple[EncoderConfig, ...] = field(default_factory=lambda: (EncoderConfig(),))
    labels: int = 8
    heads: int = 1
    widths: tuple[int, ...] = (128, 64)
    group_frames: int = 5
    radius: int = 20

    @property
    def channels(self) -> int:
        """Number of channels of a group: all blocks of all encoders."""
        return sum(encoder.layers * encoder.width for encoder in self.encoders)

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the input, in Hz."""
        return SAMPLE_RATE

    @property
    def hop_samples(self) -> int:
        """Distance between the starts of consecutive frames, in samples."""
        return FRAME_SAMPLES

    @property
    def min_samples(self) -> int:
        """Length of the shortest input, in samples."""
        return SHORTEST_SAMPLES

    @property
    def context_samples(self) -> int:
        """Number of samples on each side that change a frame's logits noticeably.

        Half of the overlap of two chunks, and the reach of the pooling. Attention sees the whole chunk, so a frame also
        depends a little on more distant ones; docs/TRAINING_NOTES.md has the measured difference.
        """
        return (OVERLAP_FRAMES // 2 + self.radius * self.group_frames) * FRAME_SAMPLES

    @property
    def feature_size(self) -> int:
        """Length of a feature vector: the concatenated feature vectors of all heads."""
        return self.heads * self.widths[-1]


class WindowStatistics(nn.Module):
    """Mean and standard deviation of each channel over a sliding window; it has no parameters."""

    def __init__(self, radius: int) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, groups: Tensor) -> Tensor:
        """Maps ``(B, G, channels)`` to ``(B, G, 2 * channels)``."""
        x = groups.transpose(1, 2)  # (B, channels, G)
        mean, square = (
            F.avg_pool1d(values, 2 * self.radius + 1, stride=1, padding=self.radius, count_include_pad=False)
            for values in (x, x.square())
        )
        deviation = torch.sqrt((square - mean.square()).clamp(min=0) + VARIANCE_FLOOR)
        return torch.cat([mean, deviation], dim=1).transpose(1, 2)


class PooledHead(nn.Module):
    """A multilayer perceptron that maps the statistics of a window to features, and these to logits.

    Args:
        inputs: number of statistics.
        widths: widths of the layers.
        labels: number of classes.
    """

    def __init__(self, inputs: int, widths: Sequence[int], labels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise((inputs, *widths)))
        self.head = nn.Linear(widths[-1], labels)

    def forward(self, statistics: Tensor) -> Tensor:
        """Maps ``(..., inputs)`` to features ``(..., widths[-1])``."""
        x = statistics
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class PooledNetwork(nn.Module):
    """Maps normalised samples to logits, averaged over the heads, and to the features of all heads."""

    def __init__(self, config: PooledConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = WhisperMel(config.encoders[0].mels)
        self.encoders = nn.ModuleList(SpeechEncoder(encoder) for encoder in config.encoders)
        self.statistics = WindowStatistics(config.radius)
        inputs = 2 * config.channels
        self.heads = nn.ModuleList(PooledHead(inputs, config.widths, config.labels) for _ in range(config.heads))

    def groups(self, samples: Tensor) -> Tensor:
        """Maps samples ``(B, samples)`` of mean 0 and variance 1 to the blocks' outputs ``(B, G, channels)``."""
        frames = (samples.shape[1] - SHORTEST_SAMPLES) // FRAME_SAMPLES + 1
        used = samples[:, : (frames - 1) * FRAME_SAMPLES + SHORTEST_SAMPLES]
        mel = self.mel(used * LEVEL)  # (B, mels, 2 T)
        encoders = cast("Sequence[SpeechEncoder]", self.encoders)
        layers = torch.cat([layer for encoder in encoders for layer in encoder.encode(mel)[1:]], dim=2)
        grouped = F.avg_pool1d(layers.transpose(1, 2), self.config.group_frames, ceil_mode=True)
        return grouped.transpose(1, 2)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Maps ``(B, samples)`` to logits ``(B, T, labels)`` and features ``(B, T, feature_size)``."""
        frames = (samples.shape[1] - SHORTEST_SAMPLES) // FRAME_SAMPLES + 1
        statistics = self.statistics(self.groups(samples))  # (B, G, 2 * channels)
        heads = cast("Sequence[PooledHead]", self.heads)
        features = [head(statistics) for head in heads]
        logits = torch.stack([head.head(values) for head, values in zip(heads, features, strict=True)]).mean(0)
        size = self.config.group_frames
        return (
            logits.repeat_interleave(size, dim=1)[:, :frames],
            torch.cat(features, dim=2).repeat_interleave(size, dim=1)[:, :frames],
        )
