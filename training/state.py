"""The state of a training run, which is saved in its folder so that a stopped run can be resumed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from training.data import TrainingDataError
from training.members import Member, make_member
from training.options import RUNTIME_ONLY, TrainOptions
from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.engine.builtin.network import MemberNetwork, NetworkConfig
from webui.engine.builtin.statistics import StatisticsConfig, StatisticsMember
from webui.files import replace_file

STATE_NAME: Final = "state.pt"
OLD_OPTIONS: Final = {  # names of options in run folders of version 2.0.0, which can still be resumed
    "batch": "batch_size",
    "smoothing": "label_smoothing",
    "mixup": "mixup_prob",
    "average": "ema_decay",
    "shares": "corpus_weights",
    "not_speech": "nonspeech_fraction",
    "not_speech_signals": "nonspeech_signals",
    "warp": "vtlp_prob",
    "stretch": "stretch_prob",
}


@dataclass(slots=True)
class TrainState:
    """The state of a training run: everything that changes, and the network's configuration and speakers.

    Attributes:
        front_end: front end that computes the images when the network is validated on whole clips.
        config: sizes of the network.
        network: the network that is optimised.
        averaged: network with the moving average of the weights.
        optimizer: optimizer of ``network``.
        epoch: number of finished epochs.
        log: figures of each finished epoch.
        speakers: speakers that are trained on.
    """

    front_end: FrontEnd
    config: NetworkConfig
    network: Member
    averaged: Member
    optimizer: torch.optim.Optimizer
    epoch: int
    log: list[dict[str, float]]
    speakers: tuple[str, ...]


def new_state(
    config: NetworkConfig,
    options: TrainOptions,
    speakers: tuple[str, ...],
    start: MemberNetwork | None,
    *,
    statistics_mlp: bool,
) -> TrainState:
    """Returns the state before the first epoch.

    Args:
        config: sizes of the network.
        options: how to train.
        speakers: speakers that are trained on.
        start: network whose weights to start from; None draws random weights.
        statistics_mlp: whether to train a statistics MLP instead of a convolutional member.
    """
    torch.manual_seed(options.seed)
    network = make_member(config, statistics_mlp=statistics_mlp, batch_norm=start is None, dropout=options.dropout)
    if start is not None:
        network.load_state_dict(start.state_dict())
    network.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster on a CPU
    averaged = make_member(config, statistics_mlp=statistics_mlp, batch_norm=start is None).to(options.device)
    averaged.load_state_dict(network.state_dict())
    averaged.eval()
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate)
    front_end = FrontEnd(config.front_end).to(options.device)
    return TrainState(front_end, config, network, averaged, optimizer, 0, [], speakers)


def save_state(state: TrainState, options: TrainOptions, run_dir: Path) -> None:
    """Writes ``state`` into ``run_dir``."""
    run_dir.mkdir(parents=True, exist_ok=True)
    content = {
        "options": _result_options(options),
        "network_config": asdict(state.config),
        "statistics_mlp": isinstance(state.network, StatisticsMember),
        "speakers": list(state.speakers),
        "epoch": state.epoch,
        "batch_norm": any(isinstance(part, nn.BatchNorm1d) for part in state.network.modules()),
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "log": state.log,
    }
    replace_file(run_dir / STATE_NAME, lambda draft: torch.save(content, draft))


def restore_state(state: TrainState, options: TrainOptions, run_dir: Path) -> TrainState:
    """Loads the state of the run in ``run_dir`` into ``state``, if there is one, and returns ``state``.

    Raises:
        TrainingDataError: The saved run has other options or speakers, or another kind of member.
    """
    path = run_dir / STATE_NAME
    if not path.is_file():
        return state
    content = _read_state(path)
    same_kind = content["statistics_mlp"] == isinstance(state.network, StatisticsMember)
    same_speakers = content["speakers"] == list(state.speakers)
    if content["options"] != _result_options(options) or not same_speakers or not same_kind:
        raise TrainingDataError(
            f"{run_dir} contains a run with other options or speakers; use the same ones, or choose another folder."
        )
    state.network.load_state_dict(content["network"])
    state.averaged.load_state_dict(content["averaged"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.epoch, state.log = content["epoch"], content["log"]
    return state


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A trained member.

    Attributes:
        member: the member with its averaged weights, still with batch normalisation.
        config: sizes of the network.
        speakers: speakers that it was trained on.
        seed: seed of the run.
        epochs: number of epochs of the run.
    """

    member: Member
    config: NetworkConfig
    speakers: tuple[str, ...]
    seed: int
    epochs: int

    @property
    def statistics_mlp(self) -> bool:
        """Whether it is a statistics MLP."""
        return isinstance(self.member, StatisticsMember)


def read_run(run_dir: Path) -> FinishedRun:
    """Reads the finished run in ``run_dir``.

    Raises:
        TrainingDataError: There is no run, or it is not finished.
    """
    path = run_dir / STATE_NAME
    if not path.is_file():
        raise TrainingDataError(f"No training run in {run_dir}: there is no {STATE_NAME}. Train first.")
    content = _read_state(path)
    options, speakers = content["options"], tuple(content["speakers"])
    if content["epoch"] != options["epochs"]:
        raise TrainingDataError(f"{run_dir} stopped at epoch {content['epoch']} of {options['epochs']}: resume it.")
    sizes = dict(content["network_config"])
    inner = {"front_end": FrontEndConfig(**sizes["front_end"]), "statistics": StatisticsConfig(**sizes["statistics"])}
    config = NetworkConfig(**sizes | inner)
    member = make_member(config, statistics_mlp=content["statistics_mlp"], batch_norm=content["batch_norm"])
    member.load_state_dict(content["averaged"])
    return FinishedRun(member.eval(), config, speakers, int(options["seed"]), int(content["epoch"]))


def _read_state(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    content["options"] = {OLD_OPTIONS.get(name, name): value for name, value in content["options"].items()}
    if "statistics_mlp" not in content:
        content["statistics_mlp"] = content.pop("counting", False)
    return content


def _result_options(options: TrainOptions) -> Mapping[str, object]:
    """Returns the options that affect the result, as a dictionary."""
    return {name: value for name, value in asdict(options).items() if name not in RUNTIME_ONLY}
