"""Speech segments as a table."""

from collections.abc import Sequence
from typing import Final

from webui.results import Segment
from webui.texts import Language, text
from webui.ui.views.markup import escape, face, percent, table_html

COLUMNS: Final = ("page.segment_start", "page.segment_end", "page.segment_emotion", "page.segment_confidence")
MAX_ROWS: Final = 500  # limit for long recordings


def segments_html(segments: Sequence[Segment], language: Language) -> str:
    """Returns the table, with a note if rows are left out."""
    heads = [escape(text(key, language)) for key in COLUMNS]
    table = table_html(heads, (_row(segment, language) for segment in segments[:MAX_ROWS]), css="se-segments")
    more = len(segments) - MAX_ROWS
    left_out = f"<p>{escape(text('page.segments_more', language, more=more))}</p>" if more > 0 else ""
    title = escape(text("page.segments", language))
    return (
        f'<section class="se-card"><h2>{title}</h2>'
        f'<div class="se-scroll" tabindex="0" aria-label="{title}">{table}</div>{left_out}</section>'
    )


def _row(segment: Segment, language: Language) -> list[str]:
    emotion = f"{face(segment.emotion)} {escape(segment.emotion.display_name(language))}"
    return [f"{segment.start_s:.2f}", f"{segment.end_s:.2f}", emotion, percent(segment.confidence)]
