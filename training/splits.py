"""Who is heard in training, and who judges: every speaker is judged by the members that never heard him or her.

Always by speaker: the sentences of these corpora are said in every emotion, so a known voice gives the answer away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from training.data import Clip, TrainingDataError, speakers_in

GROUPS: Final = (  # this project's speakers, each once, fixed before the first training, from the manifest alone
    ("emodb_03", "emodb_08", "nemo_MP0", "ravdess_15", "ravdess_16"),
    ("emodb_09", "nemo_IC0", "ravdess_01", "ravdess_02", "ravdess_03"),
    ("emodb_10", "nemo_KS0", "ravdess_04", "ravdess_05", "ravdess_06"),
    ("emodb_12", "nemo_MK0", "ravdess_07", "ravdess_08", "ravdess_09", "ravdess_10"),
    ("emodb_14", "nemo_TP0", "ravdess_11", "ravdess_12", "ravdess_13", "ravdess_14"),
    # as many women as men, who recorded every emotion of their corpus; the recipe was settled on the others
    ("emodb_13", "emodb_11", "nemo_EB0", "nemo_WR0", "ravdess_17", "ravdess_18", "ravdess_19", "ravdess_20"),
)
UNASKED: Final = GROUPS[-1]  # chose nothing: neither the recipe nor an option was tried on them
UNUSED_CORPORA: Final = ("thorsten_samples",)  # 8 clips of one speaker: too few to learn from or to measure with


@dataclass(frozen=True, slots=True)
class Split:
    """Clips by role; no speaker has two roles."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]

    def __post_init__(self) -> None:
        """Refuses a speaker with two roles.

        Raises:
            TrainingDataError: a speaker is in both parts, or there is nothing to train on.
        """
        both = sorted(set(speakers_in(self.train)) & set(speakers_in(self.validation)))
        if both:
            raise TrainingDataError(
                f"Speakers {both} are in train and in validation; every speaker may be in one only."
            )
        if not self.train:
            raise TrainingDataError("No clip is left to train on; check the speakers of the split.")


def hold_out(clips: Sequence[Clip], speakers: Sequence[str]) -> Split:
    """Returns a split that validates on ``speakers`` and trains on everybody else.

    Raises:
        TrainingDataError: a named speaker does not exist, or nobody is left.
    """
    known = set(speakers_in(clips))
    strangers = sorted(set(speakers) - known)
    if strangers:
        raise TrainingDataError(f"The data has no speakers {strangers}; it has {', '.join(sorted(known))}.")
    return Split(
        train=tuple(clip for clip in clips if clip.speaker not in speakers),
        validation=tuple(clip for clip in clips if clip.speaker in speakers),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is never heard by which pair of members.

    Attributes:
        clips: of everybody.
        groups: speakers that a pair never hears, one group per pair.
        fixed: whether these are this project's own corpora, with the speakers named above.
    """

    clips: tuple[Clip, ...]
    groups: tuple[tuple[str, ...], ...]
    fixed: bool


def plan_training(clips: Sequence[Clip], members: int) -> Plan:
    """Returns the fixed plan for this project's corpora, and for other data one that is drawn up by name.

    In each corpus the speakers, sorted by name, go in turn to the groups. With fewer members than groups, everybody in
    the groups that are left over is heard by all.

    Raises:
        TrainingDataError: fewer than two speakers.
    """
    if {speaker for group in GROUPS for speaker in group} <= set(speakers_in(clips)):
        used = tuple(clip for clip in clips if clip.corpus not in UNUSED_CORPORA)
        return Plan(used, GROUPS[:members], fixed=True)
    count = max(2, members)  # with one group there would be nobody to train on
    places: dict[str, int] = {}
    for corpus in sorted({clip.corpus for clip in clips}):
        inside = speakers_in([clip for clip in clips if clip.corpus == corpus])
        places |= {speaker: number % count for number, speaker in enumerate(inside, start=len(places))}
    if len(places) < 2:
        raise TrainingDataError(
            f"The data has one speaker only ({', '.join(places)}); two or more are needed, so that one can validate."
        )
    groups = tuple(tuple(s for s, place in places.items() if place == k) for k in range(count))
    return Plan(tuple(clips), tuple(group for group in groups if group)[:members], fixed=False)
