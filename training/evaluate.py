"""Measures the files of a model, each speaker with the members that never heard him or her."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from training.cache import WaveformCache
from training.data import Clip, speakers_in
from training.export import part_of
from training.metrics import mean_corpus_recall, softmax
from training.predict import ClipLogits, Jury, Recognizer, of_model
from training.record import Record, TrainingRecord
from training.robustness import Spoil, choose_clips, conditions
from training.splits import UNASKED
from webui.engine.builtin.checkpoint import WEIGHTS_NAME, fill_network, read_config, read_weights
from webui.engine.builtin.model import BuiltinModel, load_builtin
from webui.engine.builtin.network import BuiltinNetwork
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.service.evaluate.metrics import Interval, average_recall, bootstrap, calibration_error, confusion_matrix
from webui.settings import Device
from webui.units import SPEECH_RATE

EVALUATION_NAME: Final = "evaluation.json"
PROBE_S: Final = 4.0
SPEED_S: Final = 5.0


class Figure(Record):
    """A figure with two 95 % intervals: drawing speakers again, and drawing clips again."""

    value: float
    over_speakers: tuple[float, float]
    over_clips: tuple[float, float]


class Answer(Record):
    """What the model says of something that has no emotion, or of a corpus it never heard."""

    name: str
    emotion: str
    confidence: float
    expected: str | None = None


class Hardship(Record):
    """How the model fares with spoilt recordings."""

    name: str
    pooled: float
    mean_of_corpora: float
    mean_confidence: float


class Evaluation(Record):
    """Everything that was measured; ``evaluation.json``.

    Attributes:
        judges: how many members judged a speaker, at most.
        unasked: recalls of the speakers that chose nothing, by corpus, and their mean.
    """

    command: str
    machine: str
    labels: tuple[str, ...]
    speakers: tuple[str, ...]
    clips: dict[str, int]
    judges: int
    unasked: dict[str, Figure]
    pooled: Figure
    corpora: dict[str, Figure]
    mean_of_corpora: Figure
    accuracy: float
    recalls: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    mean_confidence: float
    probes: tuple[Answer, ...]
    strangers: tuple[Answer, ...]
    load_s: float
    speed_ms: float
    parameters: int
    size_bytes: int
    hardships: tuple[Hardship, ...] = ()
    hardship_clips: int = 0
    confusions: dict[str, tuple[tuple[int, ...], ...]] = Field(default_factory=dict)


def evaluate(
    directory: Path,
    cache: WaveformCache,
    clips: Sequence[Clip],
    strangers: Sequence[Clip],
    *,
    command: str,
    machine: str,
) -> Evaluation:
    """Measures the model in ``directory``.

    What depends on recordings with a label is measured with the members that never heard their speaker, the rest with
    the whole model as the program loads it.

    Args:
        directory: holds the model.
        cache: the decoded recordings.
        clips: of everybody; who was heard by all members is left out.
        strangers: clips of a corpus that was not heard in training.
        command: what the user ran, for the record.
        machine: where, in words.

    Raises:
        TrainingDataError: every speaker was heard by every member.
    """
    model, load_s = _load_timed(directory)
    labels = tuple(Emotion(name) for name in model.labels.names)
    jury = open_jury(directory)
    judged = jury.judged(clips)
    found = jury.predict(cache, judged, labels)
    recalls = _recall_figures(found)
    matrix = confusion_matrix(found.truth, found.logits.argmax(axis=1), len(labels))
    scores = softmax(found.logits)
    chosen = choose_clips(judged)
    return Evaluation(
        command=command,
        machine=machine,
        labels=tuple(labels),
        speakers=speakers_in(judged),
        judges=max(len(jury.strangers(speaker)) for speaker in speakers_in(judged)),
        unasked=_unasked(found),
        clips={str(name): int((found.corpora == name).sum()) for name in np.unique(found.corpora)},
        pooled=recalls.pooled,
        corpora=recalls.corpora,
        mean_of_corpora=recalls.mean_of_corpora,
        accuracy=float(np.trace(matrix) / matrix.sum()),
        recalls={label: float(matrix[i, i] / max(1, matrix[i].sum())) for i, label in enumerate(labels)},
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        calibration_error=calibration_error(found.truth, scores),
        mean_confidence=float(scores.max(axis=1).mean()),
        probes=tuple(_answer(model, name, waveform) for name, waveform in probes().items()),
        strangers=_answers(model, cache, strangers),
        load_s=load_s,
        speed_ms=_speed_ms(model),
        parameters=_parameters(directory),
        size_bytes=sum(path.stat().st_size for path in directory.iterdir()),
        hardships=tuple(_hardship(jury, cache, chosen, labels, n, s) for n, s in conditions().items()),
        hardship_clips=len(chosen),
        confusions=_confusions(found),
    )


def _load_timed(directory: Path) -> tuple[EmotionModel, float]:
    """Returns the model and the median time of five loads; the first one pays for imports as well."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        model = load_builtin(directory, device=Device.CPU)
        taken.append(time.perf_counter() - started)
    return model, float(np.median(taken))


