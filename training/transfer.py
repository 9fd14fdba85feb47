"""How a pair of members fares on a corpus it never heard: trained on the others, asked for the classes they share."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import Field

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, labels_in, speakers_in
from training.evaluate import Figure, recall_figure
from training.export import predict_unheard, read_run
from training.features import BankSizes, build_bank
from training.jobs import do_all, pair_of
from training.options import TrainOptions
from training.predict import ClipLogits
from training.record import Record
from training.splits import Plan, Split
from webui.engine.builtin.network import NetworkConfig
from webui.labels import Emotion

logger = logging.getLogger(__name__)

TRANSFER_NAME: Final = "transfer.json"


class Stranger(Record):
    """What a pair of members scores on a corpus it never heard, among the classes it shares with what it heard."""

    corpus: str
    heard: tuple[str, ...]
    labels: tuple[str, ...]
    clips: int = Field(gt=0)
    speakers: int
    recall: Figure
    seed: int
    epochs: int


class Transfer(Record):
    """``transfer.json``."""

    command: str
    machine: str
    corpora: tuple[Stranger, ...]


def measure_transfer(
    cache: WaveformCache,
    plan: Plan,
    config: NetworkConfig,
    options: TrainOptions,
    work: Path,
    *,
    command: str,
    machine: str,
    processes: int = 1,
) -> Transfer:
    """Leaves each corpus out in turn; a training that was stopped goes on where it was.

    Args:
        cache: the decoded recordings.
        plan: everybody.
        config: sizes of a member; its number of classes is that of the corpora it hears.
        options: how to train; nobody validates.
        work: folder of the runs.
        command: what the user ran, for the record.
        machine: where, in words.
        processes: how many members are trained at a time.

    Raises:
        TrainingDataError: one corpus only.
    """
    names = sorted({clip.corpus for clip in plan.clips})
    if len(names) < 2:
        raise TrainingDataError(f"The data has one corpus only ({names[0]}); leaving one out needs two or more.")
    rows = sorted(int(row) for row in cache.rows_of(plan.clips))
    sizes = BankSizes(variants=options.variants, not_speech=options.not_speech_signals)
    build_bank(cache, config.front_end, rows, sizes)  # once; what a training needs of it is less
    parts = {name: leave_out(plan, name) for name in names}
    jobs = {
        name: pair_of(
            work / name,
            cache_dir=cache.directory,
            split=split,
            config=replace(config, labels=len(labels_in(split.train))),
            options=replace(options, validate_every=options.epochs),
        )
        for name, (split, _) in parts.items()
    }
    do_all([job for pair in jobs.values() for job in pair], processes)
    found = [_ask(name, cache, parts[name], [job.run for job in jobs[name]], options) for name in names]
    return Transfer(command=command, machine=machine, corpora=tuple(found))


def _ask(
    name: str,
    cache: WaveformCache,
    parts: tuple[Split, tuple[Clip, ...]],
    runs: Sequence[Path],
    options: TrainOptions,
) -> Stranger:
    split, left_out = parts
    labels = labels_in(split.train)
    shared = tuple(label for label in labels if label in labels_in(left_out))
    asked = [clip for clip in left_out if clip.emotion in shared]
    masked = allowed_emotions(predict_unheard([read_run(run) for run in runs], asked, cache, labels), shared)
    found = Stranger(
        corpus=name,
        heard=tuple(sorted({clip.corpus for clip in split.train})),
        labels=shared,
        clips=len(asked),
        speakers=len(speakers_in(asked)),
        recall=recall_figure(masked),
        seed=options.seed,
        epochs=options.epochs,
    )
    logger.info("%s, never heard: %.3f of %d classes", name, found.recall.value, len(shared))
    return found


def leave_out(plan: Plan, name: str) -> tuple[Split, tuple[Clip, ...]]:
    """Returns a split that trains on everything but the corpus ``name``, and that corpus."""
    parts = {inside: tuple(clip for clip in plan.clips if (clip.corpus == name) == inside) for inside in (False, True)}
    return Split(train=parts[False], validation=()), parts[True]


def allowed_emotions(found: ClipLogits, labels: Sequence[Emotion]) -> ClipLogits:
    """Returns ``found`` with the answer restricted to ``labels``, which hold every right answer."""
    columns = [found.labels.index(label) for label in labels]
    truth = np.array([labels.index(clip.emotion) for clip in found.clips], dtype=np.int64)
    return ClipLogits(found.clips, tuple(labels), found.logits[:, columns], truth)
