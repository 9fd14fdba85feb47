"""From trained members to the files that ship: batch normalisation folded away, one safetensors file, one config."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, labels_in, speakers_in
from training.license import LICENSE_TEXT
from training.metrics import fit_temperature
from training.predict import on_normalised, predict_clips
from training.record import CalibrationRecord, MemberRecord, TrainingRecord
from training.splits import Split
from training.train import STATE_NAME
from webui.engine.builtin_checkpoint import CONFIG_NAME, WEIGHTS_NAME, BuiltinConfig
from webui.engine.builtin_frontend import FrontEndConfig
from webui.engine.builtin_network import BuiltinNetwork, MemberNetwork, NetworkConfig
from webui.labels import Emotion

FORMAT: Final = "speech-emotion-builtin/1"
LICENSE_NAME: Final = "CC BY-NC-SA 4.0"


def export_runs(
    runs: Sequence[Path],
    *,
    calibration_run: Path,
    split: Split,
    cache: WaveformCache,
    directory: Path,
    version: str,
) -> None:
    """Writes the model that averages the members in ``runs``.

    Args:
        runs: folders of finished trainings.
        calibration_run: a training that never heard the validation speakers; the temperature is fitted on them.
        split: who is kept back.
        cache: the decoded recordings.
        directory: is written.
        version: of the weights.

    Raises:
        TrainingDataError: a member heard a test speaker, or the calibration run a validation speaker.
    """
    members = [read_run(run, never=split.test) for run in runs]
    judge = read_run(calibration_run, never=split.test + split.validation)
    config = judge.member.config
    labels = labels_in(split.train)
    alone = combine([judge.member], config)
    found = predict_clips(on_normalised(lambda samples: alone(samples)[0]), cache, split.validation, labels)
    temperature = round(fit_temperature(found.logits, found.truth), 3)
    record = TrainingRecord(
        members=tuple(MemberRecord(seed=m.seed, epochs=m.epochs, speakers=m.speakers) for m in members),
        calibration=CalibrationRecord(
            seed=judge.seed,
            speakers=speakers_in(split.validation),
            recalls={name: round(value, 4) for name, value in found.recalls().items()},
        ),
        test_speakers=speakers_in(split.test),
    )
    network = combine([run.member for run in members], config)
    write_model(network, directory, labels=labels, temperature=temperature, version=version, record=record)
    (directory / "LICENSE").write_text(LICENSE_TEXT, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One trained member."""

    member: MemberNetwork
    speakers: tuple[str, ...]
    seed: int
    epochs: int


def read_run(run_dir: Path, *, never: Sequence[Clip] = ()) -> FinishedRun:
    """Reads what a training left in ``run_dir``; ``never`` are clips whose speakers it must not have heard."""
    path = run_dir / STATE_NAME
    if not path.is_file():
        raise TrainingDataError(f"No training in {run_dir}: {STATE_NAME} is not there. Train first.")
    content = torch.load(path, weights_only=True)
    options, speakers = content["options"], tuple(content["speakers"])
    if content["epoch"] != options["epochs"]:
        raise TrainingDataError(f"{run_dir} stopped at epoch {content['epoch']} of {options['epochs']}: train on.")
    leaked = sorted(set(speakers) & set(speakers_in(never)))
    if leaked:
        raise TrainingDataError(f"{run_dir} was trained on {leaked}, who must be unheard here; train without them.")
    sizes = dict(content["network_config"])
    member = MemberNetwork(
        NetworkConfig(**sizes | {"front_end": FrontEndConfig(**sizes["front_end"])}), batch_norm=True
    )
    member.load_state_dict(content["averaged"])
    return FinishedRun(member.eval(), speakers, int(options["seed"]), int(content["epoch"]))


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
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


def combine(members: Sequence[MemberNetwork], config: NetworkConfig) -> BuiltinNetwork:
    """Returns one network that averages the logits of the folded ``members``."""
    network = BuiltinNetwork(replace(config, members=len(members)))
    for slot, member in zip(network.members, members, strict=True):
        slot.load_state_dict(fold_batch_norm(member).state_dict())
    return network.eval()


def write_model(
    network: BuiltinNetwork,
    directory: Path,
    *,
    labels: Sequence[Emotion],
    temperature: float,
    version: str,
    record: TrainingRecord,
) -> None:
    """Writes the weights and the config into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    sizes = asdict(network.config)
    front_end = sizes.pop("front_end")
    sizes.pop("labels")
    config = BuiltinConfig(
        format=FORMAT,
        version=version,
        license=LICENSE_NAME,
        labels=tuple(labels),
        temperature=temperature,
        front_end=front_end,
        network=sizes,
        training=record.model_dump(mode="json"),
    )
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, directory / WEIGHTS_NAME, metadata={"format": "pt"})
    (directory / WEIGHTS_NAME).chmod(0o644)  # safetensors writes for the owner alone
    (directory / CONFIG_NAME).write_text(
        json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
