"""The whole way with one command: members trained, joined, calibrated, measured on speakers kept back, described."""

import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from training.cache import build_cache, open_cache
from training.card import write_card
from training.data import Clip, labels_in, read_manifest
from training.evaluate import EVALUATION_NAME, evaluate
from training.export import export_runs
from training.features import BankSizes, build_bank
from training.license import OWN_LICENSE, USER_LICENSE
from training.options import COUNTING, TrainOptions
from training.splits import Split, plan_training
from training.teacher import TeacherScores, ask_teacher
from training.train import train
from webui.engine.builtin_network import NetworkConfig
from webui.engine.protocol import EmotionModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one command makes.

    Attributes:
        data: folder of the recordings.
        work: folder for what is decoded, and for the runs; a stopped job goes on from there.
        model: folder that the model is written to.
        members: how many pairs of networks are trained, one of each kind, each without one fold of the speakers.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJob:
    """What trains one member."""

    cache_dir: Path
    split: Split
    config: NetworkConfig
    options: TrainOptions
    run: Path
    teacher: TeacherScores | None
    counting: bool

    def do(self) -> None:
        """Trains it, or goes on."""
        cache = open_cache(self.cache_dir)
        train(cache, self.split, self.config, self.options, self.run, teacher=self.teacher, counting=self.counting)


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
    labels = labels_in(plan.split.train) if scores is None else scores.labels
    cache = build_cache(job.data, clips, job.work / "cache")
    rows = sorted(int(row) for row in cache.rows_of(plan.split.train + plan.split.validation))
    build_bank(
        cache, config.front_end, rows, BankSizes(variants=options.variants, not_speech=options.not_speech_signals)
    )
    members = []
    for number, fold in enumerate(plan.folds):
        logger.info("pair %d of %d never hears %s", number + 1, len(plan.folds), ", ".join(fold))
        for counting in (False, True):
            own = replace(options, seed=options.seed + number, **(COUNTING if counting else {}))
            members.append(
                MemberJob(
                    cache_dir=cache.directory,
                    split=plan.split.fold(fold),
                    config=replace(config, labels=len(labels)),
                    options=own,
                    run=job.work / "runs" / f"{number}{'-counting' if counting else ''}",
                    teacher=scores,
                    counting=counting,
                )
            )
    do_all(members, job.processes)
    export_runs(
        [member.run for member in members],
        split=plan.split,
        labels=labels,
        cache=cache,
        directory=job.model,
        version=job.version,
        license=OWN_LICENSE if plan.fixed else USER_LICENSE,
        teacher=teacher.info.name if teacher is not None else None,
    )
    if not plan.split.test:
        logger.info("too few speakers to keep any back: nothing was measured, and there is no card")
        return
    found = evaluate(job.model, cache, plan.split.test, (), command=job.command, machine=job.machine)
    (job.model / EVALUATION_NAME).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    write_card(job.model)
    logger.info("pooled %.3f  mean of corpora %.3f", found.pooled.value, found.mean_of_corpora.value)


def do_all(members: list[MemberJob], processes: int) -> None:
    """Trains all, ``processes`` at a time; a GPU is hardly used by one."""
    if processes == 1:
        for member in members:
            member.do()
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=log_to_stderr) as pool:
        for done in [pool.submit(member.do) for member in members]:
            done.result()


def log_to_stderr() -> None:
    """Gives each figure of a training a line on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")


def _read(job: Job, teacher: EmotionModel | None) -> tuple[tuple[Clip, ...], TeacherScores | None]:
    if teacher is None:
        return read_manifest(job.data), None
    return ask_teacher(teacher, job.data)
