"""The training loop: resumable, repeatable, one line of figures per epoch."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import augment
from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, labels_in, speakers_in
from training.features import BankSizes, build_bank
from training.feeder import Feeder
from training.options import NOT_LASTING, TrainOptions
from training.predict import on_normalised, predict_clips
from training.splits import Split
from training.teacher import TeacherScores
from webui.engine.builtin.frontend import FrontEnd
from webui.engine.builtin.network import MemberNetwork, NetworkConfig, statistics_mlp
from webui.engine.builtin.statistics import StatisticsMember
from webui.labels import Emotion

logger = logging.getLogger(__name__)

STATE_NAME: Final = "state.pt"

Member = MemberNetwork | StatisticsMember


@dataclass(slots=True)
class TrainState:
    """Everything that training changes."""

    front_end: FrontEnd
    config: NetworkConfig
    network: Member
    averaged: Member
    optimizer: torch.optim.Optimizer
    epoch: int
    log: list[dict[str, float]]
    speakers: tuple[str, ...]


def train(
    cache: WaveformCache,
    split: Split,
    config: NetworkConfig,
    options: TrainOptions,
    run_dir: Path,
    start: MemberNetwork | None = None,
    teacher: TeacherScores | None = None,
    *,
    counting: bool = False,
) -> Member:
    """Trains (or resumes in ``run_dir``) and returns the averaged network, still with its batch normalisation.

    Args:
        cache: the decoded recordings.
        split: who is heard, and who validates.
        config: sizes of the network.
        options: how to train.
        run_dir: where the state of the training is kept.
        start: a folded member to go on from, without batch normalisation; None starts from nothing.
        teacher: what a large model says of every clip; its scores are learnt instead of the labels.
        counting: whether it is a member that counts.
    """
    labels = labels_in(split.train + split.validation) if teacher is None else teacher.labels
    if len(labels) != config.labels:
        raise TrainingDataError(f"The network has {config.labels} classes, the training clips have {len(labels)}.")
    state = _restore(_new_state(config, options, speakers_in(split.train), start, counting), options, run_dir)
    rows = cache.rows_of(split.train)
    needed = sorted({int(row) for row in cache.rows_of(split.train + split.validation)})
    sizes = BankSizes(variants=options.variants, not_speech=options.not_speech_signals)
    bank = build_bank(cache, config.front_end, needed, sizes)
    soft = None if teacher is None else teacher.of(split.train)
    feeder = Feeder(bank, rows, split.train, labels, options, soft)
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        _run_epochs(state, feeder, cache, split, options, run_dir)
    finally:
        torch.set_num_threads(threads)
    return state.averaged


def _run_epochs(
    state: TrainState, feeder: Feeder, cache: WaveformCache, split: Split, options: TrainOptions, run_dir: Path
) -> None:
    if state.epoch == 0 and options.validate_every == 1 and len(split.validation):
        first = _validate(state, cache, split.validation, feeder.labels)
        logger.info("before training: " + "  ".join(f"{name} {value:.4g}" for name, value in first.items()))
    while state.epoch < options.epochs:
        started = time.monotonic()
        loss = _run_epoch(state, feeder, options)
        state.epoch += 1
        row = {"epoch": float(state.epoch), "loss": loss}
        if state.epoch % options.validate_every == 0 or state.epoch == options.epochs:
            row |= _validate(state, cache, split.validation, feeder.labels)
        row["seconds"] = time.monotonic() - started
        state.log.append(row)
        logger.info("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
        _store(state, options, run_dir)


def _new_state(
    config: NetworkConfig,
    options: TrainOptions,
    speakers: tuple[str, ...],
    start: MemberNetwork | None,
    counting: bool,
) -> TrainState:
    torch.manual_seed(options.seed)
    kind = statistics_mlp if counting else MemberNetwork
    network: Member = kind(config, batch_norm=start is None, dropout=options.dropout)
    if start is not None:
        network.load_state_dict(start.state_dict())
    network.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster on a CPU
    averaged: Member = kind(config, batch_norm=start is None).to(options.device)
    averaged.load_state_dict(network.state_dict())
    averaged.eval()
    decayed = [p for p in network.parameters() if p.ndim > 1]
    kept = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate)
    front_end = FrontEnd(config.front_end).to(options.device)
    return TrainState(front_end, config, network, averaged, optimizer, 0, [], speakers)


def _store(state: TrainState, options: TrainOptions, run_dir: Path) -> None:
    run_dir.mkdir(parents=True, exist_ok=True)
    beside = run_dir / (STATE_NAME + ".new")
    content = {
        "options": _lasting(options),
        "network_config": asdict(state.config),
        "counting": isinstance(state.network, StatisticsMember),
        "speakers": list(state.speakers),
        "epoch": state.epoch,
        "batch_norm": any(isinstance(part, nn.BatchNorm1d) for part in state.network.modules()),
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "log": state.log,
    }
    torch.save(content, beside)
    beside.replace(run_dir / STATE_NAME)


def _restore(state: TrainState, options: TrainOptions, run_dir: Path) -> TrainState:
    path = run_dir / STATE_NAME
    if not path.is_file():
        return state
    content = torch.load(path, weights_only=True, map_location="cpu")
    same_kind = content.get("counting", False) == isinstance(state.network, StatisticsMember)
    if content["options"] != _lasting(options) or content["speakers"] != list(state.speakers) or not same_kind:
        raise TrainingDataError(
            f"{run_dir} holds a training with other options or speakers; go on with those, or choose another folder."
        )
    state.network.load_state_dict(content["network"])
    state.averaged.load_state_dict(content["averaged"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.epoch, state.log = content["epoch"], content["log"]
    logger.info("resumed after epoch %d", state.epoch)
    return state


def _lasting(options: TrainOptions) -> dict[str, object]:
    """Returns the options that change the result, as plain values."""
    return {name: value for name, value in asdict(options).items() if name not in NOT_LASTING}


def learning_rate_at(step: int, options: TrainOptions) -> float:
    """Returns the learning rate of a step: a linear rise, then a half cosine."""
    rise = max(1, options.steps // 10)
    if step < rise:
        return options.learning_rate * (step + 1) / rise
    return options.learning_rate * 0.5 * (1 + float(np.cos(np.pi * (step - rise) / max(1, options.steps - rise))))


def _run_epoch(state: TrainState, feeder: Feeder, options: TrainOptions) -> float:
    random = np.random.default_rng([options.seed, state.epoch])
    torch.manual_seed(options.seed + state.epoch)
    state.network.train()
    batches = feeder.batches(random)
    total = torch.zeros((), device=options.device)
    for number, chosen in enumerate(batches):
        rate = learning_rate_at(state.epoch * len(batches) + number, options)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        loss = _loss(state, feeder.load(chosen, random), random, options)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimizer.step()
        _average(state.averaged, state.network, options.average)
        total += loss.detach()
    return float(total) / len(batches)


def _loss(
    state: TrainState, batch: tuple[Tensor, Tensor, Tensor], random: np.random.Generator, options: TrainOptions
) -> Tensor:
    mel, pitch, targets = batch
    mix = _draw_mix(len(mel), random, options)
    network = state.network
    if isinstance(network, StatisticsMember):  # masked or mixed images have statistics that no voice has
        with torch.no_grad():
            counted = mix(network.statistics(mel.to(options.device), pitch.to(options.device)))
        features = network.perceive(counted)
    else:
        mel = augment.mask_image(mix(mel), random, rows=8, frames=15)
        pitch = augment.mask_image(mix(pitch), random, rows=6, frames=15)
        mel, pitch = (image.to(options.device, memory_format=torch.channels_last) for image in (mel, pitch))
        features = network.thinned(mel, pitch)
    pooled = network.dropout(features.mean(1))  # (B, width)
    return F.cross_entropy(network.head(pooled), mix(targets).to(options.device))


def _draw_mix(size: int, random: np.random.Generator, options: TrainOptions) -> Callable[[Tensor], Tensor]:
    """Returns what mixes ``size`` rows among themselves, the same way each time, or leaves them as they are."""
    if random.random() >= options.mixup:
        return lambda rows: rows
    order = torch.from_numpy(random.permutation(size))
    share = float(random.beta(0.5, 0.5))
    return lambda rows: share * rows + (1 - share) * rows[order.to(rows.device)]


@torch.no_grad()
def _average(averaged: Member, network: Member, decay: float) -> None:
    pairs = list(zip(averaged.state_dict().values(), network.state_dict().values(), strict=True))
    numbers = [pair for pair in pairs if pair[0].dtype.is_floating_point]
    torch._foreach_lerp_([kept for kept, _ in numbers], [new for _, new in numbers], 1 - decay)
    for kept, new in pairs:
        if not kept.dtype.is_floating_point:  # counts
            kept.copy_(new)


def _validate(
    state: TrainState, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...]
) -> dict[str, float]:
    if not clips:
        return {}

    def frame_logits(samples: Tensor) -> Tensor:
        images = state.front_end(samples.to(next(state.averaged.parameters()).device))
        found: Tensor = state.averaged.head(state.averaged.thinned(*images))
        return found.cpu()

    return predict_clips(on_normalised(frame_logits), cache, clips, labels).recalls()
