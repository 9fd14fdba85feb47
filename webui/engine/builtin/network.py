"""The built-in model's network: a small convolutional one, with a limited view of the recording.

Two images (mel spectrogram, pitch) go through 2-D convolutions and are added as ``width`` channels; then come 1-D
convolutions over time and one attentive pooling over a sliding window. A frame depends on ``context_frames`` frames to
each side and no more, so a long recording can be cut into overlapping windows without changing a score.

The head is linear on each frame's features: the mean of the frame logits is the head of the mean features.

Beside these convolutional members there may be statistics MLPs: ``statistics.py``.

Time is thinned out by 4 in the first layers, so features and logits are computed 12.5 times a second, and each is given
out for the 4 frames it stands for. Computing every frame with dilated kernels gives the same values at the thinned-out
places and nothing but smoother curves between them, for four times the work.
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
        members: how many networks, trained apart, share the front end; their logits are averaged.
        mel_channels: channels after each 2-D layer of the mel branch; every layer halves the rows.
        pitch_channels: the same of the pitch branch.
        time_strides: by how much each 2-D layer thins out time.
        width: channels of the 1-D layers, and length of a member's feature vector.
        dilations: of the 1-D layers, in thinned-out frames.
        heads: of the pooling.
        radius: reach of the pooling to each side, in thinned-out frames.
        statistics_members: how many statistics MLPs there are beside them.
        statistics_share: weight of the MLPs' mean logits; the rest is the weight of the other members'.
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
    def thinning(self) -> int:
        """By how much time is thinned out after all 2-D layers."""
        product = 1
        for stride in self.time_strides:
            product *= stride
        return product

    @property
    def context_frames(self) -> int:
        """How many frames to each side can change a frame's logits.

        Rounded up to one less than a multiple of ``thinning``: the front end reaches one frame further, and a window
        that starts at a multiple of ``thinning`` frames gives the same frames as the whole recording.
        """
        reach, step = 0, 1
        for stride in self.time_strides:
            reach += step
            step *= stride
        reach += step * (sum(self.dilations) + self.radius) + step - 1  # the last of a group of frames sees the first's
        if self.statistics_members:
            reach = max(reach, self.statistics.context_frames(step))
        return -(-(reach + 1) // step) * step - 1

    @property
    def feature_size(self) -> int:
        """Length of a feature vector: those of all members side by side."""
        return self.members * self.width + self.statistics_members * self.statistics.widths[-1]


class ImageBlock(nn.Module):
    """3 x 3 convolution that halves the rows, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(inputs, outputs, 3)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, step: int, *, thin: bool) -> Tensor:
        """Maps ``(B, inputs, rows, T)`` to ``(B, outputs, rows / 2, T)``, or ``T / stride`` if ``thin``."""
        y = F.conv2d(
            x,
            self.conv.weight,
            self.conv.bias,
            stride=(2, self.stride if thin else 1),
            padding=(1, step),
            dilation=(1, step),
        )
        return F.relu(self.norm(y))


class ImageStack(nn.Module):
    """One branch: image ``(B, 1, rows, T)`` to ``(B, width, T)``."""

    def __init__(self, rows: int, channels: tuple[int, ...], config: NetworkConfig, *, batch_norm: bool) -> None:
        super().__init__()
        inputs = (1, *channels[:-1])
        sizes = zip(inputs, channels, config.time_strides, strict=True)
        self.blocks = nn.ModuleList(ImageBlock(i, o, s, batch_norm=batch_norm) for i, o, s in sizes)
        for _ in channels:
            rows = (rows + 1) // 2
        self.project = nn.Conv1d(channels[-1] * rows, config.width, 1)

    def forward(self, x: Tensor, *, thin: bool) -> Tensor:
        """Runs the branch."""
        step = 1
        for block in cast("Sequence[ImageBlock]", self.blocks):
            x = block(x, step, thin=thin)
            step = step if thin else step * block.stride
        projected: Tensor = self.project(x.flatten(1, 2))
        return projected


