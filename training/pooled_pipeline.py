"""Makes a model on top of pretrained encoders: recordings are encoded, heads trained, combined, calibrated, evaluated.

Every step that takes long is resumed where it stopped: the encoding by shards, the training by heads.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.cache import build_cache
from training.corpora import CorpusSet, choose_corpora
from training.data import Clip, labels_in, read_manifest, speakers_in
from training.embedding import neighbour_share
from training.encoded import EncodedStore, encode_all, order_names
from training.head_options import VIEWS, HeadOptions
from training.heads import train_head
from training.license import license_of_corpora
from training.metrics import fit_temperature, softmax
from training.pipeline import document_model
from training.pooled_export import write_pooled
from training.pooled_transfer import clip_logits, measure_pooled_transfer
from training.predict import ClipLogits
from training.pretrained import ENCODERS, Pretrained, load_pretrained, shorten
from training.record import TRANSFER_NAME, CalibrationRecord, EncoderRecord, MemberRecord, TrainingRecord, write_record
from training.splits import GROUPS, Plan, hold_out, plan_training
from training.window_bank import RADIUS, WindowBank, load_bank
from webui.engine.builtin.pooled import PooledConfig, PooledHead, PooledNetwork
from webui.files import replace_file
from webui.labels import Emotion
from webui.service.evaluate.metrics import calibration_error

logger = logging.getLogger(__name__)

NONSPEECH_SIGNALS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledPipeline:
    """Input and output of the whole pipeline.

    Attributes:
        data: folder of the recordings.
        packages: folder of the distributions that carry the encoders.
        cache: folder of the encoded recordings; both sets of corpora share it, as each recording is encoded alone.
        work: folder of the heads and of the decoded recordings.
        model: folder that the model is written to.
        corpora: which corpora to train on.
        version: version of the weights.
        machine: description of the machine, for the record.
        command: the command that was run, for the record.
        views: number of views of each recording that are trained on; the first is the unchanged recording.
        processes: number of processes that encode.
        encoders: the pretrained encoders by name.
        signals: number of signals without speech.
    """

    data: Path
    packages: Path
    cache: Path
    work: Path
    model: Path
    corpora: CorpusSet
    version: str
    machine: str
    command: str
    views: int = VIEWS
    processes: int = 1
    encoders: Mapping[str, Pretrained] = field(default_factory=lambda: ENCODERS)
    signals: int = NONSPEECH_SIGNALS


def run_pooled(pipeline: PooledPipeline, options: HeadOptions) -> None:
    """Encodes, trains, and writes the model, its figures and its card."""
    clips = read_manifest(pipeline.data)
    plan = plan_training(choose_corpora(clips, pipeline.corpora), len(GROUPS))
    store = EncodedStore(
        data=pipeline.data,
        names=order_names(clips, pipeline.signals),
        cache=pipeline.cache,
        packages=pipeline.packages,
        encoders=pipeline.encoders,
    )
    views = range(pipeline.views)
    encode_all(store, tuple(pipeline.encoders), views, pipeline.processes)
    bank = load_bank(store, tuple(pipeline.encoders), views)
    labels = labels_in(plan.clips)
    heads = train_heads(bank, plan, labels, options, pipeline.work / "heads")
    predicted = predict_windows(bank, heads, plan, labels)
    logger.info("recalls of held-out speakers: %s", _in_words(predicted.recalls()))
    temperature = fit_temperature(predicted.logits, predicted.truth)
    license = license_of_corpora({clip.corpus for clip in plan.clips}, pipeline.encoders.values())
    write_pooled(
        assemble(heads, pipeline, options, len(labels)),
        pipeline.model,
        labels=labels,
        temperature=round(temperature, 3),
        version=pipeline.version,
        record=make_record(pipeline, plan, predicted, temperature, options),
        license=license.name,
    )
    (pipeline.model / "LICENSE").write_text(license.text, encoding="utf-8")
    transfer = measure_pooled_transfer(bank, plan, options, command=pipeline.command, machine=pipeline.machine)
    if transfer is not None:
        write_record(pipeline.model / TRANSFER_NAME, transfer)
    cache = build_cache(pipeline.data, [*plan.clips, *plan.unused], pipeline.work / "cache", speeds=(1.0,))
    document_model(
        pipeline.model,
        cache,
        plan,
        command=pipeline.command,
        machine=pipeline.machine,
        neighbours=held_out_neighbours(bank, heads, plan),
    )


def train_heads(
    bank: WindowBank, plan: Plan, labels: Sequence[Emotion], options: HeadOptions, folder: Path
) -> list[PooledHead]:
    """Trains one head without each group of speakers, or reads those that are finished in ``folder``."""
    heads = []
    for number, group in enumerate(plan.groups):
        train = hold_out(plan.clips, group).train
        own = replace(options, seed=options.seed + number)
        made_of = json.dumps([asdict(own), speakers_in(train), [*labels], bank.size, len(bank.names), len(bank.values)])
        path = folder / f"{number}.safetensors"
        head = _read_head(path, made_of, bank.size, own, len(labels))
        if head is None:
            logger.info("head %d of %d", number + 1, len(plan.groups))
            head = train_head(bank, train, labels, own)
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, partial(save_file, head.state_dict(), metadata={"made_of": made_of}))
        heads.append(head)
    return heads


def _read_head(path: Path, made_of: str, inputs: int, options: HeadOptions, labels: int) -> PooledHead | None:
    """Returns the head in ``path``; None if there is none, or one with other options or data."""
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as file:
        if (file.metadata() or {}).get("made_of") != made_of:
            return None
    head = PooledHead(inputs, options.widths, labels)
    head.load_state_dict(load_file(path))
    return head.eval()


@torch.inference_mode()
def predict_windows(
    bank: WindowBank, heads: Sequence[PooledHead], plan: Plan, labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Returns the mean logits of the windows of each clip in the bank, by the head not trained on its speaker."""
    clips, logits = [], []
    for head, clip, row in _held_out(bank, heads, plan):
        clips.append(clip)
        logits.append(clip_logits(head, bank, row))
    truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
    return ClipLogits(tuple(clips), labels, np.stack(logits), truth)


