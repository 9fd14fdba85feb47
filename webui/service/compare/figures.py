"""From answers to figures: accuracy over each model's own and the shared classes, and what embeddings separate."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui.labels import Emotion
from webui.service.compare.run import MeasuredModel
from webui.service.evaluate.manifest import LabelledClip
from webui.service.evaluate.metrics import (
    IntArray,
    Interval,
    Scores,
    accuracy,
    average_recall,
    bootstrap,
    confusion_matrix,
    f1,
)

EMOTIONS: Final = tuple(Emotion)
PAIRS: Final = 3


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How accurate a model is about one class."""

    recall: float
    precision: float
    f1: float
    clips: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How accurate one model is.

    Attributes:
        answered: how many recordings have an answer.
        recall: unweighted average recall over the classes of the recordings, with its interval.
        right: share of right answers, with its interval.
        weighted_f1: F1 weighted by how often each class occurs.
        shared_recall: average recall over the classes that all models know, each choosing between these alone; None if
            there are not two such classes.
        confused: the pairs (truth, answer, how often) that occur most.
        purity: share of recordings whose nearest neighbour by the embedding's cosine has the same emotion.
        speaker_purity: the same for the speaker; None where speakers are not known.
        other_speakers: like ``purity``, but the neighbour is the nearest one of another speaker, so that a voice that
            is alike doesn't help; None where speakers are not known.
        classes: the figures of each class that the recordings have.
    """

    answered: int
    recall: Interval
    right: Interval
    weighted_f1: float
    shared_recall: Interval | None
    confused: tuple[tuple[Emotion, Emotion, int], ...]
    purity: float | None
    speaker_purity: float | None
    other_speakers: float | None
    classes: dict[Emotion, ClassFigures]


def known_emotions(model: MeasuredModel) -> set[Emotion]:
    """Returns the emotions that a model has labels for."""
    return {Emotion(name) for name in model.about.get("emotions", ()) if name is not None}


def shared_emotions(models: Sequence[MeasuredModel], clips: Sequence[LabelledClip]) -> list[int]:
    """Returns the numbers of the emotions that every model knows and some recording has."""
    common = set.intersection(*(known_emotions(model) for model in models)) if models else set()
    labelled = {clip.emotion for clip in clips}
    return [number for number, emotion in enumerate(EMOTIONS) if emotion in common & labelled]


def measure_accuracy(model: MeasuredModel, clips: Sequence[LabelledClip], shared: Sequence[int]) -> Accuracy | None:
    """Returns how accurate a model is; None if it answered nothing."""
    kept = [clip for clip in clips if "scores" in model.answers.get(str(clip.path), {})]
    if not kept:
        return None
    answers = [model.answers[str(clip.path)] for clip in kept]
    scores = np.array([answer["scores"] for answer in answers], dtype=np.float64)  # (clips, 9)
    truth = np.array([EMOTIONS.index(clip.emotion) for clip in kept], dtype=np.int64)
    guess = scores.argmax(axis=1)
    embeddings = np.array([answer["embedding"] for answer in answers])  # (clips, dim)
    speakers = [f"{clip.group}/{clip.speaker}" for clip in kept] if all(clip.speaker for clip in kept) else None
    return Accuracy(
        answered=len(kept),
        recall=_interval(truth, guess, kept, recall=True),
        right=_interval(truth, guess, kept, recall=False),
        weighted_f1=weighted_f1(truth, guess),
        shared_recall=_shared(truth, scores, kept, shared),
        confused=_confused(truth, guess),
        purity=purity(embeddings, [clip.emotion.value for clip in kept]),
        speaker_purity=purity(embeddings, speakers) if speakers is not None else None,
        other_speakers=purity(embeddings, [clip.emotion.value for clip in kept], apart=speakers) if speakers else None,
        classes=_classes(truth, guess),
    )


def _classes(truth: IntArray, guess: IntArray) -> dict[Emotion, ClassFigures]:
    found = {}
    for label in np.unique(truth):
        right = int(((truth == label) & (guess == label)).sum())
        labelled, predicted = int((truth == label).sum()), int((guess == label).sum())
        recall, precision = right / labelled, right / predicted if predicted else 0.0
        found[EMOTIONS[label]] = ClassFigures(recall, precision, f1(truth, guess, int(label)), labelled)
    return found


def weighted_f1(truth: IntArray, guess: IntArray) -> float:
    """Returns the mean F1 of the classes that occur, weighted by how often they do."""
    labels, counts = np.unique(truth, return_counts=True)
    return float(np.average([f1(truth, guess, int(label)) for label in labels], weights=counts))


def purity(embeddings: Scores, labels: Sequence[str], *, apart: Sequence[str] | None = None) -> float | None:
    """Returns the share of rows ``(clips, dim)`` whose nearest other row, by cosine, has the same label.

    Args:
        embeddings: a row per recording.
        labels: the label of each.
        apart: the group (speaker) of each; a neighbour of the same group doesn't count.

    Returns:
        None if there is nothing to compare with.
    """
    if len(labels) < 2:
        return None
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = embeddings / np.maximum(lengths, np.finfo(np.float64).tiny)
    near = rows @ rows.T
    np.fill_diagonal(near, -np.inf)
    if apart is not None:
        groups = np.array(apart)
        near[groups[:, None] == groups[None, :]] = -np.inf
    named, judged = np.array(labels), np.isfinite(near).any(axis=1)
    if not judged.any():
        return None
    return float((named[near.argmax(axis=1)] == named)[judged].mean())


def _shared(truth: IntArray, scores: Scores, clips: Sequence[LabelledClip], shared: Sequence[int]) -> Interval | None:
    columns = np.array(shared, dtype=np.int64)
    inside = np.flatnonzero(np.isin(truth, columns))
    if len(columns) < 2 or not len(inside):
        return None
    guess = columns[scores[inside][:, columns].argmax(axis=1)]
    return _interval(truth[inside], guess, [clips[int(number)] for number in inside], recall=True)


def _interval(truth: IntArray, guess: IntArray, clips: Sequence[LabelledClip], *, recall: bool) -> Interval:
    figure = average_recall if recall else accuracy
    voices = [f"{clip.group}/{clip.speaker}" for clip in clips]
    known = all(clip.speaker for clip in clips) and len(set(voices)) > 1
    return bootstrap(
        lambda drawn: figure(truth[drawn], guess[drawn]),
        [clip.group for clip in clips],
        clusters=voices if known else None,
    )


def _confused(truth: IntArray, guess: IntArray) -> tuple[tuple[Emotion, Emotion, int], ...]:
    matrix = confusion_matrix(truth, guess, len(EMOTIONS))
    np.fill_diagonal(matrix, 0)
    pairs = Counter({(i, j): int(matrix[i, j]) for i, j in zip(*np.nonzero(matrix), strict=True)})
    return tuple((EMOTIONS[i], EMOTIONS[j], count) for (i, j), count in pairs.most_common(PAIRS))
