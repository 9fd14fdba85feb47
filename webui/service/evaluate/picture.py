"""Draws the confusion matrix as SVG, which needs no drawing library and scales without loss."""

from collections.abc import Sequence
from html import escape
from typing import Final

CELL: Final = 56
MARGIN: Final = 96
DARK: Final = 0.55  # shading from which white text is easier to read than black


def draw_confusion(labels: Sequence[str], confusion: Sequence[Sequence[int]], title: str) -> str:
    """Returns the SVG: one row per true label, each cell with its count, shaded by its fraction of the row."""
    size = CELL * len(labels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size + MARGIN + 16} {size + MARGIN + 16}" '
        'font-family="sans-serif" font-size="13">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, label in enumerate(labels):
        middle = MARGIN + CELL * number + CELL // 2
        name = escape(label)
        parts.append(f'<text x="{MARGIN - 8}" y="{middle + 4}" text-anchor="end">{name}</text>')
        parts.append(f'<text x="{middle}" y="{MARGIN - 8}" transform="rotate(-45 {middle} {MARGIN - 8})">{name}</text>')
    for row, counts in enumerate(confusion):
        total = sum(counts)
        for column, count in enumerate(counts):
            parts.append(_cell(row, column, count, count / total if total else 0.0))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(row: int, column: int, count: int, fraction: float) -> str:
    x, y = MARGIN + CELL * column, MARGIN + CELL * row
    red, green, blue = (round(255 + (deep - 255) * fraction) for deep in (8, 64, 129))
    ink = "#ffffff" if fraction > DARK else "#222222"
    return (
        f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="rgb({red},{green},{blue})" stroke="#dddddd"/>'
        f'<text x="{x + CELL // 2}" y="{y + CELL // 2 + 5}" text-anchor="middle" fill="{ink}">{count}</text>'
    )
