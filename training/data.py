"""Reading the training data: manifests (CSV or TSV) and the recordings they list."""

import csv
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
VOTES_PATTERN: Final = "*_votes.csv"  # next to a manifest: what listeners heard; columns path and heard


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
        sex: ``m`` or ``f``; "" if it is unknown.
        perceived: emotions that most listeners heard in the voice alone; several if they were tied, none if unknown.
    """

    corpus: str
    path: str
    speaker: str
    emotion: Emotion
    sex: str = ""
    perceived: tuple[Emotion, ...] = ()


def read_manifest(folder: Path) -> tuple[Clip, ...]:
    """Reads the clips of ``folder``: from its manifest, from those of its subfolders, or from one folder per emotion.

    A manifest is ``manifest.csv`` or ``manifest.tsv``. The columns are ``path``, ``label`` or ``emotion``, and, if
    known, ``speaker``, ``corpus`` and ``sex``. A recording without a speaker counts as a separate speaker, so figures
    measured on such data are too optimistic. A file ``*_votes.csv`` next to a manifest has the columns ``path`` and
    ``heard``, the emotions that most listeners heard, joined by ``+``.

    Raises:
        TrainingDataError: There is no recording, a column is missing, an emotion is unknown, or a recording does not
            exist; the message names the line.
    """
    manifests = _manifests(folder) or [path for part in sorted(folder.glob("*/")) for path in _manifests(part)]
    if not manifests and not any(folder / emotion in set(folder.glob("*")) for emotion in Emotion):
        raise TrainingDataError(
            f"No {MANIFEST_NAME} in {folder}, and no folder named after an emotion; pass the right folder with --data."
        )
    try:
        return tuple(clip for source in manifests or [folder] for clip in _read_source(source, folder))
    except RequestError as err:
        raise TrainingDataError(str(err)) from err


def _manifests(folder: Path) -> list[Path]:
    return [folder / name for name in MANIFEST_NAMES if (folder / name).is_file()][:1]


def _read_source(source: Path, folder: Path) -> list[Clip]:
    listed = read_labelled(source)
    if source.is_dir():
        return [_as_clip(clip, folder, "", ()) for clip in listed]
    sexes = {row["path"]: (row.get("sex") or "").lower() for row in _rows(source)}
    votes = {row["path"]: row["heard"] for path in sorted(source.parent.glob(VOTES_PATTERN)) for row in _rows(path)}
    clips = []
    for clip in listed:
        path = Path(os.path.relpath(clip.path, source.parent)).as_posix()
        perceived = tuple(Emotion(word) for word in votes.get(path, "").split("+") if word in set(Emotion))
        clips.append(_as_clip(clip, folder, sexes.get(path, ""), perceived))
    return clips


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def read_unlabelled(folder: Path) -> tuple[Path, ...]:
    """Returns every recording below ``folder``, sorted.

    Raises:
        TrainingDataError: There is no recording.
    """
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES))
    if not found:
        raise TrainingDataError(f"No recording in {folder}; pass a folder with audio files with --data.")
    return found


def _as_clip(clip: LabelledClip, folder: Path, sex: str, perceived: tuple[Emotion, ...]) -> Clip:
    path = os.path.relpath(clip.path, folder)
    return Clip(clip.group or "data", path, clip.speaker or path, clip.emotion, sex, perceived)


def labels_in(clips: Iterable[Clip]) -> tuple[Emotion, ...]:
    """Returns the emotions that occur in ``clips``, in the order of ``Emotion``."""
    present = {clip.emotion for clip in clips}
    return tuple(emotion for emotion in Emotion if emotion in present)


def speakers_in(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Returns the speakers of ``clips``, sorted."""
    return tuple(sorted({clip.speaker for clip in clips}))
