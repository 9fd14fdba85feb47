"""Building blocks of HTML, with escaped content."""

import html
from collections.abc import Iterable, Sequence
from typing import Final

from webui.labels import Emotion
from webui.texts import Language

# gr.HTML passes its content through two template languages; their special characters become character references.
_TEMPLATE_CHARACTERS: Final = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;", "\\": "&#92;"})


def escape(content: str) -> str:
    """Returns ``content`` escaped for HTML and for the template languages of gr.HTML."""
    return html.escape(content).translate(_TEMPLATE_CHARACTERS)


def percent(score: float) -> str:
    """Returns a score as a percentage: ``85.3%``."""
    return f"{score:.1%}"


def other_language(language: Language) -> Language:
    """Returns the other of the two languages."""
    return Language.EN if language is Language.ZH else Language.ZH


def emotion_title(emotion: Emotion, language: Language) -> str:
    """Returns ``😊 快乐 (Happy)`` in Chinese, ``😊 Happy (快乐)`` in English."""
    second = emotion.display_name(other_language(language))
    return f"{emotion.emoji} {emotion.display_name(language)} ({second})"


def face(emotion: Emotion) -> str:
    """Returns the emoji as HTML with a colour font: in a text font it is often a faint outline."""
    return f'<span class="se-emoji" aria-hidden="true">{emotion.emoji}</span>'


def emotion_title_html(emotion: Emotion, language: Language) -> str:
    """Returns ``emotion_title`` as HTML."""
    return f"{face(emotion)}{escape(emotion_title(emotion, language).removeprefix(emotion.emoji))}"


def details_html(line: str, more: str, content: str, *, css: str) -> str:
    """Returns a line with details, which a click on ``more`` shows.

    Args:
        line: the line, as HTML.
        more: label of the details, as text.
        content: the details, as HTML.
        css: class of the element.
    """
    summary = f'<summary>{line} <span class="se-more">{escape(more)}</span></summary>'
    return f'<details class="{css}">{summary}{content}</details>'


def table_html(columns: Sequence[str], rows: Iterable[Sequence[str]], *, css: str, row_heads: bool = False) -> str:
    """Returns a table.

    Args:
        columns: headers of the columns, as HTML; empty for a table without a header.
        rows: cells of each row, as HTML.
        css: CSS class of the table.
        row_heads: whether the first cell of each row is a header.
    """
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    head = f"<thead><tr>{heads}</tr></thead>" if columns else ""
    body = "".join(f"<tr>{_cells(row, row_heads)}</tr>" for row in rows)
    return f'<table class="{css}">{head}<tbody>{body}</tbody></table>'


def _cells(row: Sequence[str], row_heads: bool) -> str:
    first = f'<th scope="row">{row[0]}</th>' if row_heads else f"<td>{row[0]}</td>"
    return first + "".join(f"<td>{cell}</td>" for cell in row[1:])
