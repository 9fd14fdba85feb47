"""The second kind of member of the built-in model: an MLP on statistics of the voice.

A convolutional member detects patterns in the images. This kind computes functionals instead: the means and
standard deviations of the level of each band, its rate of change, the pitch and its movement, taken around each frame
and weighted by the presence of speech. Emotion was recognised this way before deep networks (openSMILE's functionals:
Eyben et al., 2010). Its errors differ from those of the convolutional members, so averaging both is better than either.

Values are aggregated over groups of ``downsampling`` frames; a group depends on ``radius`` groups on each side.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from webui.engine.builtin.frontend import FrontEndConfig

CEPSTRA: Final = 16  # number of cepstral coefficients
BANDS: Final = 8  # number of wide bands whose modulation is measured
SCALES: Final = (1, 2, 4, 8, 16, 32)  # frames; reach of the moving means, for modulations from 25 Hz to below 1 Hz
VOICE_VALUES: Final = 9  # number of values about pitch, its movement and clarity, and the proportion of speech
LOUDNESS_VALUES: Final = 3  # number of values about the loudness
SPEECH_REACH: Final = 52  # frames on each side; speech is detected relative to the loudest of them
SMOOTHING: Final = 2  # frames on each side that loudness is averaged over first
SPEECH_DEPTH: Final = 0.9  # in units of the mel image: 16 dB below the loudest frame is the threshold of speech
SPEECH_EDGE: Final = 0.08  # width of the soft threshold, in units of the mel image
PITCH_SHARPNESS: Final = 12.0  # factor before the softmax over the pitch image's rows
PITCH_CENTRE, PITCH_SPREAD = 84.0, 6.0  # semitones above 1 Hz: 128 Hz, and half an octave
LONGEST_STEP: Final = 2.0  # semitones from frame to frame; larger steps are errors of the pitch estimate
QUIET: Final = -9.0  # below every value of a mel image
FLOOR: Final = 1e-4  # added to variances and weights
MODULATION_FLOOR: Final = 0.01  # added before the logarithm of the modulations


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsConfig:
    """Sizes of a statistics MLP.

    Attributes:
        widths: widths of the layers; the last is the length of the member's feature vector.
        radius: reach of the statistics to each side, in groups of frames.
    """

    widths: tuple[int, ...] = (256, 128)
    radius: int = 26

    def context_frames(self, downsampling: int) -> int:
        """Returns the number of frames on each side that can change a frame's statistics.

        Args:
            downsampling: number of frames in a group.
        """
        return downsampling * (self.radius + 1) + max(SPEECH_REACH + SMOOTHING, SCALES[-1])


class LocalStatistics(nn.Module):
    """Maps both images to means and standard deviations around each group of frames; it has no trained parameters."""

    cosines: Tensor
    semitones: Tensor

    def __init__(self, front_end: FrontEndConfig, radius: int, downsampling: int) -> None:
        super().__init__()
        self.radius, self.downsampling = radius, downsampling
        position = (torch.arange(front_end.mels) + 0.5) / front_end.mels
        order = torch.arange(1, CEPSTRA + 1).unsqueeze(1)
        cosines = torch.cos(math.pi * order * position) * math.sqrt(2 / front_end.mels)
        low, high = math.log2(front_end.lowest_pitch_hz), math.log2(front_end.highest_pitch_hz)
        self.register_buffer("cosines", cosines, persistent=False)  # (CEPSTRA, mels)
        self.register_buffer(
            "semitones", 12 * torch.linspace(low, high, front_end.lags).view(1, -1, 1), persistent=False
        )
        self.size = 3 * front_end.mels + 2 * CEPSTRA + 2 * front_end.lags + VOICE_VALUES + LOUDNESS_VALUES
        self.size += BANDS * len(SCALES)

    def forward(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Maps ``(B, 1, mels, T)`` and ``(B, 1, lags, T)`` to ``(B, size, groups)``."""
        mel, pitch = mel[:, 0], pitch[:, 0]
        loudness = mel.mean(1, keepdim=True)  # (B, 1, T)
        speech, uniform = self._speech(loudness), torch.ones_like(loudness)  # weights of the frames
        cepstra = torch.einsum("kf,bft->bkt", self.cosines, mel)
        deltas = torch.zeros_like(cepstra)
        if mel.shape[2] > 2:
            deltas = F.pad(cepstra[:, :, 2:] - cepstra[:, :, :-2], (1, 1))
        in_speech = torch.cat([mel, pitch, cepstra, deltas, loudness, _step(mel).abs()], dim=1)
        means, deviations = self._weighted_statistics(in_speech, speech)
        sizes = [mel.shape[1], pitch.shape[1], CEPSTRA, CEPSTRA, 1, mel.shape[1]]
        mel_mean, pitch_mean, _, _, _, mel_step = torch.split(means, sizes, dim=1)
        mel_std, pitch_std, cepstra_std, deltas_std, loudness_std, _ = torch.split(deviations, sizes, dim=1)
        bands = torch.unflatten(mel, 1, (BANDS, -1)).mean(2)  # (B, BANDS, T)
        smooth = [bands, *(_moving_mean(bands, scale) for scale in SCALES)]
        modulations = torch.cat([fine - coarse for fine, coarse in pairwise(smooth)], dim=1)
        all_frames = torch.cat([modulations, loudness, _step(loudness).abs()], dim=1)
        means, deviations = self._weighted_statistics(all_frames, uniform)
        modulation_std = deviations[:, :-2]
        level = [deviations[:, -2:-1], loudness_std, means[:, -1:]]
        spectrum = [mel_mean, mel_std, mel_step, cepstra_std, deltas_std, pitch_mean, pitch_std]
        log_modulation = torch.log(modulation_std + MODULATION_FLOOR)
        return torch.cat([*spectrum, *self._voice(pitch, speech), *level, log_modulation], dim=1)

    def _voice(self, pitch: Tensor, speech: Tensor) -> list[Tensor]:
        """Returns statistics of the pitch in half octaves, its steps and clarity, and the proportion of speech."""
        clarity = pitch.amax(1, keepdim=True)
        semitones = (torch.softmax(PITCH_SHARPNESS * pitch, dim=1) * self.semitones).sum(1, keepdim=True) - PITCH_CENTRE
        step = _step(semitones).clamp(-LONGEST_STEP, LONGEST_STEP)
        voiced = speech * clarity.clamp(min=0).square()
        movement = torch.cat([semitones / PITCH_SPREAD, step, step.abs()], dim=1)
        movement_mean, movement_std = self._weighted_statistics(movement, voiced)
        clarity_mean, clarity_std = self._weighted_statistics(clarity, speech)
        speech_share, _ = self._weighted_statistics(speech, torch.ones_like(speech))
        voiced_share, _ = self._weighted_statistics(voiced, torch.ones_like(voiced))
        return [movement_mean, movement_std[:, :2], clarity_mean, clarity_std, speech_share, voiced_share]

    def _speech(self, loudness: Tensor) -> Tensor:
        """Returns values near 1 for frames of speech and near 0 for pauses, shape ``(B, 1, T)``."""
        padded = F.pad(_moving_mean(loudness, SMOOTHING), (SPEECH_REACH, SPEECH_REACH), value=QUIET)
        loudest = F.max_pool1d(padded, 2 * SPEECH_REACH + 1, 1)
        return torch.sigmoid((loudness - loudest + SPEECH_DEPTH) / SPEECH_EDGE)

    def _weighted_statistics(self, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns weighted means and standard deviations around each group, shape ``(B, D, groups)`` each.

        Args:
            values: shape ``(B, D, T)``.
            weights: weight of each frame, shape ``(B, 1, T)``.
        """
        stacked = torch.cat([values * weights, values.square() * weights, weights], dim=1)
        padded = F.pad(stacked, (0, -stacked.shape[2] % self.downsampling))
        groups = torch.unflatten(padded, 2, (-1, self.downsampling)).sum(3)
        sums = F.avg_pool1d(groups, 2 * self.radius + 1, stride=1, padding=self.radius)
        size = values.shape[1]
        total = sums[:, -1:] + FLOOR / (2 * self.radius + 1)
        mean = sums[:, :size] / total
        variance = sums[:, size : 2 * size] / total - mean.square()
        return mean, torch.sqrt(variance.clamp(min=0) + FLOOR)


class StatisticsMember(nn.Module):
    """A statistics MLP: computes the statistics and maps them to features, and has a head for the logits."""

    def __init__(
        self,
        config: StatisticsConfig,
        front_end: FrontEndConfig,
        *,
        downsampling: int,
        labels: int,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.statistics = LocalStatistics(front_end, config.radius, downsampling)
        sizes = (self.statistics.size, *config.widths)
        self.scale = nn.BatchNorm1d(sizes[0], affine=False) if batch_norm else nn.Identity()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(o) if batch_norm else nn.Identity() for o in sizes[1:])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], labels)

    def group_features(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Returns one feature vector per group of frames, shape ``(B, groups, widths[-1])``."""
        return self.features_of(self.statistics(mel, pitch))

    def features_of(self, statistics: Tensor) -> Tensor:
        """Maps statistics ``(B, size, groups)`` to features ``(B, groups, widths[-1])``."""
        x: Tensor = self.scale(statistics).transpose(1, 2)  # (B, groups, size)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = self.dropout(x) if number else x
            x = F.relu(norm(layer(x).transpose(1, 2)).transpose(1, 2))
        return x


def _step(values: Tensor) -> Tensor:
    """Returns the difference from the previous frame; 0 for the first frame."""
    return F.pad(values[:, :, 1:] - values[:, :, :-1], (1, 0))


def _moving_mean(values: Tensor, reach: int) -> Tensor:
    """Returns means over the frame and ``reach`` frames on each side; fewer at the ends."""
    return F.avg_pool1d(values, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)
