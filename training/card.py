"""Writes the model card from ``config.json`` and ``evaluation.json``, so that no figure has to be typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from training.card_templates import (
    HEAD,
    OWN_FEW_SPEAKERS,
    OWN_ORIGIN,
    OWN_PURPOSE,
    OWN_USE,
    TRANSFER_INTRODUCTION,
    USE,
    USER_FEW_SPEAKERS,
    USER_ORIGIN,
    USER_USE,
    WHOLE_MODEL_NOT_TRAINED,
    WHOLE_MODEL_PARTLY_TRAINED,
    WHOLE_MODEL_TRAINED,
)
from training.pooled_card import POOLED_TRANSFER, render_data, render_groups, render_head
from training.record import (
    EVALUATION_NAME,
    TRANSFER_NAME,
    Evaluation,
    Figure,
    NamedPrediction,
    TrainingRecord,
    Transfer,
)
from training.splits import GROUPS, TEST_SPEAKERS
from webui.engine.builtin.checkpoint import BuiltinConfig, PooledModelConfig, read_config

CARD_NAME: Final = "README.md"


def write_card(directory: Path) -> None:
    """Writes ``README.md`` next to the weights in ``directory``."""
    (directory / CARD_NAME).write_text(render_card(directory), encoding="utf-8")


def render_card(directory: Path) -> str:
    """Returns the card of the model in ``directory``."""
    config = read_config(directory)
    evaluation = Evaluation.model_validate_json((directory / EVALUATION_NAME).read_bytes())
    record = TrainingRecord.model_validate(config.training)
    own = set(evaluation.speakers) == {speaker for group in GROUPS for speaker in group}
    pooled = isinstance(config, PooledModelConfig)
    parts = [
        render_head(config, evaluation, record)
        if isinstance(config, PooledModelConfig)
        else _head(config, evaluation, record, own=own),
        _figures(evaluation, own=own),
        render_groups(evaluation) if pooled else "",
        _confusion("all clips", evaluation.labels, evaluation.confusion, evaluation.recalls),
        *(_confusion(name, evaluation.labels, matrix) for name, matrix in evaluation.confusions.items()),
        _transfer(directory, POOLED_TRANSFER if pooled else TRANSFER_INTRODUCTION),
        _conditions(evaluation),
        _predictions(evaluation, own=own or bool(record.corpora)),
        USE.format(speakers=len(record.training_speakers()), purpose=OWN_PURPOSE if own or record.corpora else ""),
        render_data(record) if pooled and record.corpora else OWN_USE if own else USER_USE,
        _members(record, pooled=pooled),
    ]
    return "".join(parts)


def _head(config: BuiltinConfig, evaluation: Evaluation, record: TrainingRecord, *, own: bool) -> str:
    sizes = config.network_config()
    return HEAD.format(
        origin=(OWN_ORIGIN if own else USER_ORIGIN).format(version=config.version),
        labels=len(config.labels),
        names=", ".join(config.labels),
        members=sizes.members,
        statistics=_statistics(config),
        parameters=evaluation.parameters / 1e6,
        size_mb=evaluation.size_bytes / 1e6,
        context_s=sizes.context_frames * config.front_end.hop_samples / config.front_end.sample_rate,
        temperature=config.temperature,
        machine=evaluation.machine,
        speed_ms=evaluation.speed_ms,
        load_ms=evaluation.load_s * 1000,
        license=config.license,
        count=f"{sum(evaluation.clips.values()):,}",
        speakers=len(evaluation.speakers),
        members_per_speaker=evaluation.members_per_speaker,
        all_members=sizes.members + sizes.statistics_members,
        chance=1 / len(config.labels),
        whole_model=_whole_model(evaluation, record),
        few_speakers=OWN_FEW_SPEAKERS if own else USER_FEW_SPEAKERS,
    )


def _whole_model(evaluation: Evaluation, record: TrainingRecord) -> str:
    """Returns the sentence on how many of the evaluated speakers the model was trained on."""
    trained = set(evaluation.speakers) & set(record.training_speakers())
    if not trained:
        return WHOLE_MODEL_NOT_TRAINED
    if len(trained) == len(evaluation.speakers):
        return WHOLE_MODEL_TRAINED
    return WHOLE_MODEL_PARTLY_TRAINED.format(trained=len(trained))


def _statistics(config: BuiltinConfig) -> str:
    network = config.network
    if not network.statistics_members:
        return ""
    return (
        "\n- Statistics MLPs: multilayer perceptrons on means and deviations of loudness, pitch and their movement "
        f"around each\n  frame; members of this kind: {network.statistics_members}. Their average has a weight of "
        f"{network.statistics_share:.0%} in the logits."
    )


def _figures(evaluation: Evaluation, *, own: bool) -> str:
    lines = [_row(f"all clips pooled, {len(evaluation.labels)} classes", evaluation.pooled)]
    lines += [_row(f"{name}, {evaluation.clips[name]} clips", figure) for name, figure in evaluation.corpora.items()]
    lines.append(_row("mean of the corpora", evaluation.mean_of_corpora))
    test_speakers = _test_speakers(evaluation) if own else ""
    return (
        "\n".join(lines)
        + f"\n\nAccuracy {evaluation.accuracy:.3f}. Mean confidence {evaluation.mean_confidence:.3f}, expected "
        + f"calibration error {evaluation.calibration_error:.3f} (15 bins).\n{test_speakers}\n"
        + f"`{evaluation.command}`, on a {evaluation.machine}.\n"
    )


def _test_speakers(evaluation: Evaluation) -> str:
    if not evaluation.test_recalls:
        return ""
    recalls = ", ".join(f"{name} {figure.value:.3f}" for name, figure in evaluation.test_recalls.items())
    low, high = evaluation.test_recalls["mean"].over_speakers
    return (
        f"\nThe recipe and its options were chosen on the other speakers. Recalls of the test speakers, whose clips\n"
        f"were not used for any choice ({', '.join(TEST_SPEAKERS)}):\n"
        f"{recalls} [{low:.3f}, {high:.3f}].\n"
    )


def _row(name: str, figure: Figure) -> str:
    speakers, clips = figure.over_speakers, figure.over_clips
    return (
        f"| {name} | **{figure.value:.3f}** "
        f"| [{speakers[0]:.3f}, {speakers[1]:.3f}] · [{clips[0]:.3f}, {clips[1]:.3f}] |"
    )


def _confusion(
    name: str,
    labels: Sequence[str],
    matrix: Sequence[Sequence[int]],
    recalls: Mapping[str, float] | None = None,
) -> str:
    head = "" if recalls is None else " recall |"
    lines = [
        f"\nConfusion matrix ({name}): rows are labels, columns are predictions.\n",
        "| | " + " | ".join(labels) + f" |{head}",
        "|---" * (len(labels) + (1 if recalls is None else 2)) + "|",
    ]
    for label, counts in zip(labels, matrix, strict=True):
        if recalls is not None or any(counts):
            last = "" if recalls is None else f" {recalls[label]:.2f} |"
            lines.append(f"| {label} | " + " | ".join(str(count) for count in counts) + f" |{last}")
    return "\n".join(lines) + "\n"


def _transfer(directory: Path, introduction: str) -> str:
    path = directory / TRANSFER_NAME
    if not path.is_file():
        return ""
    record = Transfer.model_validate_json(path.read_bytes())
    lines = [
        introduction,
        "| held-out corpus | trained on | classes | clips | speakers | chance | recall | | training |",
        "|---" * 9 + "|",
    ]
    for one in record.corpora:
        lines.append(
            f"| {one.corpus} | {', '.join(one.trained_on)} | {len(one.labels)} | {one.clips} | {one.speakers} "
            f"| {1 / len(one.labels):.3f} {_row('', one.recall)[3:]} seed {one.seed}, {one.epochs} epochs |"
        )
    return "\n".join(lines) + f"\n\n`{record.command}`, on a {record.machine}.\n"


def _conditions(evaluation: Evaluation) -> str:
    if not evaluation.conditions:
        return ""
    lines = [
        f"\n## Degraded recordings\n\n{evaluation.condition_clips} of the clips (up to six of every speaker in every "
        "emotion), degraded by program:\n",
        "| | recall, pooled | recall, mean of corpora | mean confidence |",
        "|---|---|---|---|",
    ]
    for one in evaluation.conditions:
        lines.append(f"| {one.name} | {one.pooled:.3f} | {one.mean_of_corpora:.3f} | {one.mean_confidence:.3f} |")
    return "\n".join(lines) + "\n"


def _predictions(evaluation: Evaluation, *, own: bool) -> str:
    probes = "\nPredictions for signals without speech:\n" + _list(evaluation.probes)
    if not evaluation.unused_corpus or not own:
        return probes
    count = len(evaluation.unused_corpus)
    right = sum(one.emotion == one.expected for one in evaluation.unused_corpus)
    return (
        f"{probes}\nPredictions for a corpus that no member was trained on (Thorsten-Voice, one speaker); "
        f"{right} of {count} are right:\n{_list(evaluation.unused_corpus)}"
    )


def _list(predictions: Sequence[NamedPrediction]) -> str:
    return "; ".join(f"{one.name}: {one.emotion} {one.confidence:.2f}" for one in predictions) + ".\n"


def _members(record: TrainingRecord, *, pooled: bool) -> str:
    calibration = record.calibration
    kinds = {True: "statistics MLP", False: "perceptron" if pooled else "convolutional"}
    speakers = {*record.training_speakers(), *calibration.speakers}
    rows = [
        f"| {m.seed} | {kinds[m.statistics_mlp]} | {m.epochs} | {len(m.speakers)} "
        f"| {', '.join(sorted(speakers - set(m.speakers))) or 'none'} |"
        for m in record.members
    ]
    recalls = ", ".join(f"{name} {value:.3f}" for name, value in calibration.recalls.items())
    start = "" if record.started_from is None else f"\nTraining continued from the members of {record.started_from}."
    teacher = "" if record.teacher is None else f"\nThe members learnt the scores of the model {record.teacher}."
    return (
        "\n| seed | member | epochs | training speakers | held-out speakers |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\nThe temperature was fitted on the speakers that are held out from some member, each with those members\n"
        + f"(recall: {recalls}; expected calibration error {calibration.error:.3f}).{start}{teacher}\n\n"
        + "Made by the programs in `training/`; `training/README.md` has the commands.\n"
    )
