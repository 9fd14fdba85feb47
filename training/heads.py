"""Trains heads on the statistics of windows: balanced draws, soft labels, corpora with different classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training.batch_loader import NONSPEECH_TARGET
from training.data import Clip, TrainingDataError
from training.encoded import NONSPEECH
from training.head_options import HeadOptions
from training.members import scale_and_shift
from training.window_bank import WindowBank
from webui.engine.builtin.pooled import PooledHead
from webui.labels import Emotion

DEVIATION_FLOOR: Final = 1e-2  # smallest deviation that the statistics are divided by
SAMPLE: Final = 4096  # windows that mean and deviation of the statistics are computed from
PRIOR_FLOOR: Final = 1e-4  # smallest share of a class in a corpus: e-9 in the logits


@dataclass(frozen=True, slots=True)
class Draws:
    """What is drawn, and what it is trained towards.

    Attributes:
        rows: rows of the bank, shape ``(n,)``.
        weights: probability of drawing each, sum 1, shape ``(n,)``.
        targets: soft labels, shape ``(n, labels)``.
        priors: share of each class among what is drawn from the same corpus, shape ``(n, labels)``.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    targets: Tensor
    priors: Tensor


class TrainingHead(nn.Module):
    """A head with batch normalisation and dropout, as it is trained; ``fold`` returns it without.

    Args:
        mean: mean of each statistic, shape ``(inputs,)``.
        deviation: standard deviation of each statistic, shape ``(inputs,)``.
        removed: orthonormal directions that are removed from standardised statistics, shape ``(inputs, n)``.
        options: widths and dropout.
        labels: number of classes.
    """

    mean: Tensor
    scale: Tensor
    removed: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, removed: Tensor, options: HeadOptions, labels: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", 1 / deviation.clamp(min=DEVIATION_FLOOR))
        self.register_buffer("removed", removed)
        sizes = (mean.numel(), *options.widths)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(o) for o in options.widths)
        self.input_dropout, self.dropout = nn.Dropout(options.input_dropout), nn.Dropout(options.dropout)
        self.head = nn.Linear(sizes[-1], labels)

    def standardise(self, statistics: Tensor) -> Tensor:
        """Returns statistics ``(B, inputs)`` with mean 0 and variance 1, without the removed directions."""
        x = (statistics - self.mean) * self.scale
        return x - (x @ self.removed) @ self.removed.T

    def features(self, x: Tensor) -> Tensor:
        """Maps standardised statistics ``(B, inputs)`` to features ``(B, widths[-1])``."""
        x = self.input_dropout(x)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = F.relu(norm(layer(x if number == 0 else self.dropout(x))))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Maps standardised statistics ``(B, inputs)`` to logits ``(B, labels)``."""
        logits: Tensor = self.head(self.dropout(self.features(x)))
        return logits

    @torch.no_grad()
    def fold(self) -> PooledHead:
        """Returns a head that computes the same from statistics that are not standardised."""
        layers, norms = cast("Sequence[nn.Linear]", self.layers), cast("Sequence[nn.BatchNorm1d]", self.norms)
        plain = PooledHead(self.mean.numel(), [layer.out_features for layer in layers], self.head.out_features)
        targets = cast("Sequence[nn.Linear]", plain.layers)
        for number, (layer, norm, target) in enumerate(zip(layers, norms, targets, strict=True)):
            scale, shift = scale_and_shift(norm)
            weight, bias = layer.weight * scale.unsqueeze(1), layer.bias * scale + shift
            if number == 0:
                weight = (weight - (weight @ self.removed) @ self.removed.T) * self.scale
                bias = bias - weight @ self.mean
            target.weight.copy_(weight)
            target.bias.copy_(bias)
        plain.head.load_state_dict(self.head.state_dict())
        return plain.eval()


def make_draws(bank: WindowBank, clips: Sequence[Clip], labels: Sequence[Emotion], options: HeadOptions) -> Draws:
    """Returns what is drawn of ``clips``, as far as they are in the bank.

    Raises:
        TrainingDataError: None of them is.
    """
    clips = [clip for clip in clips if clip.path in bank.row_of]
    if not clips:
        raise TrainingDataError("None of the clips to train on is encoded yet.")
    weights = draw_weights(clips, options)
    targets = torch.stack([soft_label(clip, labels, options) for clip in clips])
    classes = np.array([labels.index(clip.emotion) for clip in clips])
    corpora = np.array([clip.corpus for clip in clips])
    priors = np.zeros((len(clips), len(labels)))
    for corpus in np.unique(corpora):
        inside = np.flatnonzero(corpora == corpus)
        shares = np.bincount(classes[inside], weights[inside], minlength=len(labels)) / weights[inside].sum()
        priors[inside] = (1 - options.uniform_share) * shares + options.uniform_share / len(labels)
    rows = np.array([bank.row_of[clip.path] for clip in clips], dtype=np.int64)
    return Draws(rows, weights, targets, torch.from_numpy(priors).float())


def draw_weights(clips: Sequence[Clip], options: HeadOptions) -> NDArray[np.float64]:
    """Returns the probability of drawing each clip, shape ``(clips,)``, sum 1."""
    sizes = Counter((clip.corpus, clip.emotion) for clip in clips)
    factors = dict(options.weak_corpora)
    weights = [sizes[clip.corpus, clip.emotion] ** -options.balance * factors.get(clip.corpus, 1.0) for clip in clips]
    return np.asarray(weights / np.sum(weights), dtype=np.float64)


def soft_label(clip: Clip, labels: Sequence[Emotion], options: HeadOptions) -> Tensor:
    """Returns the label of a clip, shape ``(labels,)``: what was intended, mixed with what listeners heard."""
    label = torch.zeros(len(labels))
    label[labels.index(clip.emotion)] = 1.0
    perceived = [labels.index(emotion) for emotion in clip.perceived if emotion in labels]
    if perceived:
        label *= 1 - options.votes_share
        label[perceived] += options.votes_share / len(perceived)
    return label * (1 - options.label_smoothing) + options.label_smoothing / len(labels)


def train_head(bank: WindowBank, clips: Sequence[Clip], labels: Sequence[Emotion], options: HeadOptions) -> PooledHead:
    """Trains a head on ``clips``, as far as they are in the bank, and returns it folded."""
    draws = make_draws(bank, clips, labels, options)
    nonspeech = np.array([row for row, name in enumerate(bank.names) if name.startswith(NONSPEECH)], dtype=np.int64)
    random = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    sample = torch.from_numpy(bank.draw(random.choice(draws.rows, SAMPLE, p=draws.weights), random))
    mean, deviation = sample.mean(0), sample.std(0)
    removed = torch.zeros(bank.size, 0)
    if options.removed:
        removed = speaker_directions(bank, clips, mean, deviation.clamp(min=DEVIATION_FLOOR), random, options.removed)
    network, averaged = (TrainingHead(mean, deviation, removed, options, len(labels)) for _ in range(2))
    averaged.eval()
    averaged.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), options.learning_rate, weight_decay=options.weight_decay)
    steps = options.epochs * (options.clips_per_epoch // options.batch_size)
    network.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps, options.learning_rate)
        loss = _loss(network, bank, draws, nonspeech, random, options)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        _update_average(averaged, network, min(options.ema_decay, (1 + step) / (10 + step)))
    return averaged.fold()


def speaker_directions(
    bank: WindowBank,
    clips: Sequence[Clip],
    mean: Tensor,
    deviation: Tensor,
    random: np.random.Generator,
    count: int,
) -> Tensor:
    """Returns the directions in which the speakers of ``clips`` differ most, whatever their emotion.

    What a speaker's clips of one emotion have in common with those of all speakers is subtracted first, then the means
    of each speaker over emotions are compared (nuisance attribute projection: Solomonoff et al., 2005).

    Returns:
        Orthonormal directions in standardised statistics, shape ``(inputs, count)``.
    """
    clips = [clip for clip in clips if clip.path in bank.row_of]
    rows = np.array([bank.row_of[clip.path] for clip in clips], dtype=np.int64)
    x = ((torch.from_numpy(bank.draw(rows, random)) - mean) / deviation).numpy()
    emotions = np.array([clip.emotion.value for clip in clips])
    speakers = np.array([clip.speaker for clip in clips])
    for emotion in np.unique(emotions):
        x[emotions == emotion] -= x[emotions == emotion].mean(0)
    means = []
    for one in np.unique(speakers):
        own = speakers == one
        means.append(np.mean([x[own & (emotions == emotion)].mean(0) for emotion in np.unique(emotions[own])], axis=0))
    _, _, directions = np.linalg.svd(np.stack(means), full_matrices=False)
    return torch.from_numpy(np.ascontiguousarray(directions[:count].T, dtype=np.float32))


def rate_at(step: int, steps: int, highest: float) -> float:
    """Returns the learning rate for a step: a linear rise over a tenth of the steps, then a half cosine to 0."""
    rise = max(1, steps // 10)
    if step < rise:
        return highest * (step + 1) / rise
    return highest * 0.5 * (1 + float(np.cos(np.pi * (step - rise) / max(1, steps - rise))))


def _loss(
    network: TrainingHead,
    bank: WindowBank,
    draws: Draws,
    nonspeech: NDArray[np.int64],
    random: np.random.Generator,
    options: HeadOptions,
) -> Tensor:
    chosen = random.choice(draws.rows.size, options.batch_size, p=draws.weights)
    rows, targets, priors = draws.rows[chosen], draws.targets[chosen], draws.priors[chosen]
    if nonspeech.size:
        silent = torch.from_numpy(random.random(options.batch_size) < options.nonspeech_fraction)
        rows = np.where(silent.numpy(), random.choice(nonspeech, options.batch_size), rows)
        targets = torch.where(silent.unsqueeze(1), nonspeech_target(targets.shape[1]), targets)
        priors = torch.where(silent.unsqueeze(1), torch.full_like(priors, 1 / priors.shape[1]), priors)
    x = network.standardise(torch.from_numpy(bank.draw(rows, random)))
    if random.random() < options.mixup_prob:
        order, ratio = torch.from_numpy(random.permutation(options.batch_size)), float(random.beta(0.5, 0.5))
        x, targets, priors = (ratio * part + (1 - ratio) * part[order] for part in (x, targets, priors))
    # Classes are compared as often as they occur together: https://arxiv.org/abs/2007.07314
    adjusted = network(x) + torch.log(priors.clamp(min=PRIOR_FLOOR))
    return F.cross_entropy(adjusted, targets)


def nonspeech_target(labels: int) -> Tensor:
    """Returns the soft label of a signal without speech for the first ``labels`` emotions, shape ``(labels,)``."""
    emotions = list(Emotion)[:labels]
    fixed = torch.tensor([NONSPEECH_TARGET.get(emotion, 0.0) for emotion in emotions])
    return torch.where(fixed > 0, fixed, (1 - fixed.sum()) / (fixed == 0).sum())


@torch.no_grad()
def _update_average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
