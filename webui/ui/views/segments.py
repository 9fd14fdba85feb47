"""Stretches of speech as a table."""

from collections.abc import Sequence
from typing import Final

from webui.results import Segment
from webui.texts import Language, text
from webui.ui.views.markup import escape, face, percent

COLUMNS: Final = ("start", "end", "emotion", "confidence")
MAX_ROWS: Final = 500  # of hours of speech the page shows the beginning


def segments_html(segments: Sequence[Segment], language: Language) -> str:
    """Returns the table, and how many rows it leaves out."""
    heads = "".join(f'<th scope="col">{escape(text(f"page.segment_{name}", language))}</th>' for name in COLUMNS)
    rows = "".join(_row(segment, language) for segment in segments[:MAX_ROWS])
    more = len(segments) - MAX_ROWS
    left_out = f"<p>{escape(text('page.segments_more', language, more=more))}</p>" if more > 0 else ""
    title = escape(text("page.segments", language))
    return (
        f'<section class="se-card"><h2>{title}</h2><div class="se-scroll" tabindex="0" aria-label="{title}">'
        f'<table class="se-segments"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{left_out}'
        "</section>"
    )


def _row(segment: Segment, language: Language) -> str:
    name = escape(segment.emotion.display_name(language))
    return (
        f"<tr><td>{segment.start_s:.2f}</td><td>{segment.end_s:.2f}</td>"
        f"<td>{face(segment.emotion)} {name}</td><td>{percent(segment.confidence)}</td></tr>"
    )
