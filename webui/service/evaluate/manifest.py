"""Labelled recordings: a table (CSV or TSV), or a folder with a folder per emotion."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.errors import RequestError
from webui.labels import Emotion

LABEL_COLUMNS: Final = ("label", "emotion")
SOUND_NAMES: Final = "wav mp3 flac ogg opus m4a aac mp4 webm mkv mov aiff aif caf amr wma w64"
SOUND_SUFFIXES: Final = frozenset(f".{name}" for name in SOUND_NAMES.split(" "))


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """One recording and what it should be heard as.

    Attributes:
        path: of the recording.
        emotion: the right answer.
        speaker: who speaks; None if that isn't known.
        group: speakers are drawn again inside their group (a corpus); "" if there is only one.
    """

    path: Path
    emotion: Emotion
    speaker: str | None = None
    group: str = ""


def read_labelled(source: Path) -> tuple[LabelledClip, ...]:
    """Reads a manifest, or a folder that holds a folder per emotion.

    Args:
        source: a table with the columns ``path``, ``label`` (or ``emotion``) and if known ``speaker`` and ``corpus``,
            separated by commas or tabs, paths relative to the table; or a folder with folders named after emotions. In
            a folder of an emotion, folders below are speakers.

    Raises:
        RequestError: nothing there, a missing column, an unknown emotion, a recording that is not there, no recording.
    """
    if source.is_dir():
        clips = _read_folders(source)
    elif source.is_file():
        clips = _read_table(source)
    else:
        raise RequestError("evaluate.no_manifest", found=source)
    if not clips:
        raise RequestError("evaluate.nothing_listed", found=source)
    return clips


def _read_table(path: Path) -> tuple[LabelledClip, ...]:
    try:
        content = path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark
    except (OSError, UnicodeDecodeError) as err:
        raise RequestError("evaluate.unreadable", found=path, reason=err) from err
    lines = content.splitlines()
    first = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter="\t" if "\t" in first else ",")
    columns = reader.fieldnames or []
    label = next((name for name in LABEL_COLUMNS if name in columns), None)
    if label is None or "path" not in columns:
        raise RequestError("evaluate.bad_columns", file=path, found=", ".join(columns))
    return tuple(_read_row(row, label, path, reader.line_num) for row in reader)


def _read_row(row: Mapping[str, str | None], label: str, table: Path, line: int) -> LabelledClip:
    sound = table.parent / (row["path"] or "")
    if not sound.is_file():
        raise RequestError("evaluate.no_recording", file=table, line=line, found=row["path"])
    return LabelledClip(
        sound, _emotion(row[label] or "", f"{table}:{line}"), row.get("speaker") or None, row.get("corpus") or ""
    )


def _read_folders(folder: Path) -> tuple[LabelledClip, ...]:
    clips = []
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        emotion = _emotion(inner.name, str(inner))
        for path in sorted(inner.rglob("*")):
            if path.suffix.lower() in SOUND_SUFFIXES and path.is_file():
                speaker = path.parent.name if path.parent != inner else None
                clips.append(LabelledClip(path, emotion, speaker))
    return tuple(clips)


def _emotion(name: str, where: str) -> Emotion:
    try:
        return Emotion(name.strip().lower())
    except ValueError as err:
        raise RequestError("evaluate.unknown_emotion", where=where, found=name, expected=", ".join(Emotion)) from err
