"""Results of several models for one recording, as a table."""

from collections.abc import Sequence
from typing import Final

from webui.engine.families import model_title
from webui.texts import Language, text
from webui.ui.outcome import Outcome
from webui.ui.views.markup import escape, face, percent

COLUMNS: Final = (
    "page.side_model",
    "page.side_emotion",
    "page.side_confidence",
    "page.side_second",
    "page.side_time",
)


def side_by_side_html(answers: Sequence[tuple[str, Outcome]], language: Language) -> str:
    """Returns the table with one row per model: its result, or its error."""
    heads = "".join(f'<th scope="col">{escape(text(key, language))}</th>' for key in COLUMNS)
    rows = "".join(_row(name, outcome, language) for name, outcome in answers)
    title = escape(text("page.side_by_side", language))
    return (
        f'<section class="se-card"><h2>{title}</h2><div class="se-wide" tabindex="0" aria-label="{title}">'
        f'<table class="se-side"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="se-small-print">{escape(text("page.side_note", language))}</p></section>'
    )


def _row(name: str, outcome: Outcome, language: Language) -> str:
    head = f'<tr><th scope="row">{escape(model_title(name, language))}</th>'
    if outcome.recognition is None:
        why = outcome.error.sentence(language) if outcome.error is not None else "–"
        return f'{head}<td colspan="{len(COLUMNS) - 1}">⚠️ {escape(why)}</td></tr>'
    result = outcome.recognition.result
    ranked = sorted(result.scores, key=lambda emotion: result.scores[emotion], reverse=True)
    second = f"{ranked[1].display_name(language)} {percent(result.scores[ranked[1]])}"
    return (
        f"{head}<td>{face(result.emotion)} {escape(result.emotion.display_name(language))}</td>"
        f"<td>{percent(result.confidence)}</td><td>{escape(second)}</td><td>{result.timing.inference_s:.2f} s</td></tr>"
    )
