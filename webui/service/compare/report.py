"""The files of a comparison."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from webui.service.compare.figures import Accuracy
from webui.service.compare.pages import html, markdown, table_csv
from webui.service.compare.run import Measured
from webui.service.compare.tables import Limits, Table, Tables
from webui.texts import Language, text

MARKDOWN_FILE: Final = "comparison.md"
HTML_FILE: Final = "comparison.html"
JSON_FILE: Final = "comparison.json"


@dataclass(frozen=True, slots=True)
class Made:
    """A report.

    Attributes:
        files: the content of every file by its name.
        tables: as they are shown.
        advice: a sentence per rule.
        complete: whether no model failed.
    """

    files: dict[str, str]
    tables: tuple[Table, ...]
    advice: tuple[str, ...]
    complete: bool


def report_files(
    models: Sequence[Measured],
    accuracy: dict[str, Accuracy],
    clips: int,
    intro: str,
    language: Language,
    agreement: str = "",
    limits: Limits | None = None,
) -> Made:
    """Returns the report: Markdown, one HTML page, JSON, and a CSV per table.

    Args:
        models: what was measured.
        accuracy: how right each was, by name.
        clips: how many recordings there were.
        intro: where and how it was measured.
        language: of the words.
        agreement: what is said of the annotators; "" if there was one.
        limits: what the user can give, for the advice.
    """
    tables = Tables(models, accuracy, clips, language, agreement, limits)
    made, advice = tables.all(), tables.advice()
    title, advice_title = (text(f"compare.{key}", language) for key in ("title", "advice"))
    charts = [*_charts_of_times(models, language)]
    recalls = {name: one.recall.value for name, one in accuracy.items()}
    charts.append((text("compare.recall", language), recalls))
    document = {
        "machine": intro,
        "annotators": agreement,
        "models": [{**asdict(one), "answers": len(one.answers)} for one in models],
        "accuracy": {name: asdict(one) for name, one in accuracy.items()},
        "advice": advice,
    }
    files = {
        MARKDOWN_FILE: markdown(title, intro, made, advice_title, advice),
        HTML_FILE: html(language.value, title, intro, made, advice_title, advice, charts),
        JSON_FILE: json.dumps(document, ensure_ascii=False) + "\n",
        **{f"{table.name}.csv": table_csv(table) for table in made},
    }
    return Made(files, tuple(made), tuple(advice), all(one.error is None for one in models))


def _charts_of_times(models: Sequence[Measured], language: Language) -> list[tuple[str, dict[str, float]]]:
    lengths = sorted({seconds for one in models for seconds in one.times})
    return [
        (
            text("compare.chart", language, seconds=seconds),
            {one.name: median(one.times[seconds]) for one in models if seconds in one.times},
        )
        for seconds in lengths
    ]