def _hardship(
    jury: Jury,
    cache: WaveformCache,
    clips: Sequence[Clip],
    labels: tuple[Emotion, ...],
    name: str,
    spoil: Spoil,
) -> Hardship:
    random = np.random.default_rng(11)
    found = jury.predict(cache, clips, labels, lambda wave: spoil(wave, random))
    recalls = found.recalls()
    confidence = float(softmax(found.logits).max(axis=1).mean())
    return Hardship(name=name, pooled=recalls["pooled"], mean_of_corpora=recalls["mean"], mean_confidence=confidence)


def _confusions(found: ClipLogits) -> dict[str, tuple[tuple[int, ...], ...]]:
    guess, matrices = found.logits.argmax(axis=1), {}
    for name in np.unique(found.corpora):
        inside = found.corpora == name
        matrix = confusion_matrix(found.truth[inside], guess[inside], len(found.labels))
        matrices[str(name)] = tuple(tuple(int(count) for count in row) for row in matrix)
    return matrices


def open_jury(directory: Path) -> Jury:
    """Returns the members of the model in ``directory``, each with whom it heard."""
    config = read_config(directory)
    members = TrainingRecord.model_validate(config.training).members
    network = BuiltinNetwork(config.network_config())
    fill_network(network, read_weights(directory), directory / WEIGHTS_NAME)
    places = {kind: [n for n, m in enumerate(members) if m.counting == kind] for kind in (False, True)}

    def seat(chosen: tuple[int, ...]) -> Recognizer:
        shapes, counts = ([places[kind].index(n) for n in chosen if n in places[kind]] for kind in (False, True))
        part = part_of(network, shapes, counts).requires_grad_(False)
        return of_model(BuiltinModel(part, config, torch.device("cpu")))

    return Jury(tuple(frozenset(member.speakers) for member in members), seat)


def _unasked(found: ClipLogits) -> dict[str, Figure]:
    """Returns the recalls of the speakers of this project's corpora that the recipe was not settled on."""
    rows = np.flatnonzero([clip.speaker in UNASKED for clip in found.clips])
    if not rows.size:
        return {}
    clips = tuple(found.clips[row] for row in rows)
    figures = _recall_figures(ClipLogits(clips, found.labels, found.logits[rows], found.truth[rows]))
    return {**figures.corpora, "mean": figures.mean_of_corpora}


@dataclass(frozen=True, slots=True)
class _Recalls:
    pooled: Figure
    mean_of_corpora: Figure
    corpora: dict[str, Figure]


def _recall_figures(found: ClipLogits) -> _Recalls:
    guess, corpora = found.logits.argmax(axis=1), found.corpora
    speakers = [clip.speaker for clip in found.clips]

    def figure(rows: NDArray[np.int64], *, by_corpus: bool) -> Figure:
        def value(drawn: NDArray[np.int64]) -> float:
            chosen = rows[drawn]
            if by_corpus:
                return mean_corpus_recall(found.truth[chosen], guess[chosen], corpora[chosen])
            return average_recall(found.truth[chosen], guess[chosen])

        groups = [str(name) for name in corpora[rows]]
        voices = [speakers[row] for row in rows]
        return _figure(bootstrap(value, groups, clusters=voices), bootstrap(value, groups))

    everything = np.arange(len(found.clips))
    return _Recalls(
        pooled=figure(everything, by_corpus=False),
        mean_of_corpora=figure(everything, by_corpus=True),
        corpora={str(c): figure(np.flatnonzero(corpora == c), by_corpus=False) for c in np.unique(corpora)},
    )


