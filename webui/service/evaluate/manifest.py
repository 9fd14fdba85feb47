"""Reads labelled recordings: from a table, folders named after emotions, names of a corpus, or lists of EmoBox."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from webui.errors import RequestError
from webui.files import files_in
from webui.labels import Emotion
from webui.service.evaluate.annotators import Agreement, annotator_columns, majority, measure_agreement
from webui.service.evaluate.naming import read_name
from webui.service.evaluate.words import emotion_of

LABEL_COLUMNS: Final = ("label", "emotion")
EMOBOX_SUFFIX: Final = ".jsonl"
LABEL_MAP: Final = "label_map.json"  # file next to EmoBox's lists that states which labels to merge
AUDIO_NAMES: Final = (
    "wav mp3 flac ogg opus m4a aac mp4 webm mkv mov aiff aif caf amr wma w64 oga spx mka m4b 3gp 3g2 m4v au snd mp2 "
    "rf64 asf wmv flv f4v avi ts m2ts mts mpg mpeg vob wv tta gsm ac3 eac3 ec3 dts voc sph"
)
AUDIO_SUFFIXES: Final = frozenset(f".{name}" for name in AUDIO_NAMES.split(" "))
RAW_SUFFIXES: Final = frozenset({".pcma", ".pcmu", ".alaw", ".ulaw", ".al", ".ul", ".pcm", ".raw"})  # without a header
PLACES_SHOWN: Final = 5  # number of places that an error message lists


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A recording with its label.

    Attributes:
        path: path of the recording.
        emotion: label of the recording.
        speaker: name of the speaker; None if it is unknown.
        group: name of the corpus, within which speakers are resampled; "" if there is only one corpus.
    """

    path: Path
    emotion: Emotion
    speaker: str | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled recordings, and the agreement of their annotators.

    Attributes:
        clips: labelled recordings.
        agreement: agreement of the annotators; None if each recording has a single label.
    """

    clips: tuple[LabelledClip, ...]
    agreement: Agreement | None = None


def read_labelled(source: Path) -> tuple[LabelledClip, ...]:
    """Returns only the recordings of ``read_source``."""
    return read_source(source).clips


def read_source(source: Path, *, uploaded: bool = False, headerless: bool = False) -> Labelled:
    """Reads labelled recordings.

    Args:
        source: one of these:

            * a table separated by commas or tabs, with the columns ``path`` (relative to the table), ``label`` or
              ``emotion``, and optionally ``speaker`` and ``corpus``. The labels of several annotators are in two or
              more columns whose names start with ``annotator``, ``rater``, ``label_`` or ``emotion_``; the majority
              counts;
            * a list of EmoBox (``.jsonl``), with paths relative to the list or to a folder above it;
            * a folder with subfolders named after emotions, which may have subfolders named after speakers;
            * a folder with recordings of RAVDESS, CREMA-D, EMO-DB or nEMO under their original names.
        uploaded: whether the list was uploaded and can't be trusted; then only the file name of each path is used, and
            the recordings must be next to the list.
        headerless: whether files with samples without a header, known by their suffixes, are looked for in folders too.

    Raises:
        RequestError: the source does not exist or has no recordings, a column or a recording is missing, or some labels
            are not emotions (the message lists all of them).
    """
    if source.is_dir():
        found = Labelled(_read_folder(source, AUDIO_SUFFIXES | RAW_SUFFIXES if headerless else AUDIO_SUFFIXES))
    elif not source.is_file():
        raise RequestError("evaluate.no_manifest", found=source)
    elif source.suffix.lower() == EMOBOX_SUFFIX:
        found = Labelled(_read_emobox(source, uploaded=uploaded))
    else:
        found = _read_table(source, uploaded=uploaded)
    if not found.clips:
        raise RequestError("evaluate.nothing_listed", found=source)
    return found


class _LabelParser:
    """Maps labels to emotions, and collects unknown labels so that one error can list all of them."""

    def __init__(self) -> None:
        self._unknown: dict[str, list[str]] = {}

    def emotion(self, word: str, where: str) -> Emotion:
        """Returns the emotion for a label; for an unknown label a placeholder, as ``check`` will raise."""
        emotion = emotion_of(word)
        if emotion is None:
            self._unknown.setdefault(word.strip(), []).append(where)
            return Emotion.UNKNOWN
        return emotion

    def check(self, source: Path) -> None:
        """Raises an error if there were unknown labels.

        Raises:
            RequestError: there were unknown labels.
        """
        if self._unknown:
            found = "; ".join(_places(word, places) for word, places in sorted(self._unknown.items()))
            raise RequestError("evaluate.unknown_emotion", where=source, found=found, expected=", ".join(Emotion))


def _places(word: str, places: Sequence[str]) -> str:
    more = f" (+{len(places) - PLACES_SHOWN})" if len(places) > PLACES_SHOWN else ""
    return f"{word!r} {len(places)}x: {', '.join(places[:PLACES_SHOWN])}{more}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark
    except (OSError, UnicodeDecodeError) as err:
        raise RequestError("evaluate.unreadable", found=path, reason=err) from err


def _look_for(given: str, places: Sequence[Path], *, uploaded: bool) -> Path | None:
    """Returns the path of a listed recording in the first of ``places`` that contains it; None if none does."""
    name = given.replace("\\", "/").rsplit("/", 1)[-1] if uploaded else given
    if not name or "\0" in name or (uploaded and name in {".", ".."}):
        return None
    return next((place / name for place in places if (place / name).is_file()), None)


def _read_table(path: Path, *, uploaded: bool) -> Labelled:
    lines = _read_text(path).splitlines()
    first = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter="\t" if "\t" in first else ",")
    columns = [name for name in reader.fieldnames or [] if name]
    label = next((name for name in LABEL_COLUMNS if name in columns), None)
    annotators = annotator_columns(columns) if label is None else []
    if (label is None and not annotators) or "path" not in columns:
        raise RequestError("evaluate.bad_columns", file=path, found=", ".join(columns))
    parser = _LabelParser()
    clips: list[LabelledClip] = []
    votes: list[list[Emotion]] = []
    undecided: list[str] = []
    for row in reader:
        where = str(reader.line_num)
        audio = _look_for(row["path"] or "", [path.parent], uploaded=uploaded)
        if audio is None:
            raise RequestError("evaluate.no_recording", file=path, line=where, found=row["path"])
        given = [row[name] or "" for name in (annotators or [label or ""])]
        labels = [parser.emotion(word, f"line {where}") for word in given if word.strip() or not annotators]
        votes.append(labels)
        emotion = majority(labels)
        if emotion is None:
            undecided.append(row["path"] or "")
        else:
            clips.append(LabelledClip(audio, emotion, row.get("speaker") or None, row.get("corpus") or ""))
    parser.check(path)
    return Labelled(tuple(clips), measure_agreement(votes, len(annotators), undecided) if annotators else None)


def _read_emobox(path: Path, *, uploaded: bool) -> tuple[LabelledClip, ...]:
    merged = {} if uploaded else _label_map(path)
    parser = _LabelParser()
    clips = []
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        row = _emobox_row(path, number, line)
        audio = _look_for(row["wav"], [path.parent] if uploaded else path.absolute().parents, uploaded=uploaded)
        if audio is None:
            raise RequestError("evaluate.no_recording", file=path, line=number, found=row["wav"])
        word = str(merged.get(row["emo"], row["emo"]))
        corpus, speaker = row.get("dataset"), row.get("spk")
        clips.append(
            LabelledClip(
                audio,
                parser.emotion(word, f"line {number}"),
                str(speaker) if speaker else None,
                str(corpus) if corpus else "",
            )
        )
    parser.check(path)
    return tuple(clips)


def _emobox_row(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as err:
        raise RequestError("evaluate.unreadable", found=f"{path}:{number}", reason=err) from err
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("wav", "emo")):
        columns = ", ".join(row) if isinstance(row, dict) else type(row).__name__
        raise RequestError("evaluate.bad_emobox", file=path, line=number, found=columns)
    return row


def _label_map(path: Path) -> Mapping[str, Any]:
    """Returns EmoBox's map of labels to merge, from the folder of the list or, for a list of a fold, the one above."""
    for folder in (path.absolute().parent, path.absolute().parent.parent):
        file = folder / LABEL_MAP
        if file.is_file():
            try:
                found = json.loads(_read_text(file))
            except ValueError as err:
                raise RequestError("evaluate.unreadable", found=file, reason=err) from err
            return found if isinstance(found, dict) else {}
    return {}


