"""Metrics of a classifier, and their confidence intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def confusion_matrix(truth: IntArray, predictions: IntArray, classes: int) -> IntArray:
    """Returns counts, shape ``(classes, classes)``: rows are true classes, columns predicted ones."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (truth, predictions), 1)
    return matrix


def average_recall(truth: IntArray, predictions: IntArray) -> float:
    """Returns the unweighted average recall over the classes that occur in ``truth``."""
    return float(np.mean([(predictions[truth == label] == label).mean() for label in np.unique(truth)]))


def accuracy(truth: IntArray, predictions: IntArray) -> float:
    """Returns the fraction of correct predictions."""
    return float((truth == predictions).mean())


def average_f1(truth: IntArray, predictions: IntArray) -> float:
    """Returns the unweighted average F1 over the classes that occur in ``truth``."""
    return float(np.mean([f1(truth, predictions, int(label)) for label in np.unique(truth)]))


def f1(truth: IntArray, predictions: IntArray, label: int) -> float:
    """Returns the harmonic mean of precision and recall of one class; 0 if the class does not occur."""
    occurrences = int((truth == label).sum() + (predictions == label).sum())
    return float(2 * ((truth == label) & (predictions == label)).sum() / occurrences) if occurrences else 0.0


def calibration_error(truth: IntArray, scores: Scores, bins: int = 15) -> float:
    """Returns the expected calibration error of ``scores``, shape ``(clips, classes)``, in equal-width bins."""
    confidence, correct = scores.max(axis=1), scores.argmax(axis=1) == truth
    bin_index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[inside].mean() - confidence[inside].mean()) * inside.mean()
        for inside in (bin_index == number for number in np.unique(bin_index))
    ]
    return float(np.sum(gaps))


def bootstrap(
    figure: Callable[[IntArray], float],
    groups: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> Interval:
    """Computes a metric with its percentile interval by bootstrapping.

    Args:
        figure: computes the metric from the indices of the clips to include.
        groups: stratum (corpus) of each clip; clips are resampled within their stratum.
        clusters: cluster (speaker) of each clip, whose clips are resampled together; None resamples single clips.
        rounds: number of resamples.
        seed: seed of the random generator.
    """
    random = np.random.default_rng(seed)
    strata = np.array(groups)
    units = np.arange(strata.size).astype(str) if clusters is None else np.array(clusters)
    members = [[np.flatnonzero(units == u) for u in np.unique(units[strata == g])] for g in np.unique(strata)]
    values = []
    for _ in range(rounds):
        drawn = [rows[i] for rows in members for i in random.integers(len(rows), size=len(rows))]
        values.append(figure(np.concatenate(drawn)))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(figure(np.arange(strata.size)), float(low), float(high))
