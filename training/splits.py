"""Who is heard in training, who decides when it is good, and who is kept back for the measurement.

Always by speaker: the sentences of these corpora are said in every emotion, so a known voice gives the answer away.
The held-out speakers were fixed before the first training, from the manifest alone: of every corpus as many women as
men, each of whom recorded every emotion of the corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from training.data import Clip, TrainingDataError, speakers_in

TEST_SPEAKERS: Final = (
    "emodb_13",
    "emodb_11",
    "nemo_EB0",
    "nemo_WR0",
    "ravdess_17",
    "ravdess_18",
    "ravdess_19",
    "ravdess_20",
)
VALIDATION_SPEAKERS: Final = ("emodb_03", "emodb_08", "nemo_MP0", "ravdess_15", "ravdess_16")
FOLDS: Final = (  # everybody who is not a test speaker, once; a member of the ensemble never hears its own fold
    VALIDATION_SPEAKERS,
    ("emodb_09", "nemo_IC0", "ravdess_01", "ravdess_02", "ravdess_03"),
    ("emodb_10", "nemo_KS0", "ravdess_04", "ravdess_05", "ravdess_06"),
    ("emodb_12", "nemo_MK0", "ravdess_07", "ravdess_08", "ravdess_09", "ravdess_10"),
    ("emodb_14", "nemo_TP0", "ravdess_11", "ravdess_12", "ravdess_13", "ravdess_14"),
)
UNUSED_CORPORA: Final = ("thorsten_samples",)  # 8 clips of one speaker: too few to learn from or to measure with


@dataclass(frozen=True, slots=True)
class Split:
    """Clips by role; no speaker has two roles."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]

    def __post_init__(self) -> None:
        """Refuses a speaker with two roles.

        Raises:
            TrainingDataError: a speaker is in two parts, or there is nothing to train on.
        """
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        role: dict[str, str] = {}
        for name, clips in parts.items():
            for speaker in speakers_in(clips):
                if speaker in role:
                    raise TrainingDataError(
                        f"Speaker {speaker} is in {role[speaker]} and in {name}; every speaker may be in one part only."
                    )
                role[speaker] = name
        if not self.train:
            raise TrainingDataError("No clip is left to train on; check the speakers of the split.")

    def fold(self, speakers: Sequence[str]) -> "Split":
        """Returns a split that validates on ``speakers`` and trains on everybody else who is not a test speaker."""
        clips = self.train + self.validation
        return Split(
            train=tuple(clip for clip in clips if clip.speaker not in speakers),
            validation=tuple(clip for clip in clips if clip.speaker in speakers),
            test=self.test,
        )

    def with_validation_in_training(self) -> "Split":
        """Returns a split that trains on the validation speakers too; the test speakers stay unheard."""
        return Split(train=self.train + self.validation, validation=(), test=self.test)


def split_by_speaker(
    clips: Sequence[Clip],
    *,
    test: Sequence[str] = TEST_SPEAKERS,
    validation: Sequence[str] = VALIDATION_SPEAKERS,
    unused_corpora: Sequence[str] = UNUSED_CORPORA,
) -> Split:
    """Splits ``clips`` by the speakers named.

    Raises:
        TrainingDataError: a named speaker does not exist, or is named for two parts.
    """
    used = [clip for clip in clips if clip.corpus not in unused_corpora]
    known = set(speakers_in(used))
    strangers = sorted({*test, *validation} - known)
    if strangers:
        raise TrainingDataError(f"The data has no speakers {strangers}; it has {', '.join(sorted(known))}.")
    doubled = sorted(set(test) & set(validation))
    if doubled:
        raise TrainingDataError(f"Speakers {doubled} are in validation and in test; every speaker may be in one only.")
    held = {*test, *validation}
    return Split(
        train=tuple(clip for clip in used if clip.speaker not in held),
        validation=tuple(clip for clip in used if clip.speaker in validation),
        test=tuple(clip for clip in used if clip.speaker in test),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is kept back, and who validates which member of the ensemble.

    Attributes:
        split: everybody's role; nobody validates yet.
        folds: speakers that a member never hears, one fold per member.
        fixed: whether these are this project's own corpora, with the speakers named above.
    """

    split: Split
    folds: tuple[tuple[str, ...], ...]
    fixed: bool


def plan_training(clips: Sequence[Clip], members: int) -> Plan:
    """Returns the fixed plan for this project's corpora, and for other data one that is drawn up by name.

    In each corpus the speakers, sorted by name, go in turn to the test, then to the folds: with five members every
    sixth speaker is kept back. A corpus with too few speakers for that gives none to the test.

    Raises:
        TrainingDataError: fewer than two speakers.
    """
    if set(TEST_SPEAKERS) <= set(speakers_in(clips)):
        plain = split_by_speaker(clips, validation=())
        return Plan(plain, FOLDS[:members], fixed=True)
    count = max(2, members)  # with one fold there would be nobody to train on
    places: dict[str, int] = {}
    for corpus in sorted({clip.corpus for clip in clips}):
        inside = speakers_in([clip for clip in clips if clip.corpus == corpus])
        parts = count + 1 if len(inside) > count else count
        places |= {speaker: (number + count) % parts for number, speaker in enumerate(inside)}
    if len(places) < 2:
        raise TrainingDataError(
            f"The data has one speaker only ({', '.join(places)}); two or more are needed, so that one can validate."
        )
    split = Split(
        train=tuple(clip for clip in clips if places[clip.speaker] < count),
        validation=(),
        test=tuple(clip for clip in clips if places[clip.speaker] == count),
    )
    folds = tuple(tuple(s for s, place in places.items() if place == k) for k in range(count))
    return Plan(split, tuple(fold for fold in folds if fold)[:members], fixed=False)
