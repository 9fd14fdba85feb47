"""The report of a model comparison as HTML."""

from webui.service.compare.report import ComparisonReport
from webui.service.compare.tables import Table
from webui.texts import Language, text
from webui.ui.views.markup import escape, table_html


def comparison_html(made: ComparisonReport, language: Language) -> str:
    """Returns the tables and the advice."""
    advice = "".join(f"<li>{escape(line)}</li>" for line in made.advice)
    tables = "".join(_table_html(table) for table in made.tables)
    return (
        f'<div class="se-card se-report"><h2>{escape(text("compare.title", language))}</h2><p>{escape(made.intro)}</p>'
        f"<h2>{escape(text('compare.advice', language))}</h2><ul>{advice}</ul></div>{tables}"
    )


def _table_html(table: Table) -> str:
    title, note = escape(table.title), f"<p>{escape(table.note)}</p>" if table.note else ""
    rows = [[escape(cell) for cell in row] for row in table.rows]
    body = table_html([escape(name) for name in table.columns], rows, css="se-side", row_heads=True) if rows else ""
    return (
        f'<section class="se-card"><h2>{title}</h2>'
        f'<div class="se-wide" tabindex="0" aria-label="{title}">{body}</div>{note}</section>'
    )
