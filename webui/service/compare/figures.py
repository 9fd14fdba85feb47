"""Figures from predictions: accuracy over all and over the shared classes, and how well embeddings separate classes."""

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
PAIRS: Final = 3  # number of confused pairs that are reported


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Accuracy of a model for one class; ``clips`` is the number of recordings of the class."""

    recall: float
    precision: float
    f1: float
    clips: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracy of one model.

    Attributes:
        answered: number of recordings with a prediction.
        recall: unweighted average recall over the classes of the recordings, with its interval.
        right: fraction of correct predictions, with its interval.
        weighted_f1: mean F1 of the classes, weighted by their number of recordings.
        shared_recall: average recall over the classes that all models know, where each model only chooses between
            these; None if there are fewer than two such classes.
        confused: most frequent confusions, each with true class, predicted class and count.
        purity: fraction of recordings whose nearest neighbour, by cosine similarity of the embeddings, has the same
            emotion.
        speaker_purity: fraction of recordings whose nearest neighbour has the same speaker; None if speakers are
            unknown.
        other_speakers: like ``purity``, but only with neighbours of other speakers, so that a similar voice does not
            help; None if speakers are unknown.
        classes: figures for each class that occurs in the recordings.
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
    """Returns the indices of the emotions that all models know and that occur in the recordings."""
    common = set.intersection(*(known_emotions(model) for model in models)) if models else set()
    labelled = {clip.emotion for clip in clips}
    return [number for number, emotion in enumerate(EMOTIONS) if emotion in common & labelled]


def measure_accuracy(model: MeasuredModel, clips: Sequence[LabelledClip], shared: Sequence[int]) -> Accuracy | None:
    """Returns the accuracy of a model; None if it has no predictions."""
    kept = [clip for clip in clips if "scores" in model.answers.get(str(clip.path), {})]
    if not kept:
        return None
    answers = [model.answers[str(clip.path)] for clip in kept]
    scores = np.array([answer["scores"] for answer in answers], dtype=np.float64)  # (clips, 9)
    truth = np.array([EMOTIONS.index(clip.emotion) for clip in kept], dtype=np.int64)
    predictions = scores.argmax(axis=1)
    embeddings = np.array([answer["embedding"] for answer in answers])  # (clips, dim)
    speakers = [f"{clip.group}/{clip.speaker}" for clip in kept] if all(clip.speaker for clip in kept) else None
    return Accuracy(
        answered=len(kept),
        recall=_interval(truth, predictions, kept, recall=True),
        right=_interval(truth, predictions, kept, recall=False),
        weighted_f1=weighted_f1(truth, predictions),
        shared_recall=_shared(truth, scores, kept, shared),
        confused=_confused(truth, predictions),
        purity=purity(embeddings, [clip.emotion.value for clip in kept]),
        speaker_purity=purity(embeddings, speakers) if speakers is not None else None,
        other_speakers=purity(embeddings, [clip.emotion.value for clip in kept], apart=speakers) if speakers else None,
        classes=_classes(truth, predictions),
    )


def _classes(truth: IntArray, predictions: IntArray) -> dict[Emotion, ClassFigures]:
    found = {}
    for label in np.unique(truth):
        correct = int(((truth == label) & (predictions == label)).sum())
        labelled, predicted = int((truth == label).sum()), int((predictions == label).sum())
        recall, precision = correct / labelled, correct / predicted if predicted else 0.0
        found[EMOTIONS[label]] = ClassFigures(recall, precision, f1(truth, predictions, int(label)), labelled)
    return found


def weighted_f1(truth: IntArray, predictions: IntArray) -> float:
    """Returns the mean F1 of the classes that occur, weighted by their number of recordings."""
    labels, counts = np.unique(truth, return_counts=True)
    return float(np.average([f1(truth, predictions, int(label)) for label in labels], weights=counts))


def purity(embeddings: Scores, labels: Sequence[str], *, apart: Sequence[str] | None = None) -> float | None:
    """Returns the fraction of rows whose nearest other row, by cosine similarity, has the same label.

    Args:
        embeddings: one row per recording, shape ``(clips, dim)``.
        labels: label of each row.
        apart: group (speaker) of each row; rows of the same group are not compared. None compares all.

    Returns:
        The fraction, or None if there is nothing to compare.
    """
    if len(labels) < 2:
        return None
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = embeddings / np.maximum(lengths, np.finfo(np.float64).tiny)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    if apart is not None:
        groups = np.array(apart)
        similarity[groups[:, None] == groups[None, :]] = -np.inf
    names, comparable = np.array(labels), np.isfinite(similarity).any(axis=1)
    if not comparable.any():
        return None
    return float((names[similarity.argmax(axis=1)] == names)[comparable].mean())


def _shared(truth: IntArray, scores: Scores, clips: Sequence[LabelledClip], shared: Sequence[int]) -> Interval | None:
    columns = np.array(shared, dtype=np.int64)
    rows = np.flatnonzero(np.isin(truth, columns))
    if len(columns) < 2 or not len(rows):
        return None
    predictions = columns[scores[rows][:, columns].argmax(axis=1)]
    return _interval(truth[rows], predictions, [clips[int(number)] for number in rows], recall=True)


def _interval(truth: IntArray, predictions: IntArray, clips: Sequence[LabelledClip], *, recall: bool) -> Interval:
    figure = average_recall if recall else accuracy
    speakers = [f"{clip.group}/{clip.speaker}" for clip in clips]
    known = all(clip.speaker for clip in clips) and len(set(speakers)) > 1
    return bootstrap(
        lambda drawn: figure(truth[drawn], predictions[drawn]),
        [clip.group for clip in clips],
        clusters=speakers if known else None,
    )


def _confused(truth: IntArray, predictions: IntArray) -> tuple[tuple[Emotion, Emotion, int], ...]:
    matrix = confusion_matrix(truth, predictions, len(EMOTIONS))
    np.fill_diagonal(matrix, 0)
    pairs = Counter({(i, j): int(matrix[i, j]) for i, j in zip(*np.nonzero(matrix), strict=True)})
    return tuple((EMOTIONS[i], EMOTIONS[j], count) for (i, j), count in pairs.most_common(PAIRS))
