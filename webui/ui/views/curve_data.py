"""The frame scores of a result as arrays, thinned for a chart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.labels import Emotion
from webui.results import FrameScores

MAX_POINTS: Final = 400  # more can't be distinguished on a page

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Scores over time.

    Attributes:
        start_s: start of the audio that each point covers, in seconds, shape ``(points,)``.
        end_s: end of that audio, in seconds, shape ``(points,)``.
        scores: scores, shape ``(points, 9)``, columns in the order of ``Emotion``.
    """

    start_s: Array
    end_s: Array
    scores: Array

    @property
    def time_s(self) -> Array:
        """Middle of the audio that each point covers, in seconds, shape ``(points,)``."""
        return (self.start_s + self.end_s) / 2


def load_curve(frames: FrameScores, folder: Path) -> Curve:
    """Returns the frame scores, from the document or from its Parquet file, thinned to ``MAX_POINTS``.

    Args:
        frames: frame scores of a result document.
        folder: the run folder, which contains the Parquet file if there is one.
    """
    if frames.file is not None:
        import pyarrow.parquet as pq  # imported late: takes half a second and is rarely needed

        table = pq.read_table(folder / frames.file)
        columns = {name: table[name].to_numpy() for name in table.column_names}
        start_s, end_s = columns["start_s"], columns["end_s"]
        scores = np.stack([columns[emotion.value] for emotion in Emotion], axis=1)
    else:
        start_s = np.asarray(frames.start_s or (), dtype=np.float64)
        end_s = np.asarray(frames.end_s or (), dtype=np.float64)
        by_emotion = frames.scores or {}
        scores = np.stack([np.asarray(by_emotion[emotion], dtype=np.float64) for emotion in Emotion], axis=1)
    return thin(Curve(start_s, end_s, scores), MAX_POINTS)


def thin(curve: Curve, points: int) -> Curve:
    """Returns ``curve`` with at most ``points`` points, each the mean of about the same number of rows."""
    rows = len(curve.start_s)
    if rows <= points:
        return curve
    edges = np.linspace(0, rows, points + 1).round().astype(int)
    lengths = np.diff(edges)[:, np.newaxis]
    means = np.add.reduceat(curve.scores, edges[:-1], axis=0) / lengths
    return Curve(curve.start_s[edges[:-1]], curve.end_s[edges[1:] - 1], means)


@dataclass(frozen=True, slots=True)
class Span:
    """A period in which one emotion has the highest score."""

    emotion: Emotion
    start_s: float
    end_s: float


def leading_spans(curve: Curve) -> list[Span]:
    """Returns the periods of the leading emotions, without gaps; borders are halfway between two points."""
    time_s = curve.time_s
    borders = np.concatenate([curve.start_s[:1], (time_s[:-1] + time_s[1:]) / 2, curve.end_s[-1:]])
    spans: list[Span] = []
    for index, column in enumerate(curve.scores.argmax(axis=1)):
        emotion = list(Emotion)[int(column)]
        start_s, end_s = float(borders[index]), float(borders[index + 1])
        if spans and spans[-1].emotion is emotion:
            start_s = spans.pop().start_s
        spans.append(Span(emotion, start_s, end_s))
    return spans
