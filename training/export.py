"""From trained members to the files that ship: batch normalisation folded away, one safetensors file, one config."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, speakers_in
from training.license import OWN_LICENSE, WeightsLicense
from training.metrics import fit_temperature, softmax
from training.predict import ClipLogits, Jury, Recognizer, on_normalised
from training.record import CalibrationRecord, MemberRecord, TrainingRecord
from training.train import STATE_NAME, Member
from webui.engine.builtin.checkpoint import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    BuiltinConfig,
    fill_network,
    read_config,
    read_weights,
)
from webui.engine.builtin.frontend import FrontEndConfig
from webui.engine.builtin.network import BuiltinNetwork, MemberNetwork, NetworkConfig, statistics_mlp
from webui.engine.builtin.statistics import StatisticsConfig, StatisticsMember
from webui.labels import Emotion
from webui.service.evaluate.metrics import calibration_error

FORMAT: Final = "speech-emotion-builtin/1"


def export_runs(
    runs: Sequence[Path],
    *,
    clips: Sequence[Clip],
    labels: tuple[Emotion, ...],
    cache: WaveformCache,
    directory: Path,
    version: str,
    license: WeightsLicense = OWN_LICENSE,
    teacher: str | None = None,
    started_from: str | None = None,
) -> None:
    """Writes the model that averages the members in ``runs``.

    The temperature is fitted on the speakers that one member or more never heard, with the answers of those members.

    Args:
        runs: folders of finished trainings.
        clips: of everybody.
        labels: the classes.
        cache: the decoded recordings.
        directory: is written.
        version: of the weights.
        license: of the weights.
        teacher: the model whose scores were learnt, if it was not the labels.
        started_from: whose members the trainings went on from, in words; None if from nothing.

    Raises:
        TrainingDataError: every speaker was heard by every member.
    """
    members = [read_run(run) for run in runs]
    found = predict_unheard(members, clips, cache, labels)
    temperature = round(fit_temperature(found.logits, found.truth), 3)
    record = TrainingRecord(
        members=tuple(
            MemberRecord(seed=m.seed, epochs=m.epochs, speakers=m.speakers, counting=m.counting) for m in members
        ),
        calibration=CalibrationRecord(
            speakers=speakers_in(found.clips),
            recalls={name: round(value, 4) for name, value in found.recalls().items()},
            error=round(calibration_error(found.truth, softmax(found.logits, temperature)), 4),
        ),
        teacher=teacher,
        started_from=started_from,
    )
    network = combine([run.member for run in members], members[0].config)
    write_model(
        network, directory, labels=labels, temperature=temperature, version=version, record=record, license=license.name
    )
    (directory / "LICENSE").write_text(license.text, encoding="utf-8")


def predict_unheard(
    members: Sequence["FinishedRun"], clips: Sequence[Clip], cache: WaveformCache, labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Returns what the members say of the speakers they never heard, averaged where several never heard one.

    Raises:
        TrainingDataError: every speaker was heard by every member.
    """
    heard = tuple(frozenset(member.speakers) for member in members)

    def seat(chosen: tuple[int, ...]) -> Recognizer:
        network = combine([members[number].member for number in chosen], members[0].config)
        return on_normalised(_frame_logits(network))

    jury = Jury(heard, seat)
    return jury.predict(cache, jury.judged(clips), labels)


