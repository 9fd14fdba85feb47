"""Members trained one after the other, or side by side in processes of their own."""

import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from training.cache import open_cache
from training.options import COUNTING, TrainOptions
from training.splits import Split
from training.teacher import TeacherScores
from training.train import train
from webui.engine.builtin.network import NetworkConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJob:
    """What trains one member."""

    cache_dir: Path
    split: Split
    config: NetworkConfig
    options: TrainOptions
    run: Path
    counting: bool
    teacher: TeacherScores | None = None

    def do(self) -> None:
        """Trains it, or goes on."""
        cache = open_cache(self.cache_dir)
        train(cache, self.split, self.config, self.options, self.run, teacher=self.teacher, counting=self.counting)


def pair_of(
    run: Path,
    *,
    cache_dir: Path,
    split: Split,
    config: NetworkConfig,
    options: TrainOptions,
    teacher: TeacherScores | None = None,
) -> list[MemberJob]:
    """Returns what trains one member of each kind: in ``run``, and beside it the one that counts."""
    return [
        MemberJob(
            cache_dir=cache_dir,
            split=split,
            config=config,
            options=replace(options, **COUNTING) if counting else options,
            run=run.with_name(f"{run.name}-counting") if counting else run,
            counting=counting,
            teacher=teacher,
        )
        for counting in (False, True)
    ]


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
