"""Writes a comparison as Markdown, CSV and a self-contained HTML page."""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Final

from webui.service.compare.tables import Table

STYLE: Final = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8885; padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; }
.scroll { overflow-x: auto; }
.bar { fill: #4f46e5; } text { font-size: 13px; fill: currentColor; }
"""
BAR_WIDTH: Final = 360
ROW_HEIGHT: Final = 26
NAME_WIDTH: Final = 220


def markdown(title: str, intro: str, tables: Sequence[Table], advice_title: str, advice: Sequence[str]) -> str:
    """Returns the report as Markdown."""
    lines = [f"# {title}", "", intro, ""]
    for table in tables:
        lines += [f"## {table.title}", ""]
        if table.rows:
            cells = [table.columns, ("---",) * len(table.columns), *table.rows]
            lines += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in cells]
        lines += ["", *([table.note, ""] if table.note else [])]
    lines += [f"## {advice_title}", "", *(f"- {sentence}" for sentence in advice), ""]
    return "\n".join(lines)


def table_csv(table: Table) -> str:
    """Returns a table as CSV."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return file.getvalue()


def html(
    language: str,
    title: str,
    intro: str,
    tables: Sequence[Table],
    advice_title: str,
    advice: Sequence[str],
    charts: Sequence[tuple[str, dict[str, float]]],
) -> str:
    """Returns the report as an HTML page.

    Args:
        language: language of the text, for the ``lang`` attribute.
        title: title of the page.
        intro: paragraph below the title.
        tables: tables in order.
        advice_title: heading of the advice.
        advice: one sentence per rule.
        charts: title of each chart with its values by model.
    """
    parts = [f"<h1>{escape(title)}</h1><p>{escape(intro)}</p>"]
    parts += [_chart(name, values) for name, values in charts if values]
    parts += [_table(table) for table in tables]
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in advice)
    parts.append(f"<h2>{escape(advice_title)}</h2><ul>{items}</ul>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    body = "".join(parts)
    return (
        f'<!doctype html><html lang="{language}"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'
    )


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    body = f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return f"<h2>{escape(table.title)}</h2>{body if table.rows else ''}{note}"


def _chart(title: str, values: dict[str, float]) -> str:
    """Returns a bar chart with one labelled bar per model."""
    longest = max(values.values()) or 1.0
    height = ROW_HEIGHT * len(values)
    bars = []
    for row, (name, value) in enumerate(values.items()):
        middle = ROW_HEIGHT * row + 17
        width = BAR_WIDTH * value / longest
        bars.append(
            f'<text x="0" y="{middle}">{escape(name)}</text>'
            f'<rect class="bar" x="{NAME_WIDTH}" y="{middle - 13}" width="{width:.1f}" height="17"/>'
            f'<text x="{NAME_WIDTH + width + 6:.1f}" y="{middle}">{value:.3g}</text>'
        )
    label = escape(f"{title}: " + ", ".join(f"{name} {value:.3g}" for name, value in values.items()), quote=True)
    size = f'viewBox="0 0 {NAME_WIDTH + BAR_WIDTH + 80} {height}" width="100%" style="max-width:44rem"'
    return f'<h2>{escape(title)}</h2><svg role="img" aria-label="{label}" {size}>{"".join(bars)}</svg>'


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
