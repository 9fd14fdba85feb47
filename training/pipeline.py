"""The whole way with one command: members trained, joined, calibrated, measured on whom they never heard, described."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from training.cache import build_cache
from training.card import write_card
from training.data import Clip, labels_in, read_manifest
from training.evaluate import EVALUATION_NAME, evaluate
from training.export import export_runs
from training.features import BankSizes, build_bank
from training.jobs import MemberJob, do_all, pair_of
from training.license import OWN_LICENSE, USER_LICENSE
from training.options import TrainOptions
from training.splits import hold_out, plan_training
from training.teacher import TeacherScores, ask_teacher
from webui.engine.builtin.network import NetworkConfig
from webui.engine.protocol import EmotionModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one command makes.

    Attributes:
        data: folder of the recordings.
        work: folder for what is decoded, and for the runs; a stopped job goes on from there.
        model: folder that the model is written to.
        members: how many pairs of networks are trained, one of each kind, each without one group of the speakers.
        processes: how many are trained at a time, each in a process of its own.
        version: of the weights.
        machine: where this runs, in words.
        command: what the user typed, for the record.
    """

    data: Path
    work: Path
    model: Path
    members: int
    version: str
    machine: str
    command: str
    processes: int = 1


def run_job(job: Job, options: TrainOptions, config: NetworkConfig, teacher: EmotionModel | None = None) -> None:
    """Trains on ``job.data`` and writes the model, its figures and its card.

    Args:
        job: what is made.
        options: how; the seed counts up from member to member.
        config: sizes of a member; its number of classes is the data's.
        teacher: the model whose scores are learnt, for recordings without labels.
    """
    clips, scores = _read(job, teacher)
    plan = plan_training(clips, job.members)
    labels = labels_in(plan.clips) if scores is None else scores.labels
    cache = build_cache(job.data, clips, job.work / "cache")
    rows = sorted(int(row) for row in cache.rows_of(plan.clips))
    build_bank(
        cache, config.front_end, rows, BankSizes(variants=options.variants, not_speech=options.not_speech_signals)
    )
    members: list[MemberJob] = []
    for number, group in enumerate(plan.groups):
        logger.info("pair %d of %d never hears %s", number + 1, len(plan.groups), ", ".join(group))
        members += pair_of(
            job.work / "runs" / str(number),
            cache_dir=cache.directory,
            split=hold_out(plan.clips, group),
            config=replace(config, labels=len(labels)),
            options=replace(options, seed=options.seed + number),
            teacher=scores,
        )
    do_all(members, job.processes)
    export_runs(
        [member.run for member in members],
        clips=plan.clips,
        labels=labels,
        cache=cache,
        directory=job.model,
        version=job.version,
        license=OWN_LICENSE if plan.fixed else USER_LICENSE,
        teacher=teacher.info.name if teacher is not None else None,
    )
    planned = set(plan.clips)
    strangers = [clip for clip in clips if clip not in planned]
    found = evaluate(job.model, cache, plan.clips, strangers, command=job.command, machine=job.machine)
    (job.model / EVALUATION_NAME).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    write_card(job.model)
    logger.info("pooled %.3f  mean of corpora %.3f", found.pooled.value, found.mean_of_corpora.value)


def _read(job: Job, teacher: EmotionModel | None) -> tuple[tuple[Clip, ...], TeacherScores | None]:
    if teacher is None:
        return read_manifest(job.data), None
    return ask_teacher(teacher, job.data)
