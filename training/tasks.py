"""Trains several members, one after the other or in parallel processes."""

import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from training.cache import open_cache
from training.options import STATISTICS_MLP, TrainOptions
from training.splits import Split
from training.teacher import TeacherScores
from training.train import train
from webui.engine.builtin.network import NetworkConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTask:
    """The arguments of one training run; see ``train``."""

    cache_dir: Path
    split: Split
    config: NetworkConfig
    options: TrainOptions
    run: Path
    statistics_mlp: bool
    teacher: TeacherScores | None = None
    name: str = ""

    def run_training(self) -> None:
        """Trains the member, or resumes its run."""
        train(
            open_cache(self.cache_dir),
            self.split,
            self.config,
            self.options,
            self.run,
            teacher=self.teacher,
            statistics_mlp=self.statistics_mlp,
            name=self.name,
        )


def member_pair(
    run: Path,
    *,
    name: str = "",
    cache_dir: Path,
    split: Split,
    config: NetworkConfig,
    options: TrainOptions,
    teacher: TeacherScores | None = None,
) -> list[MemberTask]:
    """Returns the tasks of a convolutional member, with the run folder ``run``, and of a statistics MLP next to it."""
    return [
        MemberTask(
            name=name,
            cache_dir=cache_dir,
            split=split,
            config=config,
            options=replace(options, **STATISTICS_MLP) if statistics_mlp else options,
            run=_statistics_run(run) if statistics_mlp else run,
            statistics_mlp=statistics_mlp,
            teacher=teacher,
        )
        for statistics_mlp in (False, True)
    ]


def _statistics_run(run: Path) -> Path:
    old = run.with_name(f"{run.name}-counting")  # its name in version 2.0.0, whose runs can still be resumed
    return old if old.is_dir() else run.with_name(f"{run.name}-statistics")


def train_members(tasks: list[MemberTask], processes: int) -> None:
    """Runs all tasks, ``processes`` of them in parallel, since one run uses only a small part of a GPU."""
    if processes == 1:
        for task in tasks:
            task.run_training()
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=log_to_stderr) as pool:
        for future in [pool.submit(task.run_training) for task in tasks]:
            future.result()


def log_to_stderr() -> None:
    """Configures logging to standard error; child processes don't inherit the configuration."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
