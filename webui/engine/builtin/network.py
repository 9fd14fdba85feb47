"""The built-in model's network: small, convolutional, with a limited receptive field.

Two images (mel spectrogram, pitch) pass through 2-D convolutions each, and the results are added to give ``width``
channels. 1-D convolutions over time and attentive pooling over a sliding window follow. A frame depends on at most
``context_frames`` frames on each side, so a long recording can be cut into overlapping windows without changing any
score.

A linear head maps each frame's features to logits. Because it is linear, the mean of the frame logits equals the logits
of the mean features.

A model averages several such networks, its convolutional members, and optionally statistics MLPs (``statistics.py``).

The first layers downsample time by 4, so features and logits are computed 12.5 times a second, and each is repeated for
the 4 frames of its group. Computing every frame with dilated kernels (``downsample=False``) gives the same values once
per group and only a smoother curve in between, for four times the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.engine.builtin.statistics import StatisticsConfig, StatisticsMember

ATTENTION_RANGE: Final = 4.0  # attention weights lie between exp(-4) and exp(4)
VARIANCE_FLOOR: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        front_end: sizes of the two images.
        labels: number of classes.
        members: number of convolutional members. They are trained separately, share the front end, and their logits
            are averaged.
        mel_channels: number of channels after each 2-D layer of the mel branch; every layer halves the rows.
        pitch_channels: number of channels after each 2-D layer of the pitch branch.
        time_strides: stride in time of each 2-D layer.
        width: number of channels of the 1-D layers, and length of a member's feature vector.
        dilations: dilation of each 1-D layer, in groups of frames.
        heads: number of attention heads of the pooling.
        radius: reach of the pooling to each side, in groups of frames.
        statistics_members: number of statistics MLPs.
        statistics_share: weight of the mean logits of the statistics MLPs, from 0 to 1; the convolutional members have
            the remaining weight.
        statistics: sizes of the statistics MLPs.
    """

    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    labels: int = 8
    members: int = 1
    mel_channels: tuple[int, ...] = (24, 48, 64, 96)
    pitch_channels: tuple[int, ...] = (12, 24, 32, 48)
    time_strides: tuple[int, ...] = (2, 2, 1, 1)
    width: int = 192
    dilations: tuple[int, ...] = (1, 2, 2)
    heads: int = 8
    radius: int = 18
    statistics_members: int = 0
    statistics_share: float = 0.35
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)

    @property
    def downsampling(self) -> int:
        """Number of frames in a group: the factor by which all 2-D layers together downsample time."""
        product = 1
        for stride in self.time_strides:
            product *= stride
        return product

    @property
    def context_frames(self) -> int:
        """Number of frames on each side that can change a frame's logits.

        It is rounded up to one less than a multiple of ``downsampling``: the front end reaches one frame further, and a
        window that starts at a multiple of ``downsampling`` frames gives the same frames as the whole recording.
        """
        reach, step = 0, 1
        for stride in self.time_strides:
            reach += step
            step *= stride
        reach += step * (sum(self.dilations) + self.radius)
        reach += step - 1  # the last frame of a group has the value of the first
        if self.statistics_members:
            reach = max(reach, self.statistics.context_frames(step))
        return -(-(reach + 1) // step) * step - 1

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the input, in Hz."""
        return self.front_end.sample_rate

    @property
    def hop_samples(self) -> int:
        """Distance between the starts of consecutive frames, in samples."""
        return self.front_end.hop_samples

    @property
    def min_samples(self) -> int:
        """Length of the shortest input, in samples: one frame."""
        return self.front_end.frame_samples

    @property
    def context_samples(self) -> int:
        """Number of samples on each side that a frame depends on."""
        return self.context_frames * self.front_end.hop_samples + self.front_end.reach_samples

    @property
    def feature_size(self) -> int:
        """Length of a feature vector: the concatenated feature vectors of all members."""
        return self.members * self.width + self.statistics_members * self.statistics.widths[-1]


class ImageBlock(nn.Module):
    """A 3 x 3 convolution that halves the number of rows, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(inputs, outputs, 3)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, step: int, *, downsample: bool) -> Tensor:
        """Maps ``(B, inputs, rows, T)`` to ``(B, outputs, rows / 2, T)``, or ``T / stride`` if ``downsample``.

        Args:
            x: the input.
            step: dilation in time: product of the strides that earlier layers did not apply; 1 if they applied them.
            downsample: whether to apply the stride in time.
        """
        y = F.conv2d(
            x,
            self.conv.weight,
            self.conv.bias,
            stride=(2, self.stride if downsample else 1),
            padding=(1, step),
            dilation=(1, step),
        )
        return F.relu(self.norm(y))


class ImageStack(nn.Module):
    """The 2-D layers of one branch: maps an image ``(B, 1, rows, T)`` to ``(B, width, T)``."""

    def __init__(self, rows: int, channels: tuple[int, ...], config: NetworkConfig, *, batch_norm: bool) -> None:
        super().__init__()
        inputs = (1, *channels[:-1])
        sizes = zip(inputs, channels, config.time_strides, strict=True)
        self.blocks = nn.ModuleList(ImageBlock(i, o, s, batch_norm=batch_norm) for i, o, s in sizes)
        for _ in channels:
            rows = (rows + 1) // 2
        self.project = nn.Conv1d(channels[-1] * rows, config.width, 1)

    def forward(self, x: Tensor, *, downsample: bool) -> Tensor:
        """Runs the branch, with or without the strides in time."""
        step = 1
        for block in cast("Sequence[ImageBlock]", self.blocks):
            x = block(x, step, downsample=downsample)
            step = step if downsample else step * block.stride
        projected: Tensor = self.project(x.flatten(1, 2))
        return projected


