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
from training.options import COUNTING, TrainOptions
from training.predict import ClipLogits
from training.record import Record
from training.splits import Plan, Split
from training.train import train
from webui.engine.builtin_network import NetworkConfig
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
) -> Transfer:
    """Leaves each corpus out in turn; a training that was stopped goes on where it was.

    Args:
        cache: the decoded recordings.
        plan: who trains; the first fold validates, and the test speakers of the corpora that are heard stay out.
        config: sizes of a member; its number of classes is that of the corpora it hears.
        options: how to train; the last epoch counts, so nothing is chosen by a validation.
        work: folder of the runs.
        command: what the user ran, for the record.
        machine: where, in words.

    Raises:
        TrainingDataError: one corpus only.
    """
    everything = plan.split.train + plan.split.validation + plan.split.test
    names = sorted({clip.corpus for clip in plan.split.train})
    if len(names) < 2:
        raise TrainingDataError(f"The data has one corpus only ({names[0]}); leaving one out needs two or more.")
    rows = sorted(int(row) for row in cache.rows_of(everything))
    sizes = BankSizes(variants=options.variants, not_speech=options.not_speech_signals)
    build_bank(cache, config.front_end, rows, sizes)  # once; what a training needs of it is less
    found: list[Stranger] = []
    for name in names:
        found.append(_leave_out(name, cache, plan, config, options, work / name))
        logger.info("%s, never heard: %.3f of %d classes", name, found[-1].recall.value, len(found[-1].labels))
    return Transfer(command=command, machine=machine, corpora=tuple(found))


def _leave_out(
    name: str, cache: WaveformCache, plan: Plan, config: NetworkConfig, options: TrainOptions, run: Path
) -> Stranger:
    split, left_out = leave_out(plan, name)
    labels = labels_in(split.train + split.validation)
    shared = tuple(label for label in labels if label in labels_in(left_out))
    own = replace(options, validate_every=options.epochs)
    runs = [run, run.with_name(f"{run.name}-counting")]
    for folder, counting in zip(runs, (False, True), strict=True):
        chosen = replace(own, **COUNTING) if counting else own
        train(cache, split, replace(config, labels=len(labels)), chosen, folder, counting=counting)
    asked = [clip for clip in left_out if clip.emotion in shared]
    masked = among(predict_unheard([read_run(folder) for folder in runs], asked, cache, labels), shared)
    return Stranger(
        corpus=name,
        heard=tuple(sorted({clip.corpus for clip in split.train})),
        labels=shared,
        clips=len(asked),
        speakers=len(speakers_in(asked)),
        recall=recall_figure(masked),
        seed=own.seed,
        epochs=own.epochs,
    )


def leave_out(plan: Plan, name: str) -> tuple[Split, tuple[Clip, ...]]:
    """Returns the split of ``plan`` without the corpus ``name``, its first fold validating; and that corpus, whole."""
    whole = plan.split.fold(plan.folds[0])
    train, validation, test = (
        tuple(clip for clip in part if clip.corpus != name) for part in (whole.train, whole.validation, whole.test)
    )
    left_out = tuple(clip for clip in whole.train + whole.validation + whole.test if clip.corpus == name)
    return Split(train, validation, test), left_out


def among(found: ClipLogits, labels: Sequence[Emotion]) -> ClipLogits:
    """Returns ``found`` with the answer restricted to ``labels``, which hold every right answer."""
    columns = [found.labels.index(label) for label in labels]
    truth = np.array([labels.index(clip.emotion) for clip in found.clips], dtype=np.int64)
    return ClipLogits(found.clips, tuple(labels), found.logits[:, columns], truth)
