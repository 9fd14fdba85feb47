"""The whole pipeline: members are trained, combined, calibrated, and evaluated on held-out speakers."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from training.cache import WaveformCache, build_cache
from training.card import write_card
from training.data import Clip, labels_in, read_manifest
from training.evaluate import evaluate
from training.export import export_runs
from training.features import build_bank
from training.license import license_of
from training.options import TrainOptions
from training.record import EVALUATION_NAME, write_record
from training.splits import Plan, hold_out, plan_training
from training.tasks import MemberTask, member_pair, train_members
from training.teacher import TeacherScores, label_with_teacher
from webui.engine.builtin.network import NetworkConfig
from webui.engine.protocol import EmotionModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOptions:
    """Input and output of the whole pipeline.

    Attributes:
        data: folder of the recordings.
        work: folder for decoded recordings and for the runs, from which a stopped run is resumed.
        model: folder that the model is written to.
        members: number of pairs of members, one of each kind; each pair is trained without one group of speakers.
        version: version of the weights.
        machine: description of the machine, for the record.
        command: the command that was run, for the record.
        processes: number of members that are trained in parallel, each in its own process.
    """

    data: Path
    work: Path
    model: Path
    members: int
    version: str
    machine: str
    command: str
    processes: int = 1


def run_pipeline(
    pipeline: PipelineOptions, options: TrainOptions, config: NetworkConfig, teacher: EmotionModel | None = None
) -> None:
    """Trains on ``pipeline.data`` and writes the model, its figures and its card.

    Args:
        pipeline: input and output.
        options: how to train a member; the seed is increased by 1 for each pair.
        config: sizes of a member; the number of classes is replaced with that of the data.
        teacher: model whose scores are learnt, for recordings without labels.
    """
    clips, scores = _read(pipeline.data, teacher)
    plan = plan_training(clips, pipeline.members)
    labels = labels_in(plan.clips) if scores is None else scores.labels
    cache = build_cache(pipeline.data, clips, pipeline.work / "cache")
    build_bank(cache, config.front_end, plan.clips, options)  # once, since each run needs only some of the variants
    tasks: list[MemberTask] = []
    for number, group in enumerate(plan.groups):
        logger.info("pair %d of %d: held-out speakers %s", number + 1, len(plan.groups), ", ".join(group))
        tasks += member_pair(
            pipeline.work / "runs" / str(number),
            name=f"pair {number + 1}",
            cache_dir=cache.directory,
            split=hold_out(plan.clips, group),
            config=replace(config, labels=len(labels)),
            options=replace(options, seed=options.seed + number),
            teacher=scores,
        )
    train_members(tasks, pipeline.processes)
    export_runs(
        [task.run for task in tasks],
        clips=plan.clips,
        labels=labels,
        cache=cache,
        directory=pipeline.model,
        version=pipeline.version,
        license=license_of(own_corpora=plan.own_corpora),
        teacher=teacher.info.name if teacher is not None else None,
    )
    document_model(pipeline.model, cache, plan, command=pipeline.command, machine=pipeline.machine)


def _read(data: Path, teacher: EmotionModel | None) -> tuple[tuple[Clip, ...], TeacherScores | None]:
    if teacher is None:
        return read_manifest(data), None
    return label_with_teacher(teacher, data)


def document_model(
    directory: Path,
    cache: WaveformCache,
    plan: Plan,
    *,
    command: str,
    machine: str,
    neighbours: float | None = None,
) -> None:
    """Evaluates the model in ``directory`` and writes ``evaluation.json`` and the model card into that folder.

    Args:
        directory: folder of the model.
        cache: the decoded recordings.
        plan: the clips to evaluate on.
        command: the command that was run, for the record.
        machine: description of the machine, for the record.
        neighbours: share of the clips whose nearest neighbour by the embedding has the same emotion; None if unknown.

    Raises:
        TrainingDataError: Every member was trained on every speaker.
    """
    evaluation = evaluate(directory, cache, plan.clips, plan.unused, command=command, machine=machine)
    evaluation = evaluation.model_copy(update={"neighbours": neighbours})
    write_record(directory / EVALUATION_NAME, evaluation)
    write_card(directory)
    logger.info(
        "recall of held-out speakers: pooled %.3f, mean of corpora %.3f",
        evaluation.pooled.value,
        evaluation.mean_of_corpora.value,
    )
