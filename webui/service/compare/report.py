"""The report of a comparison, as the content of its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from webui.service.compare.advice import Advice, Limits
from webui.service.compare.figures import Accuracy
from webui.service.compare.pages import html, markdown, table_csv
from webui.service.compare.run import MeasuredModel
from webui.service.compare.tables import Table, Tables
from webui.service.compare.training_data import KnownClips
from webui.texts import Language, text

MARKDOWN_FILE: Final = "comparison.md"
HTML_FILE: Final = "comparison.html"
JSON_FILE: Final = "comparison.json"


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """The report of a comparison.

    Attributes:
        intro: sentence on where and how the models were measured.
        files: content of each file, by file name.
        tables: tables in order.
        advice: one sentence per rule.
        complete: whether no model failed.
    """

    intro: str
    files: dict[str, str]
    tables: tuple[Table, ...]
    advice: tuple[str, ...]
    complete: bool


def report_files(
    models: Sequence[MeasuredModel],
    accuracy: dict[str, Accuracy],
    clips: int,
    intro: str,
    language: Language,
    agreement: str = "",
    limits: Limits | None = None,
    known: Mapping[str, KnownClips] | None = None,
) -> ComparisonReport:
    """Returns the report as Markdown, as an HTML page, as JSON, and as a CSV file for each table.

    Args:
        models: measurements of the models.
        accuracy: accuracy of the models, by name.
        clips: number of recordings.
        intro: sentence on where and how the models were measured.
        language: language of the report.
        agreement: sentence about the agreement of the annotators; "" if there was only one.
        limits: limits of the user, for the advice; None: the default limits.
        known: recordings that a model was trained on, by the name of the model's row.
    """
    tables = Tables(models, accuracy, clips, language, agreement).all()
    advice = Advice(models, accuracy, language, limits, known).sentences()
    title, advice_title = text("compare.title", language), text("compare.advice", language)
    charts = [*_charts_of_times(models, language)]
    recalls = {name: figures.recall.value for name, figures in accuracy.items()}
    charts.append((text("compare.recall", language), recalls))
    document = {
        "machine": intro,
        "annotators": agreement,
        "models": [{**asdict(model), "answers": len(model.answers)} for model in models],
        "accuracy": {name: asdict(figures) for name, figures in accuracy.items()},
        "advice": advice,
    }
    files = {
        MARKDOWN_FILE: markdown(title, intro, tables, advice_title, advice),
        HTML_FILE: html(language.value, title, intro, tables, advice_title, advice, charts),
        JSON_FILE: json.dumps(document, ensure_ascii=False) + "\n",
        **{f"{table.name}.csv": table_csv(table) for table in tables},
    }
    return ComparisonReport(intro, files, tuple(tables), tuple(advice), all(model.error is None for model in models))


def _charts_of_times(models: Sequence[MeasuredModel], language: Language) -> list[tuple[str, dict[str, float]]]:
    lengths = sorted({seconds for model in models for seconds in model.times})
    return [
        (
            text("compare.chart", language, seconds=seconds),
            {model.name: median(model.times[seconds]) for model in models if seconds in model.times},
        )
        for seconds in lengths
    ]
