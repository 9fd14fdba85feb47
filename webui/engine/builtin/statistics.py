"""The built-in model's second kind of member: an MLP on statistics of the voice.

A convolutional member looks for shapes in the images; this one computes functionals: how loud each band is and how much
it varies, how fast it changes, how high the voice is and how far it moves, as means and deviations over the
surroundings of a frame, weighted by where speech is. Emotion was recognised this way before deep networks (openSMILE's
functionals: Eyben et al., 2010), and its errors are others than those of the convolutions.

Values are aggregated over groups of ``thinning`` frames; a group depends on ``radius`` groups to each side.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from webui.engine.builtin.frontend import FrontEndConfig

CEPSTRA: Final = 16
BANDS: Final = 8  # whose loudness is followed over time
SCALES: Final = (1, 2, 4, 8, 16, 32)  # frames: from 25 changes a second to less than one
VOICE_VALUES: Final = 9  # pitch and its movement, how clear it is, how much is speech
LOUDNESS_VALUES: Final = 3
SPEECH_REACH: Final = 52  # frames to each side of which the loudest counts
SMOOTHING: Final = 2  # frames to each side that loudness is averaged over before
SPEECH_DEPTH: Final = 0.9  # on the scale of the mel image: what is 16 dB below the loudest is no speech
SPEECH_EDGE: Final = 0.08
PITCH_SHARPNESS: Final = 12.0
PITCH_CENTRE, PITCH_SPREAD = 84.0, 6.0  # semitones above 1 Hz: 128 Hz, and half an octave
LONGEST_STEP: Final = 2.0  # semitones from frame to frame; more is an error of the pitch
QUIET: Final = -9.0  # below anything in a mel image
FLOOR: Final = 1e-4
RIPPLE_FLOOR: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsConfig:
    """Sizes of a statistics MLP.

    Attributes:
        widths: widths of the layers; the last is the length of the member's feature vector.
        radius: reach to each side, in groups of frames.
    """

    widths: tuple[int, ...] = (256, 128)
    radius: int = 26

    def context_frames(self, thinning: int) -> int:
        """How many frames to each side can change the statistics of a frame's group of ``thinning`` frames."""
        return thinning * (self.radius + 1) + max(SPEECH_REACH + SMOOTHING, SCALES[-1])