class TimeBlock(nn.Module):
    """Residual 1-D convolution of 3 taps over ``(B, width, T)``."""

    def __init__(self, width: int, dilation: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(width, width, 3)
        self.norm = nn.BatchNorm1d(width) if batch_norm else nn.Identity()

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Returns the same shape."""
        reach = self.dilation * step
        y = F.conv1d(x, self.conv.weight, self.conv.bias, padding=reach, dilation=reach)
        return x + F.relu(self.norm(y))


class LocalPooling(nn.Module):
    """Attentive mean and deviation over a sliding window, mixed with the frame itself."""

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
        spread = weights.repeat_interleave(width // self.heads, dim=1)  # (B, width, T)
        stacked = torch.cat([spread * x, spread * x.square(), weights], dim=1)
        sums = F.avg_pool1d(stacked, 2 * radius + 1, stride=1, padding=radius)  # zeros outside count as no weight
        total = sums[:, 2 * width :].repeat_interleave(width // self.heads, dim=1)
        mean = sums[:, :width] / total
        variance = sums[:, width : 2 * width] / total - mean.square()
        deviation = torch.sqrt(variance.clamp(min=0) + VARIANCE_FLOOR)
        return F.relu(self.norm(self.mix(torch.cat([x, mean, deviation], dim=1))))


class MemberNetwork(nn.Module):
    """One trained network: the two images to frame features, and the head on them."""

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

    def forward(self, mel: Tensor, pitch: Tensor, *, thin: bool = False) -> Tensor:
        """Returns frame features ``(B, T, width)``; ``(B, about T / 4, width)`` if ``thin``."""
        x = self.dropout(F.relu(self.join_norm(self.mel(mel, thin=thin) + self.pitch(pitch, thin=thin))))
        step = 1 if thin else self.config.thinning
        for block in self.time:
            x = block(x, step)
        pooled: Tensor = self.pooling(x, self.config.radius * step)
        return pooled.transpose(1, 2)

    def thinned(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Returns features of the groups of frames that share a value, ``(B, groups, width)``."""
        features: Tensor = self(mel, pitch, thin=True)
        return features


def statistics_mlp(config: NetworkConfig, *, batch_norm: bool = False, dropout: float = 0.0) -> StatisticsMember:
    """Returns a statistics MLP of the sizes in ``config``."""
    return StatisticsMember(
        config.statistics,
        config.front_end,
        thinning=config.thinning,
        labels=config.labels,
        batch_norm=batch_norm,
        dropout=dropout,
    )


class BuiltinNetwork(nn.Module):
    """Normalised samples to frame features and frame logits, averaged over the members."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = FrontEnd(config.front_end)
        self.members = nn.ModuleList(MemberNetwork(config) for _ in range(config.members))
        # "counting" is what the statistics MLPs are called in the files of weights
        self.counting = nn.ModuleList(statistics_mlp(config) for _ in range(config.statistics_members))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Maps ``(B, samples)`` to logits ``(B, T, labels)`` and features ``(B, T, feature_size)``."""
        mel, pitch = self.front_end(samples)
        frames, group = mel.shape[3], self.config.thinning
        members = cast("Sequence[MemberNetwork]", self.members)
        mlps = cast("Sequence[StatisticsMember]", self.counting)
        features = [member.thinned(mel, pitch) for member in members]
        logits = [member.head(own) for member, own in zip(members, features, strict=True)]
        if mlps:
            statistics = mlps[0].statistics(mel, pitch)  # the same for all of them
            features += [mlp.perceive(statistics) for mlp in mlps]
            logits += [mlp.head(own) for mlp, own in zip(mlps, features[len(members) :], strict=True)]
        share = self.config.statistics_share
        means = [torch.stack(kind).mean(0) for kind in (logits[: len(members)], logits[len(members) :]) if kind]
        mean = means[0] if len(means) == 1 else (1 - share) * means[0] + share * means[1]
        return (
            mean.repeat_interleave(group, dim=1)[:, :frames],
            torch.cat(features, dim=2).repeat_interleave(group, dim=1)[:, :frames],
        )
