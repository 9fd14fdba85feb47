"""Reading the training data: a manifest (CSV or TSV) and the recordings it lists."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.errors import RequestError
from webui.labels import Emotion
from webui.service.evaluate.manifest import AUDIO_SUFFIXES, LabelledClip, read_labelled

MANIFEST_NAME: Final = "manifest.csv"
MANIFEST_NAMES: Final = (MANIFEST_NAME, "manifest.tsv")


class TrainingDataError(Exception):
    """The training data, the requested split or the state of a training run is not valid."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording.

    Attributes:
        corpus: name of the corpus that the recording comes from.
        path: path of the recording, relative to the folder of the manifest.
        speaker: name of the speaker, unique over all corpora.
        emotion: the label, one of the nine emotions.
    """

    corpus: str
    path: str
    speaker: str
    emotion: Emotion


def read_manifest(folder: Path) -> tuple[Clip, ...]:
    """Reads ``manifest.csv`` (or ``manifest.tsv``) in ``folder``, or one folder per emotion if there is no manifest.

    The columns are ``path``, ``label`` or ``emotion``, and, if known, ``speaker`` and ``corpus``. A recording without
    a speaker counts as a separate speaker, so figures measured on such data are too optimistic.

    Raises:
        TrainingDataError: There is no recording, a column is missing, an emotion is unknown, or a recording does not
            exist; the message names the line.
    """
    names = [folder / name for name in MANIFEST_NAMES if (folder / name).is_file()]
    if not names and not any(folder / emotion in set(folder.glob("*")) for emotion in Emotion):
        raise TrainingDataError(
            f"No {MANIFEST_NAME} in {folder}, and no folder named after an emotion; pass the right folder with --data."
        )
    try:
        listed = read_labelled(names[0] if names else folder)
    except RequestError as err:
        raise TrainingDataError(str(err)) from err
    return tuple(_as_clip(clip, folder) for clip in listed)


def read_unlabelled(folder: Path) -> tuple[Path, ...]:
    """Returns every recording below ``folder``, sorted.

    Raises:
        TrainingDataError: There is no recording.
    """
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES))
    if not found:
        raise TrainingDataError(f"No recording in {folder}; pass a folder with audio files with --data.")
    return found


def _as_clip(clip: LabelledClip, folder: Path) -> Clip:
    path = os.path.relpath(clip.path, folder)
    return Clip(clip.group or "data", path, clip.speaker or path, clip.emotion)


def labels_in(clips: Iterable[Clip]) -> tuple[Emotion, ...]:
    """Returns the emotions that occur in ``clips``, in the order of ``Emotion``."""
    present = {clip.emotion for clip in clips}
    return tuple(emotion for emotion in Emotion if emotion in present)


def speakers_in(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Returns the speakers of ``clips``, sorted."""
    return tuple(sorted({clip.speaker for clip in clips}))
