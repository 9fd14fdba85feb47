"""The files of an evaluation: the report, the figures as JSON, the confusion matrix, and every prediction."""

import csv
import io
import os
from pathlib import Path
from typing import Final

from webui.errors import OutputError, RequestError
from webui.files import printable_name, replace_file
from webui.labels import Emotion
from webui.service.csv_cells import escape_formulas
from webui.service.evaluate.measure import EMOTIONS, Answers
from webui.service.evaluate.picture import draw_confusion
from webui.service.evaluate.report import Evaluation, render_report
from webui.texts import Language, text

REPORT_FILE: Final = "evaluation.md"
DOCUMENT_FILE: Final = "evaluation.json"
PICTURE_FILE: Final = "confusion.svg"
PREDICTIONS_FILE: Final = "predictions.csv"
FILES: Final = (DOCUMENT_FILE, REPORT_FILE, PICTURE_FILE, PREDICTIONS_FILE)
PREDICTION_COLUMNS: Final = ("path", "label", "predicted", *(emotion.value for emotion in Emotion))


def check_free(folder: Path) -> None:
    """Checks that ``folder`` contains no earlier evaluation.

    Raises:
        RequestError: there is one, which would be replaced.
    """
    found = [name for name in FILES if (folder / name).exists()]
    if found:
        raise RequestError("evaluate.exists", folder=folder, found=", ".join(found))


def write_files(folder: Path, found: Evaluation, answers: Answers, source: Path, language: Language) -> None:
    """Writes all files of an evaluation; each replaces an older one only when it is complete.

    Args:
        folder: the folder, which is created if it does not exist.
        found: the results.
        answers: the predictions that the results were computed from.
        source: the manifest or folder that listed the recordings.
        language: language of the report and of the picture's title.

    Raises:
        OutputError: the files can't be written.
    """
    title = text("evaluate.title", language, model=found.model, source=found.source).lstrip("# ")
    contents = {
        DOCUMENT_FILE: found.model_dump_json(indent=1) + "\n",
        REPORT_FILE: render_report(found, language),
        PICTURE_FILE: draw_confusion(found.labels, found.confusion, title),
        PREDICTIONS_FILE: predictions_csv(answers, source if source.is_dir() else source.parent),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write(folder / name, content)
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=folder, reason=err.strerror or str(err)) from err


def _write(path: Path, content: str) -> None:
    replace_file(
        path, lambda draft: draft.write_text(content, encoding="utf-8", errors="backslashreplace", newline="\n")
    )


def predictions_csv(answers: Answers, folder: Path) -> str:
    """Returns the table of predictions: a row per recording with its label, the prediction, and the nine scores.

    It starts with a byte order mark, so that spreadsheets read it as UTF-8. Scores have their full precision.

    Args:
        answers: the predictions.
        folder: the folder that the paths in the table are relative to.
    """
    file = io.StringIO()
    table = csv.DictWriter(file, PREDICTION_COLUMNS, lineterminator="\n")
    table.writeheader()
    for clip, scores in zip(answers.clips, answers.scores.tolist(), strict=True):
        row = dict(zip((emotion.value for emotion in EMOTIONS), scores, strict=True))
        row |= {
            "path": printable_name(Path(os.path.relpath(clip.path, folder)).as_posix()),
            "label": clip.emotion.value,
            "predicted": EMOTIONS[max(range(len(scores)), key=scores.__getitem__)].value,
        }
        table.writerow(escape_formulas(row))
    return "\N{ZERO WIDTH NO-BREAK SPACE}" + file.getvalue()
