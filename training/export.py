"""Writes the files of a model from its trained members: one safetensors file, the config and the licence."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final, cast

from safetensors.torch import save_file
from torch import Tensor

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, speakers_in
from training.license import OWN_LICENSE, WeightsLicense
from training.members import combine
from training.metrics import fit_temperature, softmax
from training.predict import ClipLogits, HeldOutEnsemble, Recognizer, on_normalised
from training.record import CalibrationRecord, MemberRecord, TrainingRecord
from training.state import FinishedRun, read_run
from webui.engine.builtin.checkpoint import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    BuiltinConfig,
    fill_network,
    read_config,
    read_weights,
)
from webui.engine.builtin.network import BuiltinNetwork, MemberNetwork
from webui.files import replace_file
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
    """Writes a model that averages the members in ``runs``.

    The temperature is fitted on the speakers that are held out from at least one member, with the logits of the members
    that they are held out from.

    Args:
        runs: folders of finished training runs.
        clips: clips of all speakers.
        labels: the classes.
        cache: the decoded recordings.
        directory: folder that the model is written to.
        version: version of the weights.
        license: licence of the weights.
        teacher: name of the model whose scores were learnt; None if the labels were learnt.
        started_from: description of the model whose members the runs continued; None for random initial weights.

    Raises:
        TrainingDataError: Every member was trained on every speaker.
    """
    members = [read_run(run) for run in runs]
    predicted = predict_held_out(members, clips, cache, labels)
    temperature = round(fit_temperature(predicted.logits, predicted.truth), 3)
    record = TrainingRecord(
        members=tuple(
            MemberRecord(seed=m.seed, epochs=m.epochs, speakers=m.speakers, statistics_mlp=m.statistics_mlp)
            for m in members
        ),
        calibration=CalibrationRecord(
            speakers=speakers_in(predicted.clips),
            recalls={name: round(value, 4) for name, value in predicted.recalls().items()},
            error=round(calibration_error(predicted.truth, softmax(predicted.logits, temperature)), 4),
        ),
        teacher=teacher,
        started_from=started_from,
    )
    network = combine([run.member for run in members], members[0].config)
    write_model(
        network, directory, labels=labels, temperature=temperature, version=version, record=record, license=license.name
    )
    (directory / "LICENSE").write_text(license.text, encoding="utf-8")


def predict_held_out(
    members: Sequence[FinishedRun], clips: Sequence[Clip], cache: WaveformCache, labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Returns predictions for ``clips``; each is averaged over the members that were not trained on its speaker.

    Raises:
        TrainingDataError: Every member was trained on every speaker.
    """

    def combine_some(numbers: tuple[int, ...]) -> Recognizer:
        network = combine([members[number].member for number in numbers], members[0].config)
        return on_normalised(_frame_logits(network))

    ensemble = HeldOutEnsemble(tuple(frozenset(member.speakers) for member in members), combine_some)
    return ensemble.predict(cache, ensemble.covered(clips), labels)


def _frame_logits(network: BuiltinNetwork) -> Callable[[Tensor], Tensor]:
    def frame_logits(samples: Tensor) -> Tensor:
        logits: Tensor = network(samples)[0]
        return logits

    return frame_logits


def read_convolutional(directory: Path) -> BuiltinConfig:
    """Returns the config of a model with convolutional members.

    Raises:
        TrainingDataError: It is another kind of model.
    """
    config = read_config(directory)
    if not isinstance(config, BuiltinConfig):
        raise TrainingDataError(f"{directory} has no convolutional members; its format is {config.format}.")
    return config


def read_member(directory: Path, number: int) -> MemberNetwork:
    """Returns one convolutional member of the model in ``directory``, to continue training from."""
    network = BuiltinNetwork(read_convolutional(directory).network_config())
    fill_network(network, read_weights(directory), directory / WEIGHTS_NAME)
    return cast("Sequence[MemberNetwork]", network.members)[number]


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
    replace_file(directory / WEIGHTS_NAME, partial(save_file, tensors, metadata={"format": "pt"}))
    (directory / CONFIG_NAME).write_text(
        json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
