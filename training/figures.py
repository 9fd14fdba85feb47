"""Unweighted average recall with confidence intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics import mean_corpus_recall
from training.predict import ClipLogits
from training.record import Figure
from webui.service.evaluate.metrics import average_recall, bootstrap

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RecallFigures:
    """Recalls of clips of several corpora.

    Attributes:
        pooled: unweighted average recall of all clips.
        corpora: unweighted average recall per corpus.
        mean_of_corpora: mean of the recalls per corpus.
    """

    pooled: Figure
    corpora: dict[str, Figure]
    mean_of_corpora: Figure


def recall_figures(predicted: ClipLogits) -> RecallFigures:
    """Returns the recalls of ``predicted`` with their confidence intervals."""
    predictions, corpora = predicted.logits.argmax(axis=1), predicted.corpora

    def mean_of_corpora(rows: Rows) -> float:
        return mean_corpus_recall(predicted.truth[rows], predictions[rows], corpora[rows])

    names = np.unique(corpora)
    return RecallFigures(
        pooled=recall_figure(predicted),
        corpora={str(name): recall_figure(predicted.select(np.flatnonzero(corpora == name))) for name in names},
        mean_of_corpora=_with_intervals(predicted, mean_of_corpora),
    )


def recall_figure(predicted: ClipLogits) -> Figure:
    """Returns the unweighted average recall of all clips of ``predicted``, with its confidence intervals."""
    predictions = predicted.logits.argmax(axis=1)
    return _with_intervals(predicted, lambda rows: average_recall(predicted.truth[rows], predictions[rows]))


def _with_intervals(predicted: ClipLogits, value: Callable[[Rows], float]) -> Figure:
    corpora = [clip.corpus for clip in predicted.clips]
    speakers = [clip.speaker for clip in predicted.clips]
    by_speaker, by_clip = bootstrap(value, corpora, clusters=speakers), bootstrap(value, corpora)
    return Figure(
        value=by_clip.value,
        over_speakers=(by_speaker.low, by_speaker.high),
        over_clips=(by_clip.low, by_clip.high),
    )
