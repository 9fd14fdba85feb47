"""The stored measurements of an unfinished comparison, from which it can be resumed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from webui.files import replace_file

TIMES_FILE: Final = "times.json"

Times = Mapping[str, Mapping[float, list[float]]]  # seconds per round, by model and by length of audio


def read_times(folder: Path) -> dict[str, dict[float, list[float]]]:
    """Returns the stored times; empty if the file is missing or damaged."""
    try:
        found = json.loads((folder / TIMES_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: {float(length): row for length, row in rows.items()} for name, rows in found.items()}


def write_times(folder: Path, times: Times) -> None:
    """Writes the times for ``read_times``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(times) + "\n"
    replace_file(folder / TIMES_FILE, lambda draft: draft.write_text(content, "utf-8"))


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the predictions of a model, by recording; skips lines that were only written in part."""
    answers = {}
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
                answers[row.pop("path")] = row
            except (ValueError, KeyError):
                continue
    return answers


class AnswerLog:
    """The file of a model's predictions; each is written before the next is computed.

    Args:
        path: path of the file; its folder is created.
        answers: predictions that the file contains already.
    """

    def __init__(self, path: Path, answers: Mapping[str, dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n" if answers else "")  # the last line may be incomplete

    def add(self, key: str, answer: dict[str, Any]) -> None:
        """Adds the prediction for a recording."""
        self._file.write(json.dumps({"path": key, **answer}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