class TimeBlock(nn.Module):
    """A residual 1-D convolution with a kernel of 3 over ``(B, width, T)``."""

    def __init__(self, width: int, dilation: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(width, width, 3)
        self.norm = nn.BatchNorm1d(width) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Maps ``(B, width, T)`` to the same shape; ``step`` is the number of frames of ``x`` in a group."""
        reach = self.dilation * step
        y = F.conv1d(x, self.conv.weight, self.conv.bias, padding=reach, dilation=reach)
        return x + F.relu(self.norm(y))


class LocalPooling(nn.Module):
    """Attention-weighted mean and standard deviation over a sliding window, combined with the frame itself."""

    def __init__(self, width: int, heads: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Conv1d(width, heads, 1)
        self.mix = nn.Conv1d(3 * width, width, 1)
        self.norm = nn.BatchNorm1d(width) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, radius: int) -> Tensor:
        """Maps ``(B, width, T)`` to the same shape; ``radius`` is in frames of ``x``."""
        width = x.shape[1]
        weights = torch.exp(ATTENTION_RANGE * torch.tanh(self.attention(x) / ATTENTION_RANGE))  # (B, heads, T)
        per_channel = weights.repeat_interleave(width // self.heads, dim=1)  # (B, width, T)
        stacked = torch.cat([per_channel * x, per_channel * x.square(), weights], dim=1)
        sums = F.avg_pool1d(stacked, 2 * radius + 1, stride=1, padding=radius)  # the zero padding has no weight
        total = sums[:, 2 * width :].repeat_interleave(width // self.heads, dim=1)
        mean = sums[:, :width] / total
        variance = sums[:, width : 2 * width] / total - mean.square()
        deviation = torch.sqrt(variance.clamp(min=0) + VARIANCE_FLOOR)
        return F.relu(self.norm(self.mix(torch.cat([x, mean, deviation], dim=1))))


class MemberNetwork(nn.Module):
    """A convolutional member: maps the two images to frame features, and has a head for the logits."""

    def __init__(self, config: NetworkConfig, *, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.mel = ImageStack(config.front_end.mels, config.mel_channels, config, batch_norm=batch_norm)
        self.pitch = ImageStack(config.front_end.lags, config.pitch_channels, config, batch_norm=batch_norm)
        self.join_norm = nn.BatchNorm1d(config.width) if batch_norm else nn.Identity()
        self.time = nn.ModuleList(TimeBlock(config.width, d, batch_norm=batch_norm) for d in config.dilations)
        self.pooling = LocalPooling(config.width, config.heads, batch_norm=batch_norm)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(config.width, config.labels)

    def forward(self, mel: Tensor, pitch: Tensor, *, downsample: bool = False) -> Tensor:
        """Returns frame features ``(B, T, width)``; ``(B, groups, width)`` if ``downsample``."""
        joined = self.mel(mel, downsample=downsample) + self.pitch(pitch, downsample=downsample)
        x = self.dropout(F.relu(self.join_norm(joined)))
        step = 1 if downsample else self.config.downsampling
        for block in self.time:
            x = block(x, step)
        pooled: Tensor = self.pooling(x, self.config.radius * step)
        return pooled.transpose(1, 2)

    def group_features(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Returns one feature vector per group of frames, shape ``(B, groups, width)``."""
        features: Tensor = self(mel, pitch, downsample=True)
        return features


def statistics_mlp(config: NetworkConfig, *, batch_norm: bool = False, dropout: float = 0.0) -> StatisticsMember:
    """Returns a statistics MLP with the sizes in ``config``."""
    return StatisticsMember(
        config.statistics,
        config.front_end,
        downsampling=config.downsampling,
        labels=config.labels,
        batch_norm=batch_norm,
        dropout=dropout,
    )


class BuiltinNetwork(nn.Module):
    """The whole network: maps normalised samples to frame features and to the mean frame logits of all members."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = FrontEnd(config.front_end)
        self.members = nn.ModuleList(MemberNetwork(config) for _ in range(config.members))
        # the files of weights call the statistics MLPs "counting"
        self.counting = nn.ModuleList(statistics_mlp(config) for _ in range(config.statistics_members))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Maps ``(B, samples)`` to logits ``(B, T, labels)`` and features ``(B, T, feature_size)``."""
        mel, pitch = self.front_end(samples)
        frames, group = mel.shape[3], self.config.downsampling
        members = cast("Sequence[MemberNetwork]", self.members)
        mlps = cast("Sequence[StatisticsMember]", self.counting)
        features = [member.group_features(mel, pitch) for member in members]
        logits = [member.head(values) for member, values in zip(members, features, strict=True)]
        if mlps:
            statistics = mlps[0].statistics(mel, pitch)  # the same for all of them
            features += [mlp.features_of(statistics) for mlp in mlps]
            logits += [mlp.head(values) for mlp, values in zip(mlps, features[len(members) :], strict=True)]
        share = self.config.statistics_share
        means = [torch.stack(part).mean(0) for part in (logits[: len(members)], logits[len(members) :]) if part]
        mean = means[0] if len(means) == 1 else (1 - share) * means[0] + share * means[1]
        return (
            mean.repeat_interleave(group, dim=1)[:, :frames],
            torch.cat(features, dim=2).repeat_interleave(group, dim=1)[:, :frames],
        )
