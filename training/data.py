"""The corpora: a manifest (CSV) and the recordings it lists."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.labels import Emotion

MANIFEST_NAME: Final = "manifest.csv"
COLUMNS: Final = ("corpus", "path", "speaker", "sex", "language", "emotion_raw", "emotion", "seconds")


class TrainingDataError(Exception):
    """The data, or what was asked of it, does not allow an honest training."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording.

    Attributes:
        corpus: name of the corpus it comes from.
        path: where the recording lies, relative to the folder of the manifest.
        speaker: who speaks; unique over all corpora.
        sex: ``"F"`` or ``"M"``.
        emotion: one of the nine.
        seconds: length as the manifest states it.
    """

    corpus: str
    path: str
    speaker: str
    sex: str
    emotion: Emotion
    seconds: float


def read_manifest(folder: Path) -> tuple[Clip, ...]:
    """Reads ``manifest.csv`` in ``folder``, in its own order.

    Raises:
        TrainingDataError: no manifest, a missing column, an unknown emotion, a bad number, or a recording that is not
            there; the message names the line.
    """
    manifest = folder / MANIFEST_NAME
    if not manifest.is_file():
        raise TrainingDataError(f"No {MANIFEST_NAME} in {folder}; give the folder that holds it with --data.")
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise TrainingDataError(f"{manifest} has no column {missing}; expected are {', '.join(COLUMNS)}.")
        clips = tuple(_read_row(row, folder, f"{manifest}, line {reader.line_num}") for row in reader)
    if not clips:
        raise TrainingDataError(f"{manifest} lists no recording.")
    return clips


def _read_row(row: dict[str, str], folder: Path, where: str) -> Clip:
    try:
        emotion = Emotion(row["emotion"])
    except ValueError as err:
        known = ", ".join(Emotion)
        raise TrainingDataError(f"{where}: emotion {row['emotion']!r} is not one of {known}.") from err
    try:
        seconds = float(row["seconds"])
    except (TypeError, ValueError) as err:
        raise TrainingDataError(f"{where}: {row['seconds']!r} is not a number of seconds.") from err
    if not (folder / row["path"]).is_file():
        raise TrainingDataError(f"{where}: {row['path']} is not there; the manifest and the recordings must match.")
    return Clip(
        corpus=row["corpus"],
        path=row["path"],
        speaker=row["speaker"],
        sex=row["sex"],
        emotion=emotion,
        seconds=seconds,
    )


def labels_in(clips: Iterable[Clip]) -> tuple[Emotion, ...]:
    """Returns the emotions that occur in ``clips``, in the order of ``Emotion``."""
    present = {clip.emotion for clip in clips}
    return tuple(emotion for emotion in Emotion if emotion in present)


def speakers_in(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Returns the speakers of ``clips``, sorted."""
    return tuple(sorted({clip.speaker for clip in clips}))
