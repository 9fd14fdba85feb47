"""Labels of several annotators: the majority label of a recording, and the agreement of the annotators."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webui.labels import Emotion

PREFIXES: Final = ("annotator", "rater", "label_", "emotion_")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of annotators.

    Attributes:
        annotators: number of annotators, which is the number of columns with labels.
        recordings: number of recordings with two or more labels.
        unanimous: fraction of these recordings on which all annotators agree.
        alpha: Krippendorff's alpha for nominal labels: 1 is perfect agreement, 0 is agreement by chance; None if all
            labels are the same, because it is then undefined.
        undecided: names of the recordings without a majority, which are left out.
    """

    annotators: int
    recordings: int
    unanimous: float
    alpha: float | None
    undecided: tuple[str, ...]


def annotator_columns(columns: Sequence[str]) -> list[str]:
    """Returns the columns with labels of annotators; empty if there are fewer than two."""
    found = [name for name in columns if name.lower().startswith(PREFIXES)]
    return found if len(found) > 1 else []


def majority(labels: Sequence[Emotion]) -> Emotion | None:
    """Returns the most frequent label; None if there is a tie or no label."""
    ranked = Counter(labels).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def measure_agreement(votes: Sequence[Sequence[Emotion]], annotators: int, undecided: Sequence[str]) -> Agreement:
    """Measures the agreement of annotators.

    Args:
        votes: labels of each recording, one for each annotator who labelled it.
        annotators: number of annotators.
        undecided: names of the recordings without a majority.
    """
    pairable = [labels for labels in votes if len(labels) > 1]
    unanimous = sum(len(set(labels)) == 1 for labels in pairable) / len(pairable) if pairable else 0.0
    return Agreement(annotators, len(pairable), unanimous, krippendorff_alpha(pairable), tuple(undecided))


def krippendorff_alpha(votes: Sequence[Sequence[Emotion]]) -> float | None:
    """Returns Krippendorff's alpha for nominal labels; recordings may have different numbers of labels.

    It is one minus the ratio of observed disagreement to the disagreement expected by chance. Source: K. Krippendorff,
    Computing Krippendorff's Alpha-Reliability, 2011.
    """
    pairable = [labels for labels in votes if len(labels) > 1]
    totals = Counter(label for labels in pairable for label in labels)
    count = totals.total()
    expected = count * count - sum(n * n for n in totals.values())
    if expected == 0:
        return None
    observed = 0.0
    for labels in pairable:
        same = sum(n * n for n in Counter(labels).values())
        observed += (len(labels) ** 2 - same) / (len(labels) - 1)
    return 1 - (count - 1) * observed / expected