def _read_folder(folder: Path, suffixes: Collection[str]) -> tuple[LabelledClip, ...]:
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if inner and any(emotion_of(path.name) is not None for path in inner):
        return _read_emotion_folders(folder, inner, suffixes)
    named = _read_names(folder, suffixes)
    return named if named else _read_emotion_folders(folder, inner, suffixes)


def _read_emotion_folders(folder: Path, inner: Sequence[Path], suffixes: Collection[str]) -> tuple[LabelledClip, ...]:
    parser = _LabelParser()
    clips = []
    for subfolder in inner:
        emotion = parser.emotion(subfolder.name, subfolder.name)
        for path in files_in(subfolder, suffixes):
            clips.append(LabelledClip(path, emotion, path.parent.name if path.parent != subfolder else None))
    parser.check(folder)
    return tuple(clips)


def _read_names(folder: Path, suffixes: Collection[str]) -> tuple[LabelledClip, ...]:
    named = [(path, read_name(path.stem)) for path in files_in(folder, suffixes)]
    unknown = [path.name for path, name in named if name is None]
    if len(unknown) == len(named):
        return ()
    if unknown:
        counts = Counter(name.corpus for _path, name in named if name is not None)
        expected = ", ".join(f"{corpus} {count}x" for corpus, count in counts.items())
        raise RequestError("evaluate.odd_names", where=folder, found=_places("?", unknown), expected=expected)
    return tuple(
        LabelledClip(path, name.emotion, f"{name.corpus}_{name.speaker}", name.corpus)
        for path, name in named
        if name is not None
    )
