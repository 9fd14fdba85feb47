"""Metrics that are only needed in training: fitting a temperature, and means over corpora."""

import numpy as np
from numpy.typing import NDArray

from webui.service.evaluate.metrics import IntArray, Scores, average_recall


def mean_corpus_recall(truth: IntArray, predictions: IntArray, corpora: NDArray[np.str_]) -> float:
    """Returns the mean over the corpora of their unweighted average recall."""
    recalls = [average_recall(truth[corpora == name], predictions[corpora == name]) for name in np.unique(corpora)]
    return float(np.mean(recalls))


def softmax(logits: Scores, temperature: float = 1.0) -> Scores:
    """Returns the softmax of ``logits / temperature``, shape ``(clips, classes)``."""
    shifted = logits / temperature
    powers = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def negative_log_likelihood(logits: Scores, truth: IntArray, temperature: float) -> float:
    """Returns the mean negative log likelihood at ``temperature``."""
    chosen = softmax(logits, temperature)[np.arange(truth.size), truth]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def fit_temperature(logits: Scores, truth: IntArray) -> float:
    """Returns the temperature between 0.3 and 4 with the smallest negative log likelihood of ``truth``."""
    grid = np.geomspace(0.3, 4.0, 200)
    return float(grid[np.argmin([negative_log_likelihood(logits, truth, float(t)) for t in grid])])