def recall_figure(found: ClipLogits) -> Figure:
    """Returns the unweighted average recall of clips of one corpus, with its intervals."""
    guess, speakers = found.logits.argmax(axis=1), [clip.speaker for clip in found.clips]

    def value(drawn: NDArray[np.int64]) -> float:
        return average_recall(found.truth[drawn], guess[drawn])

    groups = [clip.corpus for clip in found.clips]
    return _figure(bootstrap(value, groups, clusters=speakers), bootstrap(value, groups))


def _figure(by_speaker: Interval, by_clip: Interval) -> Figure:
    return Figure(
        value=by_clip.value,
        over_speakers=(by_speaker.low, by_speaker.high),
        over_clips=(by_clip.low, by_clip.high),
    )


def probes() -> dict[str, NDArray[np.float32]]:
    """Returns signals that hold no speech, by name."""
    random = np.random.default_rng(7)
    time_s = np.arange(int(PROBE_S * SPEECH_RATE)) / SPEECH_RATE
    chord = sum(np.sin(2 * np.pi * f * time_s) for f in (261.6, 329.6, 392.0, 523.2))
    melody_hz = np.array([261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.2])[(time_s * 2).astype(int) % 8]
    melody = np.sin(2 * np.pi * np.cumsum(melody_hz) / SPEECH_RATE)
    signals = {
        "digital silence": np.zeros_like(time_s),
        "white noise": 0.1 * random.standard_normal(time_s.size),
        "hum at 50 Hz": 0.1 * np.sin(2 * np.pi * 50 * time_s),
        "a held chord": 0.1 * chord,
        "a melody of sines": 0.3 * melody,
        "A minor, low": 0.1 * _held((110.0, 130.8, 164.8), time_s),
        "a triad of organ pipes": 0.1 * sum(_held(np.array((220.0, 277.2, 329.6)) * k, time_s) / k for k in (1, 2, 4)),
        "drums": _drums(random, time_s),
    }
    return {name: np.asarray(signal, dtype=np.float32) for name, signal in signals.items()}


def _held(hertz: Sequence[float] | NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(2 * np.pi * np.asarray(hertz)[:, np.newaxis] * time_s).sum(axis=0))


def _drums(random: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bass drum twice a second, and a snare in between."""
    since_s = time_s % 0.5
    bass = np.sin(2 * np.pi * 60 * since_s) * np.exp(-since_s / 0.08)
    snare = random.standard_normal(time_s.size) * np.exp(-((time_s + 0.25) % 0.5) / 0.04)
    return 0.4 * bass + 0.1 * snare


def _answer(model: EmotionModel, name: str, waveform: NDArray[np.float32], expected: str | None = None) -> Answer:
    scores = softmax(of_model(model)(waveform)[np.newaxis])[0]
    best = int(scores.argmax())
    return Answer(name=name, emotion=model.labels.names[best], confidence=float(scores[best]), expected=expected)


def _answers(model: EmotionModel, cache: WaveformCache, clips: Sequence[Clip]) -> tuple[Answer, ...]:
    rows = cache.rows_of(clips)
    pairs = zip(clips, rows, strict=True)
    return tuple(_answer(model, Path(c.path).stem, cache.waveform(int(row)), c.emotion.value) for c, row in pairs)


def _speed_ms(model: EmotionModel) -> float:
    waveform = probes()["white noise"]
    clip = np.resize(waveform, int(SPEED_S * SPEECH_RATE))
    recognize, threads = of_model(model), torch.get_num_threads()
    torch.set_num_threads(1)
    taken = []
    for _ in range(12):
        started = time.perf_counter()
        recognize(clip)
        taken.append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return float(np.median(taken[2:])) * 1000


def _parameters(directory: Path) -> int:
    tensors = read_weights(directory)
    return sum(tensor.numel() for name, tensor in tensors.items() if not name.startswith("front_end"))
