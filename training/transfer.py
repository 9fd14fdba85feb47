"""Cross-corpus evaluation: for each corpus a pair of members is trained on the other corpora and evaluated on it.

Only the classes that the held-out corpus has in common with the others are compared.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError, labels_in, speakers_in
from training.export import predict_held_out
from training.features import build_bank
from training.figures import recall_figure
from training.options import TrainOptions
from training.predict import ClipLogits
from training.record import HeldOutCorpus, Transfer
from training.splits import Plan, Split
from training.state import read_run
from training.tasks import member_pair, train_members
from webui.engine.builtin.network import NetworkConfig

logger = logging.getLogger(__name__)


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
    """Holds each corpus out in turn. Runs that were stopped are resumed.

    Args:
        cache: the decoded recordings.
        plan: the clips of all speakers.
        config: sizes of a member; the number of classes is replaced with that of the corpora it is trained on.
        options: how to train. There is no validation between epochs.
        work: folder for the runs.
        command: the command that was run, for the record.
        machine: description of the machine, for the record.
        processes: number of members that are trained in parallel.

    Raises:
        TrainingDataError: There is only one corpus.
    """
    names = sorted({clip.corpus for clip in plan.clips})
    if len(names) < 2:
        raise TrainingDataError(f"The data has one corpus only ({names[0]}); leaving one out needs two or more.")
    build_bank(cache, config.front_end, plan.clips, options)  # once, since each run needs only some of the variants
    parts = {name: leave_out(plan, name) for name in names}
    pairs = {
        name: member_pair(
            work / name,
            name=f"without {name}",
            cache_dir=cache.directory,
            split=split,
            config=replace(config, labels=len(labels_in(split.train))),
            options=replace(options, validate_every=options.epochs),
        )
        for name, (split, _) in parts.items()
    }
    train_members([task for pair in pairs.values() for task in pair], processes)
    records = [_measure(name, cache, parts[name], [task.run for task in pairs[name]], options) for name in names]
    return Transfer(command=command, machine=machine, corpora=tuple(records))


def _measure(
    name: str,
    cache: WaveformCache,
    parts: tuple[Split, tuple[Clip, ...]],
    runs: Sequence[Path],
    options: TrainOptions,
) -> HeldOutCorpus:
    split, held_out = parts
    labels = labels_in(split.train)
    shared = tuple(label for label in labels if label in labels_in(held_out))
    clips = [clip for clip in held_out if clip.emotion in shared]
    predicted = predict_held_out([read_run(run) for run in runs], clips, cache, labels).restrict_to(shared)
    return held_out_record(name, split, predicted, seed=options.seed, epochs=options.epochs)


def held_out_record(name: str, split: Split, predicted: ClipLogits, *, seed: int, epochs: int) -> HeldOutCorpus:
    """Returns the figures of a held-out corpus, and logs its recall.

    Args:
        name: name of the corpus.
        split: the clips that were trained on.
        predicted: the logits for clips of the corpus, restricted to the classes that it shares with the others.
        seed: seed of the training.
        epochs: number of epochs.
    """
    record = HeldOutCorpus(
        corpus=name,
        trained_on=tuple(sorted({clip.corpus for clip in split.train})),
        labels=predicted.labels,
        clips=len(predicted.clips),
        speakers=len(speakers_in(predicted.clips)),
        recall=recall_figure(predicted),
        seed=seed,
        epochs=epochs,
    )
    logger.info("held-out corpus %s: recall %.3f for %d classes", name, record.recall.value, len(record.labels))
    return record


def leave_out(plan: Plan, name: str) -> tuple[Split, tuple[Clip, ...]]:
    """Returns a split that trains on all corpora except ``name``, and the clips of the corpus ``name``."""
    train = tuple(clip for clip in plan.clips if clip.corpus != name)
    held_out = tuple(clip for clip in plan.clips if clip.corpus == name)
    return Split(train=train, validation=()), held_out
