"""The training loop. It is resumable and reproducible, and logs one line of figures per epoch."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import augment
from training.batch_loader import BatchLoader
from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, labels_in, speakers_in
from training.features import build_bank
from training.members import Member
from training.options import TrainOptions
from training.predict import on_normalised, predict_clips
from training.splits import Split
from training.state import TrainState, new_state, restore_state, save_state
from training.teacher import TeacherScores
from webui.engine.builtin.network import MemberNetwork, NetworkConfig
from webui.engine.builtin.statistics import StatisticsMember
from webui.labels import Emotion

logger = logging.getLogger(__name__)


def train(
    cache: WaveformCache,
    split: Split,
    config: NetworkConfig,
    options: TrainOptions,
    run_dir: Path,
    start: MemberNetwork | None = None,
    teacher: TeacherScores | None = None,
    *,
    statistics_mlp: bool = False,
    name: str = "",
) -> Member:
    """Trains a member, or resumes the run in ``run_dir``.

    Args:
        cache: the decoded recordings.
        split: clips to train on, and clips to validate on.
        config: sizes of the network.
        options: how to train.
        run_dir: folder for the state of the run.
        start: member without batch normalisation whose weights to start from; None starts from random weights.
        teacher: scores of a large model for every clip, to be learnt instead of the labels; None learns the labels.
        statistics_mlp: whether to train a statistics MLP instead of a convolutional member.
        name: name of the member in the log, such as "pair 1"; "" if only one is trained.

    Returns:
        The member with averaged weights, still with batch normalisation.

    Raises:
        TrainingDataError: The data have another number of classes than the network, or ``run_dir`` contains a
            different run.
    """
    labels = labels_in(split.train + split.validation) if teacher is None else teacher.labels
    if len(labels) != config.labels:
        raise TrainingDataError(f"The network has {config.labels} classes, the training clips have {len(labels)}.")
    state = new_state(config, options, speakers_in(split.train), start, statistics_mlp=statistics_mlp)
    state = restore_state(state, options, run_dir)
    kind = "statistics MLP" if statistics_mlp else "convolutions"
    name = f"{name}, {kind}" if name else kind
    if state.epoch:
        logger.info("%s: resumed after epoch %d of %d", name, state.epoch, options.epochs)
    rows = cache.rows_of(split.train)
    bank = build_bank(cache, config.front_end, split.train + split.validation, options)
    soft = None if teacher is None else teacher.of(split.train)
    loader = BatchLoader(bank, rows, split.train, labels, options, soft)
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        _run_epochs(state, loader, cache, split, options, run_dir, name)
    finally:
        torch.set_num_threads(threads)
    return state.averaged


def _run_epochs(
    state: TrainState,
    loader: BatchLoader,
    cache: WaveformCache,
    split: Split,
    options: TrainOptions,
    run_dir: Path,
    name: str,
) -> None:
    if state.epoch == 0 and options.validate_every == 1 and len(split.validation):
        first = _validate(state, cache, split.validation, loader.labels)
        logger.info("%s, before training: %s", name, _figures_line(first))
    while state.epoch < options.epochs:
        started = time.monotonic()
        loss = _run_epoch(state, loader, options)
        state.epoch += 1
        row = {"epoch": float(state.epoch), "loss": loss}
        if state.epoch % options.validate_every == 0 or state.epoch == options.epochs:
            row |= _validate(state, cache, split.validation, loader.labels)
        row["seconds"] = time.monotonic() - started
        state.log.append(row)
        figures = {key: value for key, value in row.items() if key != "epoch"}
        logger.info("%s, epoch %d of %d: %s", name, state.epoch, options.epochs, _figures_line(figures))
        save_state(state, options, run_dir)


def _figures_line(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


def learning_rate_at(step: int, options: TrainOptions) -> float:
    """Returns the learning rate for a step: a linear rise, then a half cosine."""
    rise = max(1, options.steps // 10)
    if step < rise:
        return options.learning_rate * (step + 1) / rise
    return options.learning_rate * 0.5 * (1 + float(np.cos(np.pi * (step - rise) / max(1, options.steps - rise))))


def _run_epoch(state: TrainState, loader: BatchLoader, options: TrainOptions) -> float:
    random = np.random.default_rng([options.seed, state.epoch])
    torch.manual_seed(options.seed + state.epoch)
    state.network.train()
    batches = loader.batches(random)
    total = torch.zeros((), device=options.device)
    for number, indices in enumerate(batches):
        rate = learning_rate_at(state.epoch * len(batches) + number, options)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        loss = _loss(state, loader.load(indices, random), random, options)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimizer.step()
        _update_average(state.averaged, state.network, options.ema_decay)
        total += loss.detach()
    return float(total) / len(batches)


def _loss(
    state: TrainState, batch: tuple[Tensor, Tensor, Tensor], random: np.random.Generator, options: TrainOptions
) -> Tensor:
    mel, pitch, targets = batch
    mix = _draw_mixup(len(mel), random, options)
    network = state.network
    if isinstance(network, StatisticsMember):
        # Mix the statistics, not the spectrograms: no recording has statistics like those of mixed spectrograms.
        with torch.no_grad():
            statistics = mix(network.statistics(mel.to(options.device), pitch.to(options.device)))
        features = network.features_of(statistics)
    else:
        mel = augment.mask_image(mix(mel), random, rows=8, frames=15)
        pitch = augment.mask_image(mix(pitch), random, rows=6, frames=15)
        mel, pitch = (image.to(options.device, memory_format=torch.channels_last) for image in (mel, pitch))
        features = network.group_features(mel, pitch)
    pooled = network.dropout(features.mean(1))  # (B, width)
    return F.cross_entropy(network.head(pooled), mix(targets).to(options.device))


def _draw_mixup(size: int, random: np.random.Generator, options: TrainOptions) -> Callable[[Tensor], Tensor]:
    """Returns a function that mixes ``size`` rows with each other, in the same way in each call.

    With probability ``1 - mixup_prob`` it leaves the rows unchanged.
    """
    if random.random() >= options.mixup_prob:
        return lambda rows: rows
    order = torch.from_numpy(random.permutation(size))
    ratio = float(random.beta(0.5, 0.5))
    return lambda rows: ratio * rows + (1 - ratio) * rows[order.to(rows.device)]


@torch.no_grad()
def _update_average(averaged: Member, network: Member, decay: float) -> None:
    pairs = list(zip(averaged.state_dict().values(), network.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].dtype.is_floating_point]
    torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], 1 - decay)
    for old, new in pairs:
        if not old.dtype.is_floating_point:  # the batch counters of batch normalisation
            old.copy_(new)


def _validate(
    state: TrainState, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...]
) -> dict[str, float]:
    if not clips:
        return {}

    def frame_logits(samples: Tensor) -> Tensor:
        images = state.front_end(samples.to(next(state.averaged.parameters()).device))
        logits: Tensor = state.averaged.head(state.averaged.group_features(*images))
        return logits.cpu()

    return predict_clips(on_normalised(frame_logits), cache, clips, labels).recalls()
