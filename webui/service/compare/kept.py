"""What a comparison has measured so far, in files, so that it can go on where it ended."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from webui.files import replace_file

TIMES_FILE: Final = "times.json"

Times = Mapping[str, Mapping[float, list[float]]]  # seconds of each round, by model and length


def read_times(folder: Path) -> dict[str, dict[float, list[float]]]:
    """Returns the seconds of each round, by model and length; nothing if there is no such file."""
    try:
        found = json.loads((folder / TIMES_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: {float(length): row for length, row in rows.items()} for name, rows in found.items()}


def write_times(folder: Path, times: Times) -> None:
    """Writes what ``read_times`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(times) + "\n"
    replace_file(folder / TIMES_FILE, lambda draft: draft.write_text(content, "utf-8"))


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """Returns a model's answers by recording; a last line that was cut short is left out."""
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
    """The file of a model's answers. Each is in the file before the next is computed.

    Args:
        path: the file; its folder is made.
        answers: those that are in it already.
    """

    def __init__(self, path: Path, answers: Mapping[str, dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n" if answers else "")  # the last line may have been cut short

    def add(self, key: str, answer: dict[str, Any]) -> None:
        """Adds the answer for a recording."""
        self._file.write(json.dumps({"path": key, **answer}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
