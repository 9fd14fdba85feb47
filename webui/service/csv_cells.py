"""Text in cells of CSV files that a spreadsheet may open."""

from collections.abc import Mapping
from typing import Any, Final

RISKY: Final = ("=", "+", "-", "@", "\t", "\r")  # first characters of text that a spreadsheet would run as a formula


def escape_formulas(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row with an apostrophe before text that a spreadsheet would run as a formula."""
    return {
        key: f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value for key, value in row.items()
    }


def without_apostrophe(value: str) -> str:
    """Returns a cell without the apostrophe that ``escape_formulas`` has put before it."""
    return value[1:] if value.startswith(tuple(f"'{character}" for character in RISKY)) else value
