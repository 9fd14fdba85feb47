"""Splits the speakers into those that a member is trained on and those that are held out from it.

Splits are always made by speaker: in these corpora each sentence is spoken in every emotion, so a network that was
trained on a speaker could recognise voice and sentence instead of the emotion.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from training.corpora import are_known
from training.data import Clip, TrainingDataError, speakers_in

GROUPS: Final = (  # speakers of this project's corpora, chosen from the manifest before the first training run
    ("emodb_03", "emodb_08", "nemo_MP0", "ravdess_15", "ravdess_16"),
    ("emodb_09", "nemo_IC0", "ravdess_01", "ravdess_02", "ravdess_03"),
    ("emodb_10", "nemo_KS0", "ravdess_04", "ravdess_05", "ravdess_06"),
    ("emodb_12", "nemo_MK0", "ravdess_07", "ravdess_08", "ravdess_09", "ravdess_10"),
    ("emodb_14", "nemo_TP0", "ravdess_11", "ravdess_12", "ravdess_13", "ravdess_14"),
    # the test speakers: as many women as men; each recorded every emotion of the corpus
    ("emodb_13", "emodb_11", "nemo_EB0", "nemo_WR0", "ravdess_17", "ravdess_18", "ravdess_19", "ravdess_20"),
)
SEXES: Final = ("", "f", "m")
TEST_SPEAKERS: Final = GROUPS[-1]  # their recordings were not used to choose the recipe or its options
UNUSED_CORPORA: Final = ("thorsten_samples",)  # 8 clips of one speaker: too few to train on, and too few for a figure


def group_speakers(clips: Sequence[Clip]) -> tuple[tuple[str, ...], ...]:
    """Returns six groups of all speakers, balanced by corpus and sex; a corpus is grouped alike in any company.

    Speakers that ``GROUPS`` lists stay in their group. The others of a corpus, sorted by sex and name, are assigned in
    turn, each to the group that has the fewest speakers of that corpus and sex, then of that corpus. In which group a
    corpus starts depends on its name, so that the groups have similar sizes.
    """
    present = set(speakers_in(clips))
    found: list[list[str]] = [[speaker for speaker in group if speaker in present] for group in GROUPS]
    placed = {speaker for group in found for speaker in group}
    counts: Counter[tuple[int, str, str]] = Counter()
    for corpus, sex, speaker in sorted({(clip.corpus, clip.sex, clip.speaker) for clip in clips}):
        if speaker in placed:
            continue
        start = sum(corpus.encode())

        def load(number: int, corpus: str = corpus, sex: str = sex, start: int = start) -> tuple[int, int, int]:
            of_corpus = sum(counts[number, corpus, one] for one in SEXES)
            return counts[number, corpus, sex], of_corpus, (number + start) % len(GROUPS)

        number = min(range(len(GROUPS)), key=load)
        found[number].append(speaker)
        counts[number, corpus, sex] += 1
    return tuple(tuple(group) for group in found if group)


@dataclass(frozen=True, slots=True)
class Split:
    """Clips to train on and clips to validate on. No speaker is in both parts."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]

    def __post_init__(self) -> None:
        """Checks the split.

        Raises:
            TrainingDataError: A speaker is in both parts, or there is nothing to train on.
        """
        both = sorted(set(speakers_in(self.train)) & set(speakers_in(self.validation)))
        if both:
            raise TrainingDataError(
                f"Speakers {both} are in train and in validation; every speaker may be in one only."
            )
        if not self.train:
            raise TrainingDataError("No clip is left to train on; check the speakers of the split.")


def hold_out(clips: Sequence[Clip], speakers: Sequence[str]) -> Split:
    """Returns a split that validates on ``speakers`` and trains on all other speakers.

    Raises:
        TrainingDataError: One of ``speakers`` does not exist, or no other speaker is left.
    """
    known = set(speakers_in(clips))
    unknown = sorted(set(speakers) - known)
    if unknown:
        raise TrainingDataError(f"The data has no speakers {unknown}; it has {', '.join(sorted(known))}.")
    return Split(
        train=tuple(clip for clip in clips if clip.speaker not in speakers),
        validation=tuple(clip for clip in clips if clip.speaker in speakers),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Which speakers are held out from which pair of members.

    Attributes:
        clips: clips of all speakers that are trained on.
        groups: for each pair of members, the speakers that are held out from it.
        unused: clips of corpora that no member is trained on.
        own_corpora: whether the data are some of this project's corpora, with the speakers in ``GROUPS``.
    """

    clips: tuple[Clip, ...]
    groups: tuple[tuple[str, ...], ...]
    unused: tuple[Clip, ...]
    own_corpora: bool


def plan_training(clips: Sequence[Clip], members: int) -> Plan:
    """Returns the plan of a training run.

    For this project's corpora the groups of speakers are those of ``group_speakers``. For other data the speakers of
    each corpus, sorted by name, are assigned to the groups in turn. If there are fewer pairs of members than groups,
    every member is trained on the speakers of the remaining groups.

    Args:
        clips: all clips.
        members: number of pairs of members.

    Raises:
        TrainingDataError: There are fewer than two speakers.
    """
    if _are_own(clips):
        used = tuple(clip for clip in clips if clip.corpus not in UNUSED_CORPORA)
        unused = tuple(clip for clip in clips if clip.corpus in UNUSED_CORPORA)
        return Plan(used, group_speakers(used)[:members], unused, own_corpora=True)
    count = max(2, members)  # with only one group there would be no speaker to train on
    group_of: dict[str, int] = {}
    for corpus in sorted({clip.corpus for clip in clips}):
        inside = speakers_in([clip for clip in clips if clip.corpus == corpus])
        group_of |= {speaker: number % count for number, speaker in enumerate(inside, start=len(group_of))}
    if len(group_of) < 2:
        raise TrainingDataError(
            f"The data has one speaker only ({', '.join(group_of)}); two or more are needed, so that one can validate."
        )
    groups = tuple(tuple(speaker for speaker, own in group_of.items() if own == number) for number in range(count))
    return Plan(tuple(clips), tuple(group for group in groups if group)[:members], (), own_corpora=False)


def _are_own(clips: Sequence[Clip]) -> bool:
    """Returns whether the data are this project's corpora: known names, and all the speakers that ``GROUPS`` lists."""
    corpora, speakers = {clip.corpus for clip in clips}, set(speakers_in(clips))
    listed = {speaker for group in GROUPS for speaker in group if speaker.split("_")[0] in corpora}
    return are_known(corpora) and bool(listed) and listed <= speakers