class LocalStatistics(nn.Module):
    """Both images to means and deviations around each group of frames; nothing is learnt here."""

    cosines: Tensor
    semitones: Tensor

    def __init__(self, front_end: FrontEndConfig, radius: int, thinning: int) -> None:
        super().__init__()
        self.radius, self.thinning = radius, thinning
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
        speech, always = self._speech(loudness), torch.ones_like(loudness)
        cepstra = torch.einsum("kf,bft->bkt", self.cosines, mel)
        turns = F.pad(cepstra[:, :, 2:] - cepstra[:, :, :-2], (1, 1)) if mel.shape[2] > 2 else torch.zeros_like(cepstra)
        spoken = torch.cat([mel, pitch, cepstra, turns, loudness, _step(mel).abs()], dim=1)
        means, deviations = self._gather(spoken, speech)
        sizes = [mel.shape[1], pitch.shape[1], CEPSTRA, CEPSTRA, 1, mel.shape[1]]
        mel_mean, pitch_mean, _, _, _, mel_step = torch.split(means, sizes, dim=1)
        mel_spread, pitch_spread, cepstra_spread, turns_spread, loud_spread, _ = torch.split(deviations, sizes, dim=1)
        bands = torch.unflatten(mel, 1, (BANDS, -1)).mean(2)  # (B, BANDS, T)
        smooth = [bands, *(_moving_mean(bands, scale) for scale in SCALES)]
        ripples = torch.cat([fine - coarse for fine, coarse in pairwise(smooth)], dim=1)
        overall = torch.cat([ripples, loudness, _step(loudness).abs()], dim=1)
        overall_mean, overall_spread = self._gather(overall, always)
        rest = overall_spread[:, :-2]
        loud = [overall_spread[:, -2:-1], loud_spread, overall_mean[:, -1:]]
        shape = [mel_mean, mel_spread, mel_step, cepstra_spread, turns_spread, pitch_mean, pitch_spread]
        return torch.cat([*shape, *self._voice(pitch, speech), *loud, torch.log(rest + RIPPLE_FLOOR)], dim=1)

    def _voice(self, pitch: Tensor, speech: Tensor) -> list[Tensor]:
        """Pitch in half octaves, its steps, how clear it is, how much is speech."""
        clearness = pitch.amax(1, keepdim=True)
        semitones = (torch.softmax(PITCH_SHARPNESS * pitch, dim=1) * self.semitones).sum(1, keepdim=True) - PITCH_CENTRE
        step = _step(semitones).clamp(-LONGEST_STEP, LONGEST_STEP)
        voiced = speech * clearness.clamp(min=0).square()
        height, movement = self._gather(torch.cat([semitones / PITCH_SPREAD, step, step.abs()], dim=1), voiced)
        clear_mean, clear_spread = self._gather(clearness, speech)
        share, _ = self._gather(speech, torch.ones_like(speech))
        voiced_share, _ = self._gather(voiced, torch.ones_like(voiced))
        return [height, movement[:, :2], clear_mean, clear_spread, share, voiced_share]

    def _speech(self, loudness: Tensor) -> Tensor:
        """Returns about 1 where there is speech and 0 in pauses, shape ``(B, 1, T)``."""
        padded = F.pad(_moving_mean(loudness, SMOOTHING), (SPEECH_REACH, SPEECH_REACH), value=QUIET)
        loudest = F.max_pool1d(padded, 2 * SPEECH_REACH + 1, 1)
        return torch.sigmoid((loudness - loudest + SPEECH_DEPTH) / SPEECH_EDGE)

    def _gather(self, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns weighted means and deviations of ``(B, D, T)`` around each group, each ``(B, D, groups)``."""
        stacked = torch.cat([values * weights, values.square() * weights, weights], dim=1)
        padded = F.pad(stacked, (0, -stacked.shape[2] % self.thinning))
        groups = torch.unflatten(padded, 2, (-1, self.thinning)).sum(3)
        sums = F.avg_pool1d(groups, 2 * self.radius + 1, stride=1, padding=self.radius)
        size = values.shape[1]
        total = sums[:, -1:] + FLOOR / (2 * self.radius + 1)
        mean = sums[:, :size] / total
        variance = sums[:, size : 2 * size] / total - mean.square()
        return mean, torch.sqrt(variance.clamp(min=0) + FLOOR)


class StatisticsMember(nn.Module):
    """One trained MLP on the statistics, and the head on its features."""

    def __init__(
        self,
        config: StatisticsConfig,
        front_end: FrontEndConfig,
        *,
        thinning: int,
        labels: int,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.statistics = LocalStatistics(front_end, config.radius, thinning)
        sizes = (self.statistics.size, *config.widths)
        self.scale = nn.BatchNorm1d(sizes[0], affine=False) if batch_norm else nn.Identity()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(o) if batch_norm else nn.Identity() for o in sizes[1:])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], labels)

    def thinned(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Returns features of the groups of frames that share a value, ``(B, groups, widths[-1])``."""
        return self.perceive(self.statistics(mel, pitch))

    def perceive(self, statistics: Tensor) -> Tensor:
        """Maps statistics ``(B, size, groups)`` to features ``(B, groups, widths[-1])``."""
        x: Tensor = self.scale(statistics).transpose(1, 2)  # (B, groups, size)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = self.dropout(x) if number else x
            x = F.relu(norm(layer(x).transpose(1, 2)).transpose(1, 2))
        return x


def _step(values: Tensor) -> Tensor:
    """Returns the difference to the frame before, 0 for the first."""
    return F.pad(values[:, :, 1:] - values[:, :, :-1], (1, 0))


def _moving_mean(values: Tensor, reach: int) -> Tensor:
    """Returns means over ``reach`` frames to each side, fewer at the ends."""
    return F.avg_pool1d(values, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)
