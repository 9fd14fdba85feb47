"""Which of the recordings a model was trained on: its figures for them say nothing about other recordings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from webui.engine.catalog import TrainingData
from webui.files import printable_name
from webui.service.evaluate.manifest import LabelledClip
from webui.service.evaluate.naming import read_name

NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class KnownClips:
    """Recordings of a comparison that belong to a model's training data.

    Attributes:
        count: number of these recordings.
        names: names of their corpora, or of their speakers where no corpus is known; sorted.
    """

    count: int
    names: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The first names, for a sentence."""
        more = ", …" if len(self.names) > NAMES_SHOWN else ""
        return ", ".join(printable_name(name) for name in self.names[:NAMES_SHOWN]) + more


def find_known_clips(data: TrainingData, clips: Sequence[LabelledClip]) -> KnownClips | None:
    """Returns the recordings of corpora and speakers that a model was trained on; None if there are none.

    The corpus of a recording is stated by the table or follows from the file name.
    """
    found = [name for clip in clips if (name := _known_name(data, clip)) is not None]
    return KnownClips(len(found), tuple(sorted(set(found)))) if found else None


def _known_name(data: TrainingData, clip: LabelledClip) -> str | None:
    """Returns the corpus or speaker by which a recording belongs to the training data; None if it does not."""
    named = read_name(clip.path.stem)
    corpora = [clip.group, *([named.corpus] if named is not None else [])]
    known = (corpus for corpus in corpora if corpus and _plain(corpus) in map(_plain, data.corpora))
    return next(known, None) or next((name for name in _speaker_names(clip) if name in data.speakers), None)


def _speaker_names(clip: LabelledClip) -> Iterator[str]:
    """Yields the names that the speaker of a recording may have in a record of training.

    In a record, recordings without a speaker are named by their path, relative to the folder of the training data.
    """
    if clip.speaker:
        yield clip.speaker
        if clip.group:
            yield f"{clip.group}_{clip.speaker}"
    parts = clip.path.parts
    yield from ("/".join(parts[start:]) for start in range(1, len(parts)))


def _plain(corpus: str) -> str:
    """Returns the name of a corpus without differences of spelling: ``EMO-DB`` becomes ``emodb``."""
    return "".join(character for character in corpus.lower() if character.isalnum())
