"""Several people's labels of one recording: what most of them heard, and how far they agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webui.labels import Emotion

PREFIXES: Final = ("annotator", "rater", "label_", "emotion_")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the annotators agree.

    Attributes:
        annotators: how many columns of labels there are.
        recordings: how many recordings have two labels or more.
        unanimous: share of these on which all agree.
        alpha: Krippendorff's alpha for names: 1 is full agreement, 0 what chance would give; None where everybody
            always gave one and the same label, and it isn't defined.
        undecided: recordings without a majority, which are left out.
    """

    annotators: int
    recordings: int
    unanimous: float
    alpha: float | None
    undecided: tuple[str, ...]


def annotator_columns(columns: Sequence[str]) -> list[str]:
    """Returns the columns that hold an annotator's labels; fewer than two are none."""
    found = [name for name in columns if name.lower().startswith(PREFIXES)]
    return found if len(found) > 1 else []


def majority(labels: Sequence[Emotion]) -> Emotion | None:
    """Returns the label that was given most often; None if two share the first place, or there is none."""
    ranked = Counter(labels).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def measure_agreement(votes: Sequence[Sequence[Emotion]], annotators: int, undecided: Sequence[str]) -> Agreement:
    """Returns how far annotators agree.

    Args:
        votes: the labels of each recording, as many as people gave one.
        annotators: how many people there are.
        undecided: names of the recordings without a majority.
    """
    pairable = [one for one in votes if len(one) > 1]
    unanimous = sum(len(set(one)) == 1 for one in pairable) / len(pairable) if pairable else 0.0
    return Agreement(annotators, len(pairable), unanimous, krippendorff_alpha(pairable), tuple(undecided))


def krippendorff_alpha(votes: Sequence[Sequence[Emotion]]) -> float | None:
    """Returns Krippendorff's alpha for nominal labels; recordings may have different numbers of them.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011: one minus the disagreement that was seen
    over the one that chance would give.
    """
    pairable = [one for one in votes if len(one) > 1]
    totals = Counter(label for one in pairable for label in one)
    count = totals.total()
    by_chance = count * count - sum(n * n for n in totals.values())
    if by_chance == 0:
        return None
    seen = 0.0
    for one in pairable:
        same = sum(n * n for n in Counter(one).values())
        seen += (len(one) ** 2 - same) / (len(one) - 1)
    return 1 - (count - 1) * seen / by_chance
