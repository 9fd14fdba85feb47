"""Evaluates the files of a model. Each speaker is recognised only by the members that were not trained on them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.cache import WaveformCache
from training.corpora import BY_NAME
from training.data import Clip, speakers_in
from training.figures import recall_figure, recall_figures
from training.members import heads_of, part_of
from training.metrics import softmax
from training.predict import ClipLogits, HeldOutEnsemble, Recognizer, of_model
from training.probes import probes
from training.record import ConditionFigures, Confusion, Evaluation, Figure, NamedPrediction, TrainingRecord
from training.robustness import Condition, choose_clips, conditions
from training.splits import GROUPS, TEST_SPEAKERS
from webui.arrays import FloatArray
from webui.engine.builtin.checkpoint import WEIGHTS_NAME, fill_network, read_config, read_weights
from webui.engine.builtin.model import BuiltinModel, load_builtin
from webui.engine.builtin.network import BuiltinNetwork
from webui.engine.builtin.pooled import PooledNetwork
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.service.evaluate.metrics import calibration_error, confusion_matrix
from webui.settings import Device
from webui.units import SPEECH_RATE

SPEED_S: Final = 5.0  # length of the clip that the computing time is measured with
LOADS: Final = 5  # number of times that the model is loaded to measure the time


def evaluate(
    directory: Path,
    cache: WaveformCache,
    clips: Sequence[Clip],
    unused: Sequence[Clip],
    *,
    command: str,
    machine: str,
) -> Evaluation:
    """Evaluates the model in ``directory``.

    Figures for labelled clips are measured with the members that were not trained on the clip's speaker, all others
    with the whole model as the program loads it.

    Args:
        directory: folder of the model.
        cache: the decoded recordings.
        clips: clips of all speakers; speakers that every member was trained on are left out.
        unused: clips of a corpus that no member was trained on.
        command: the command that was run, for the record.
        machine: description of the machine, for the record.

    Raises:
        TrainingDataError: Every member was trained on every speaker.
    """
    model, load_s = _load_timed(directory)
    labels = tuple(Emotion(name) for name in model.labels.names)
    ensemble = open_ensemble(directory)
    covered = ensemble.covered(clips)
    predicted = ensemble.predict(cache, covered, labels)
    recalls = recall_figures(predicted)
    matrix = confusion_matrix(predicted.truth, predicted.logits.argmax(axis=1), len(labels))
    scores = softmax(predicted.logits)
    chosen = choose_clips(covered)
    return Evaluation(
        command=command,
        machine=machine,
        labels=tuple(labels),
        speakers=speakers_in(covered),
        members_per_speaker=max(len(ensemble.members_for(speaker)) for speaker in speakers_in(covered)),
        test_recalls=_test_recalls(predicted),
        clips={str(name): int((predicted.corpora == name).sum()) for name in np.unique(predicted.corpora)},
        pooled=recalls.pooled,
        corpora=recalls.corpora,
        mean_of_corpora=recalls.mean_of_corpora,
        accuracy=float(np.trace(matrix) / matrix.sum()),
        recalls={label: float(matrix[i, i] / max(1, matrix[i].sum())) for i, label in enumerate(labels)},
        confusion=_as_tuples(matrix),
        calibration_error=calibration_error(predicted.truth, scores),
        mean_confidence=float(scores.max(axis=1).mean()),
        probes=tuple(_predict_one(model, name, waveform) for name, waveform in probes().items()),
        unused_corpus=_predict_each(model, cache, unused),
        load_s=load_s,
        speed_ms=_speed_ms(model),
        parameters=_parameters(directory),
        size_bytes=sum(path.stat().st_size for path in directory.iterdir()),
        conditions=tuple(
            _under(condition, name, ensemble, cache, chosen, labels) for name, condition in conditions().items()
        ),
        condition_clips=len(chosen),
        confusions=_confusion_by_corpus(predicted),
        languages=_recalls_by(predicted, lambda clip: BY_NAME[clip.corpus].language if clip.corpus in BY_NAME else ""),
        sexes=_recalls_by(predicted, lambda clip: clip.sex),
    )


def _recalls_by(predicted: ClipLogits, key: Callable[[Clip], str]) -> dict[str, Figure]:
    """Returns the recall of the clips of each key; the key "" stands for unknown and is left out."""
    keys = np.array([key(clip) for clip in predicted.clips])
    return {
        str(name): recall_figure(predicted.select(np.flatnonzero(keys == name))) for name in np.unique(keys) if name
    }


def _load_timed(directory: Path) -> tuple[EmotionModel, float]:
    """Returns the model and the median loading time in seconds; it is a median, because the first load is slower."""
    seconds = []
    for _ in range(LOADS):
        started = time.perf_counter()
        model = load_builtin(directory, device=Device.CPU)
        seconds.append(time.perf_counter() - started)
    return model, float(np.median(seconds))


def open_ensemble(directory: Path) -> HeldOutEnsemble:
    """Returns the members of the model in ``directory``, with the speakers that each was trained on."""
    config = read_config(directory)
    members = TrainingRecord.model_validate(config.training).members
    network = config.make_network()
    fill_network(network, read_weights(directory), directory / WEIGHTS_NAME)
    network.eval().requires_grad_(False)
    speakers = tuple(frozenset(member.speakers) for member in members)
    if isinstance(network, PooledNetwork):
        whole = network
        return HeldOutEnsemble(
            speakers,
            lambda chosen: of_model(BuiltinModel(heads_of(whole, chosen), config, torch.device("cpu"))),
        )
    if not isinstance(network, BuiltinNetwork):
        raise TypeError(f"no ensemble of {type(network).__name__}")
    convolutional_network = network
    # The weights' file has the members of each kind in the order of the record; find their positions within the kind.
    numbers = {kind: [n for n, m in enumerate(members) if m.statistics_mlp == kind] for kind in (False, True)}

    def combine(chosen: tuple[int, ...]) -> Recognizer:
        convolutional, statistics = (
            [numbers[kind].index(number) for number in chosen if number in numbers[kind]] for kind in (False, True)
        )
        part = part_of(convolutional_network, convolutional, statistics).requires_grad_(False)
        return of_model(BuiltinModel(part, config, torch.device("cpu")))

    return HeldOutEnsemble(speakers, combine)


def _under(
    condition: Condition,
    name: str,
    ensemble: HeldOutEnsemble,
    cache: WaveformCache,
    clips: Sequence[Clip],
    labels: tuple[Emotion, ...],
) -> ConditionFigures:
    random = np.random.default_rng(11)
    predicted = ensemble.predict(cache, clips, labels, lambda wave: condition(wave, random))
    recalls = predicted.recalls()
    return ConditionFigures(
        name=name,
        pooled=recalls["pooled"],
        mean_of_corpora=recalls["mean"],
        mean_confidence=float(softmax(predicted.logits).max(axis=1).mean()),
    )


def _confusion_by_corpus(predicted: ClipLogits) -> dict[str, Confusion]:
    predictions, matrices = predicted.logits.argmax(axis=1), {}
    for name in np.unique(predicted.corpora):
        inside = predicted.corpora == name
        matrix = confusion_matrix(predicted.truth[inside], predictions[inside], len(predicted.labels))
        matrices[str(name)] = _as_tuples(matrix)
    return matrices


def _as_tuples(matrix: NDArray[np.int64]) -> Confusion:
    return tuple(tuple(int(count) for count in row) for row in matrix)


def _test_recalls(predicted: ClipLogits) -> dict[str, Figure]:
    """Returns the recalls of the test speakers of this project's corpora; empty for other data."""
    if not {speaker for group in GROUPS for speaker in group} <= set(speakers_in(predicted.clips)):
        return {}
    rows = np.flatnonzero([clip.speaker in TEST_SPEAKERS for clip in predicted.clips])
    figures = recall_figures(predicted.select(rows))
    return {**figures.corpora, "mean": figures.mean_of_corpora}


def _predict_one(model: EmotionModel, name: str, waveform: FloatArray, expected: str | None = None) -> NamedPrediction:
    scores = softmax(of_model(model)(waveform)[np.newaxis])[0]
    best = int(scores.argmax())
    return NamedPrediction(
        name=name, emotion=model.labels.names[best], confidence=float(scores[best]), expected=expected
    )


def _predict_each(model: EmotionModel, cache: WaveformCache, clips: Sequence[Clip]) -> tuple[NamedPrediction, ...]:
    pairs = zip(clips, cache.rows_of(clips), strict=True)
    return tuple(
        _predict_one(model, Path(clip.path).stem, cache.waveform(int(row)), clip.emotion.value) for clip, row in pairs
    )


def _speed_ms(model: EmotionModel) -> float:
    waveform = probes()["white noise"]
    clip = np.resize(waveform, int(SPEED_S * SPEECH_RATE))
    recognize, threads = of_model(model), torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        recognize(clip)
        seconds.append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return float(np.median(seconds[2:])) * 1000


def _parameters(directory: Path) -> int:
    tensors = read_weights(directory)
    return sum(tensor.numel() for name, tensor in tensors.items() if not name.startswith("front_end"))