@torch.inference_mode()
def held_out_neighbours(bank: WindowBank, heads: Sequence[PooledHead], plan: Plan) -> float | None:
    """Returns the share of clips whose nearest neighbour among other held-out speakers has the same emotion.

    It is None if no head has two or more held-out speakers.
    """
    features: list[list[NDArray[np.float32]]] = [[] for _ in heads]
    clips: list[list[Clip]] = [[] for _ in heads]
    numbers = {id(head): number for number, head in enumerate(heads)}
    for head, clip, row in _held_out(bank, heads, plan):
        clips[numbers[id(head)]].append(clip)
        features[numbers[id(head)]].append(head(torch.from_numpy(bank.windows(row))).mean(0).numpy())
    pairs = zip(features, clips, strict=True)
    parts = [(np.stack(vectors), own) for vectors, own in pairs if len(speakers_in(own)) > 1]
    if not parts:
        return None
    shares = [neighbour_share(vectors, own) for vectors, own in parts]
    return float(np.average(shares, weights=[len(own) for _, own in parts]))


def _held_out(bank: WindowBank, heads: Sequence[PooledHead], plan: Plan) -> list[tuple[PooledHead, Clip, int]]:
    head_of = {speaker: head for head, group in zip(heads, plan.groups, strict=True) for speaker in group}
    return [(head_of[clip.speaker], clip, bank.row_of[clip.path]) for clip in plan.clips if clip.path in bank.row_of]


def assemble(heads: Sequence[PooledHead], pipeline: PooledPipeline, options: HeadOptions, labels: int) -> PooledNetwork:
    """Returns a network of the pretrained encoders and of ``heads``."""
    encoders = [shorten(load_pretrained(encoder, pipeline.packages)) for encoder in pipeline.encoders.values()]
    config = PooledConfig(
        encoders=tuple(encoder.config for encoder in encoders),
        labels=labels,
        heads=len(heads),
        widths=options.widths,
        radius=RADIUS,
    )
    network = PooledNetwork(config)
    for target, source in zip([*network.encoders, *network.heads], [*encoders, *heads], strict=True):
        target.load_state_dict(source.state_dict())
    return network.eval().requires_grad_(False)


def make_record(
    pipeline: PooledPipeline, plan: Plan, predicted: ClipLogits, temperature: float, options: HeadOptions
) -> TrainingRecord:
    """Returns the record of training: corpora and speakers, initial weights, calibration."""
    return TrainingRecord(
        members=tuple(
            MemberRecord(
                seed=options.seed + number,
                epochs=options.epochs,
                speakers=speakers_in(hold_out(plan.clips, group).train),
            )
            for number, group in enumerate(plan.groups)
        ),
        calibration=CalibrationRecord(
            speakers=speakers_in(predicted.clips),
            recalls={name: round(value, 4) for name, value in predicted.recalls().items()},
            error=round(calibration_error(predicted.truth, softmax(predicted.logits, temperature)), 4),
        ),
        corpora=tuple(sorted({clip.corpus for clip in plan.clips})) if plan.own_corpora else (),
        encoders=tuple(
            EncoderRecord(
                name=encoder.name,
                package=encoder.package,
                sha256=encoder.sha256,
                license=encoder.license,
                origin=encoder.origin,
            )
            for encoder in pipeline.encoders.values()
        ),
    )


def _in_words(recalls: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in recalls.items())
