"""Speech segments as a table."""

from collections.abc import Sequence
from typing import Final

from webui.results import Segment
from webui.texts import Language, text
from webui.texts.duration import clock_time
from webui.ui.views.markup import escape, face, percent, table_html
from webui.ui.views.times import is_long

COLUMNS: Final = ("page.segment_start", "page.segment_end", "page.segment_emotion", "page.segment_confidence")
MAX_ROWS: Final = 500  # limit for long recordings


def segments_html(segments: Sequence[Segment], language: Language) -> str:
    """Returns the table of one or more segments, with a note if rows are left out."""
    total_s = segments[-1].end_s
    unit = text("page.clock" if is_long(total_s) else "page.seconds", language)
    heads = [escape(text(key, language, unit=unit)) for key in COLUMNS]
    rows = (_row(segment, total_s, language) for segment in segments[:MAX_ROWS])
    table = table_html(heads, rows, css="se-segments")
    more = len(segments) - MAX_ROWS
    left_out = f"<p>{escape(text('page.segments_more', language, more=more))}</p>" if more > 0 else ""
    title = escape(text("page.segments", language))
    return (
        f'<section class="se-card"><h2>{title}</h2>'
        f'<div class="se-scroll" tabindex="0" aria-label="{title}">{table}</div>{left_out}</section>'
    )


def _row(segment: Segment, total_s: float, language: Language) -> list[str]:
    emotion = f"{face(segment.emotion)} {escape(segment.emotion.display_name(language))}"
    start, end = (_time(time_s, total_s) for time_s in (segment.start_s, segment.end_s))
    return [start, end, emotion, percent(segment.confidence)]


def _time(time_s: float, total_s: float) -> str:
    return clock_time(time_s, decimals=1) if is_long(total_s) else f"{time_s:.2f}"
