"""The results of an evaluation, as a JSON document and as a Markdown report."""

from pydantic import Field

from webui.engine.families import card_of
from webui.results import Document
from webui.texts import Language, text


class Figure(Document):
    """A metric with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class ClassFigures(Document):
    """Metrics of one emotion."""

    clips: int
    recall: float
    precision: float
    f1: float


class Evaluation(Document):
    """All results of an evaluation."""

    model: str
    engine: str
    source: str = Field(description="The manifest or folder.")
    clips: int
    failed: tuple[str, ...] = Field(description="Recordings that could not be decoded, with the reason.")
    speakers: int = Field(
        description="Number of speakers; 0 if fewer than two are known, in which case clips are resampled instead."
    )
    average_recall: Figure
    accuracy: Figure
    average_f1: Figure
    calibration_error: float = Field(description="Expected calibration error, 15 bins of equal width.")
    mean_confidence: float
    labels: tuple[str, ...]
    classes: dict[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...] = Field(description="Rows are true emotions, columns predicted ones.")
    groups: dict[str, Figure] = Field(description="Average recall of each corpus, if there are several.")


def render_report(found: Evaluation, language: Language) -> str:
    """Returns the report in Markdown."""
    drawn_key = "evaluate.by_speaker" if found.speakers else "evaluate.by_clip"
    drawn = text(drawn_key, language, speakers=found.speakers)
    lines = [
        text("evaluate.title", language, model=found.model, source=found.source),
        "",
        text("evaluate.counts", language, clips=found.clips, failed=len(found.failed), drawn=drawn),
        "",
        "| | | 95 % |",
        "|---|---|---|",
    ]
    metrics = {
        "evaluate.recall": found.average_recall,
        "evaluate.accuracy": found.accuracy,
        "evaluate.f1": found.average_f1,
    }
    lines += [_row(text(key, language), figure) for key, figure in metrics.items()]
    lines += [_row(text("evaluate.group", language, group=name), figure) for name, figure in found.groups.items()]
    values = {"error": found.calibration_error, "confidence": found.mean_confidence}
    lines += ["", text("evaluate.calibration", language, **values), ""]
    card = card_of(found.model)
    if card is not None and card.accuracy_note:
        lines += [text(card.accuracy_note, language), ""]
    lines += [text("evaluate.matrix", language), ""]
    columns = ("evaluate.column_recall", "evaluate.column_precision", "evaluate.column_f1")
    headings = " | ".join(text(key, language) for key in columns)
    lines += ["| | " + " | ".join(found.labels) + f" | {headings} |", "|---" * (len(found.labels) + 4) + "|"]
    for label, counts in zip(found.labels, found.confusion, strict=True):
        row = found.classes[label]
        figures = f"{row.recall:.2f} | {row.precision:.2f} | {row.f1:.2f}" if row.clips else "– | – | –"
        lines.append(f"| {label} | " + " | ".join(str(count) for count in counts) + f" | {figures} |")
    lines += [""] + [f"- {failure}" for failure in found.failed]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, figure: Figure) -> str:
    return f"| {name} | **{figure.value:.3f}** | [{figure.low:.3f}, {figure.high:.3f}] |"
