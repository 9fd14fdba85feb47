"""Small pieces of HTML that are safe to put on the page."""

import html
from typing import Final

from webui.labels import Emotion
from webui.texts import Language

# gr.HTML runs its content through two template languages; what they would read goes in as character references.
_TEMPLATE_SIGNS: Final = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;", "\\": "&#92;"})


def escape(content: str) -> str:
    """Returns ``content`` as text that neither HTML nor a template language reads as anything else."""
    return html.escape(content).translate(_TEMPLATE_SIGNS)


def percent(score: float) -> str:
    """Returns a score as people read it: ``85.3%``."""
    return f"{score:.1%}"


def other_language(language: Language) -> Language:
    """Returns the language that stands second in a pair of names."""
    return Language.EN if language is Language.ZH else Language.ZH


def emotion_title(emotion: Emotion, language: Language) -> str:
    """Returns ``😊 快乐 (Happy)``, or ``😊 Happy (快乐)`` for an English reader."""
    second = emotion.display_name(other_language(language))
    return f"{emotion.emoji} {emotion.display_name(language)} ({second})"


def face(emotion: Emotion) -> str:
    """Returns the emoji as HTML that asks for a coloured font: a text font's own drawing is often a faint outline."""
    return f'<span class="se-emoji" aria-hidden="true">{emotion.emoji}</span>'


def emotion_title_html(emotion: Emotion, language: Language) -> str:
    """Returns ``emotion_title`` as HTML."""
    return f"{face(emotion)}{escape(emotion_title(emotion, language).removeprefix(emotion.emoji))}"
