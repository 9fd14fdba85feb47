"""What an evaluation found, as a document; and as a page to read."""

from pydantic import Field

from webui.engine.families import card_of
from webui.results import Document
from webui.texts import Language, text


class Figure(Document):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class ClassFigures(Document):
    """How one emotion fared."""

    clips: int
    recall: float
    precision: float
    f1: float


class Evaluation(Document):
    """Everything that was measured."""

    model: str
    engine: str
    source: str = Field(description="The manifest or folder.")
    clips: int
    failed: tuple[str, ...] = Field(description="Recordings that could not be answered, with the reason.")
    speakers: int = Field(description="How many; 0 if there are not two that are known, and clips are drawn instead.")
    average_recall: Figure
    accuracy: Figure
    average_f1: Figure
    calibration_error: float = Field(description="Expected calibration error, 15 bins of equal width.")
    mean_confidence: float
    labels: tuple[str, ...]
    classes: dict[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...] = Field(description="Rows are the truth, columns the answer.")
    groups: dict[str, Figure] = Field(description="Average recall of every group (corpus), if there are several.")


def render_report(found: Evaluation, language: Language) -> str:
    """Returns the report in Markdown."""
    drawn = text("evaluate.by_speaker" if found.speakers else "evaluate.by_clip", language, speakers=found.speakers)
    lines = [
        text("evaluate.title", language, model=found.model, source=found.source),
        "",
        text("evaluate.counts", language, clips=found.clips, failed=len(found.failed), drawn=drawn),
        "",
        "| | | 95 % |",
        "|---|---|---|",
    ]
    named = {"recall": found.average_recall, "accuracy": found.accuracy, "f1": found.average_f1}
    lines += [_row(text(f"evaluate.{name}", language), figure) for name, figure in named.items()]
    lines += [_row(text("evaluate.group", language, group=name), figure) for name, figure in found.groups.items()]
    values = {"error": found.calibration_error, "confidence": found.mean_confidence}
    lines += ["", text("evaluate.calibration", language, **values), ""]
    card = card_of(found.model)
    if card is not None and card.accuracy_note:
        lines += [text(card.accuracy_note, language), ""]
    lines += [text("evaluate.matrix", language), ""]
    head = " | ".join(text(f"evaluate.column_{name}", language) for name in ("recall", "precision", "f1"))
    lines += ["| | " + " | ".join(found.labels) + f" | {head} |", "|---" * (len(found.labels) + 4) + "|"]
    for label, counts in zip(found.labels, found.confusion, strict=True):
        one = found.classes[label]
        figures = f"{one.recall:.2f} | {one.precision:.2f} | {one.f1:.2f}" if one.clips else "– | – | –"
        lines.append(f"| {label} | " + " | ".join(str(count) for count in counts) + f" | {figures} |")
    lines += [""] + [f"- {failure}" for failure in found.failed]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, figure: Figure) -> str:
    return f"| {name} | **{figure.value:.3f}** | [{figure.low:.3f}, {figure.high:.3f}] |"