def _frame_logits(network: BuiltinNetwork) -> Callable[[Tensor], Tensor]:
    def frame_logits(samples: Tensor) -> Tensor:
        logits: Tensor = network(samples)[0]
        return logits

    return frame_logits


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One trained member."""

    member: Member
    config: NetworkConfig
    speakers: tuple[str, ...]
    seed: int
    epochs: int

    @property
    def counting(self) -> bool:
        """Whether it is a member that counts."""
        return isinstance(self.member, StatisticsMember)


def read_run(run_dir: Path) -> FinishedRun:
    """Reads what a training left in ``run_dir``."""
    path = run_dir / STATE_NAME
    if not path.is_file():
        raise TrainingDataError(f"No training in {run_dir}: {STATE_NAME} is not there. Train first.")
    content = torch.load(path, weights_only=True, map_location="cpu")
    options, speakers = content["options"], tuple(content["speakers"])
    if content["epoch"] != options["epochs"]:
        raise TrainingDataError(f"{run_dir} stopped at epoch {content['epoch']} of {options['epochs']}: train on.")
    sizes = dict(content["network_config"])
    inner = {"front_end": FrontEndConfig(**sizes["front_end"]), "statistics": StatisticsConfig(**sizes["statistics"])}
    config = NetworkConfig(**sizes | inner)
    member: Member = (statistics_mlp if content["counting"] else MemberNetwork)(
        config, batch_norm=content["batch_norm"]
    )
    member.load_state_dict(content["averaged"])
    return FinishedRun(member.eval(), config, speakers, int(options["seed"]), int(content["epoch"]))


def read_member(directory: Path, number: int) -> MemberNetwork:
    """Returns one member of the model in ``directory``, to train on from."""
    config = read_config(directory)
    network = BuiltinNetwork(config.network_config())
    fill_network(network, read_weights(directory), directory / WEIGHTS_NAME)
    member = network.members[number]
    assert isinstance(member, MemberNetwork)
    return member


@torch.no_grad()
def fold_batch_norm(trained: MemberNetwork) -> MemberNetwork:
    """Returns the same function without batch normalisation.

    Every normalisation follows a linear layer, so it goes into that layer's weight and bias. The one after the two
    branches are added goes into both of them: its scale into each, its shift into the first.
    """
    plain = MemberNetwork(trained.config)
    tensors = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded = {name: tensor for name, tensor in tensors.items() if ".norm." not in name and "join_norm" not in name}
    for name, module in trained.named_modules():
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            continue
        scale, shift = _scale_and_shift(module)
        if name == "join_norm":
            targets = [("mel.project", shift), ("pitch.project", torch.zeros_like(shift))]
        else:
            stem = name.removesuffix(".norm")
            targets = [(f"{stem}.mix" if f"{stem}.mix.weight" in folded else f"{stem}.conv", shift)]
        for target, moved in targets:
            weight, bias = folded[f"{target}.weight"], folded[f"{target}.bias"]
            folded[f"{target}.weight"] = weight * scale.view(-1, *[1] * (weight.ndim - 1))
            folded[f"{target}.bias"] = bias * scale + moved
    plain.load_state_dict(folded, strict=True)
    return plain.eval()


def _scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = 1 / torch.sqrt(variance + norm.eps)
    if not norm.affine:
        return scale, -mean * scale
    scale = norm.weight * scale
    return scale, norm.bias - mean * scale


@torch.no_grad()
def fold_statistics(trained: StatisticsMember, config: NetworkConfig) -> StatisticsMember:
    """Returns the same function without batch normalisation: see ``fold_batch_norm``.

    The one in front, which brings the statistics to one scale, goes into the first layer.
    """
    plain = statistics_mlp(config)
    plain.head.load_state_dict(trained.head.state_dict())
    tensors = {name: tensor.clone() for name, tensor in trained.state_dict().items() if name.startswith("layers")}
    for number, norm in enumerate((trained.scale, *trained.norms)):
        if not isinstance(norm, nn.BatchNorm1d):
            continue
        scale, shift = _scale_and_shift(norm)
        names = f"layers.{max(0, number - 1)}.weight", f"layers.{max(0, number - 1)}.bias"
        weight, bias = (tensors[name] for name in names)
        if number == 0:  # in front of the layer, the others behind theirs
            folded = weight * scale, bias + weight @ shift
        else:
            folded = weight * scale.unsqueeze(1), bias * scale + shift
        tensors |= dict(zip(names, folded, strict=True))
    plain.layers.load_state_dict({name.removeprefix("layers."): tensor for name, tensor in tensors.items()})
    return plain.eval()


def combine(members: Sequence[Member], config: NetworkConfig) -> BuiltinNetwork:
    """Returns one network that averages the logits of the folded ``members``, each kind for itself."""
    shapes = [member for member in members if isinstance(member, MemberNetwork)]
    counts = [member for member in members if isinstance(member, StatisticsMember)]
    network = BuiltinNetwork(replace(config, members=len(shapes), statistics_members=len(counts)))
    for slot, shape in zip(network.members, shapes, strict=True):
        slot.load_state_dict(fold_batch_norm(shape).state_dict())
    for slot, count in zip(network.counting, counts, strict=True):
        slot.load_state_dict(fold_statistics(count, config).state_dict())
    return network.eval()


def part_of(network: BuiltinNetwork, shapes: Sequence[int], counts: Sequence[int]) -> BuiltinNetwork:
    """Returns a network of some of the members of ``network``, by their numbers among their kind."""
    part = BuiltinNetwork(replace(network.config, members=len(shapes), statistics_members=len(counts)))
    part.front_end = network.front_end
    part.members = nn.ModuleList(network.members[number] for number in shapes)
    part.counting = nn.ModuleList(network.counting[number] for number in counts)
    return part.eval()


def write_model(
    network: BuiltinNetwork,
    directory: Path,
    *,
    labels: Sequence[Emotion],
    temperature: float,
    version: str,
    record: TrainingRecord,
    license: str = OWN_LICENSE.name,
) -> None:
    """Writes the weights, in half precision, and the config into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    sizes = asdict(network.config)
    front_end = sizes.pop("front_end")
    sizes.pop("labels")
    config = BuiltinConfig(
        format=FORMAT,
        version=version,
        license=license,
        labels=tuple(labels),
        temperature=temperature,
        front_end=front_end,
        network=sizes,
        training=record.model_dump(mode="json"),
    )
    tensors = {
        name: (tensor if name.startswith("front_end") else tensor.half()).contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(tensors, directory / WEIGHTS_NAME, metadata={"format": "pt"})
    (directory / WEIGHTS_NAME).chmod(0o644)  # safetensors writes for the owner alone
    (directory / CONFIG_NAME).write_text(
        json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
