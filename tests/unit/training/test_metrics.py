"""Figures, checked against numbers worked out by hand."""

import numpy as np
import pytest

from training.metrics import fit_temperature, mean_corpus_recall, softmax
from webui.service.evaluate.metrics import average_recall, bootstrap, calibration_error, confusion_matrix

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 0, 0, 0])


def test_confusion_matrix() -> None:
    assert confusion_matrix(TRUTH, PREDICTIONS, 3).tolist() == [[3, 1, 0], [1, 1, 0], [2, 0, 0]]


def test_average_recall_counts_classes_equally() -> None:
    assert average_recall(TRUTH, PREDICTIONS) == pytest.approx((0.75 + 0.5 + 0.0) / 3)


def test_mean_corpus_recall_uses_only_the_classes_of_each_corpus() -> None:
    corpora = np.array(["a"] * 6 + ["b"] * 2)
    assert mean_corpus_recall(TRUTH, PREDICTIONS, corpora) == pytest.approx(((0.75 + 0.5) / 2 + 0.0) / 2)


def test_calibration_error() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    truth = np.array([0, 1, 0, 0])  # right half of the time at 0.9, always at 0.6
    assert calibration_error(truth, scores) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_the_temperature_is_recovered() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 4))
    probabilities = softmax(logits, 1.7)
    truth = (probabilities.cumsum(axis=1) > random.random((len(logits), 1))).argmax(axis=1)
    assert fit_temperature(logits, truth) == pytest.approx(1.7, rel=0.05)


def test_bootstrap_interval() -> None:
    right = np.array([1.0] * 300 + [0.0] * 100)
    found = bootstrap(lambda rows: float(right[rows].mean()), ["x"] * 400, rounds=500)
    width = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - width, abs=0.012)
    assert found.high == pytest.approx(0.75 + width, abs=0.012)


def test_bootstrap_over_speakers_is_wider() -> None:
    right = np.array([1.0] * 200 + [0.0] * 200)
    speakers = ["s1"] * 200 + ["s2"] * 200
    found = bootstrap(lambda rows: float(right[rows].mean()), ["x"] * 400, clusters=speakers, rounds=300)
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)
