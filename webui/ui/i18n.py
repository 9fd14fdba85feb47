"""The language of the page: how it is chosen, and components whose texts follow it."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import gradio as gr

from webui.texts import Language, text

FIRST_LANGUAGE: Final = Language.ZH  # while the page is built; its load event then sets the user's language
CHOICES: Final = (("中文", Language.ZH.value), ("English", Language.EN.value))

C = TypeVar("C", bound=gr.blocks.Block)
Properties = Callable[[Language], dict[str, Any]]


def parse_language(value: object) -> Language:
    """Returns the language for a value of the language component; any unknown value is English."""
    return Language.ZH if value == Language.ZH.value else Language.EN


def choose_language(from_address: str | None, stored: object, accept_language: str | None) -> Language:
    """Returns the language in the URL (``?lang=zh``), else the user's last choice, else the browser's preference.

    Args:
        from_address: value of ``lang`` in the URL.
        stored: the last choice, kept in the browser; empty if there was none.
        accept_language: value of the ``Accept-Language`` header.
    """
    if from_address in set(Language):
        return Language(from_address)
    return parse_language(stored) if stored else preferred_language(accept_language)


def preferred_language(accept_language: str | None) -> Language:
    """Returns the language that an ``Accept-Language`` header prefers: Chinese or, failing that, English.

    Args:
        accept_language: value of the header, for instance ``"zh-TW,zh;q=0.9,en;q=0.8"``.
    """
    best = {Language.ZH: 0.0, Language.EN: 0.0}
    for entry in (accept_language or "").lower().split(","):
        tag, _, parameters = entry.strip().partition(";")
        primary = tag.strip().split("-")[0]
        if primary in best:
            language = Language(primary)
            best[language] = max(best[language], _quality(parameters))
    return Language.ZH if best[Language.ZH] > best[Language.EN] else Language.EN


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class I18n:
    """Builds components with texts from ``webui/texts``, and returns their updates for another language.

    Example:
        ``i18n.add(gr.Button, variant="primary", text_of={"value": "page.recognize"})``
    """

    def __init__(self) -> None:
        self._entries: list[tuple[gr.blocks.Block, Properties]] = []

    def add(self, kind: Callable[..., C], *, text_of: dict[str, str], **fixed: Any) -> C:  # noqa: ANN401
        """Builds a component.

        Args:
            kind: class of the component.
            text_of: the key of the text for each property that is a text.
            fixed: the other properties.
        """
        return self.add_computed(kind, lambda language: {p: text(key, language) for p, key in text_of.items()}, **fixed)

    def add_computed(self, kind: Callable[..., C], properties: Properties, **fixed: Any) -> C:  # noqa: ANN401
        """Builds a component whose texts are computed, for instance the choices of a radio."""
        component = kind(**properties(FIRST_LANGUAGE), **fixed)
        self._entries.append((component, properties))
        return component

    @property
    def components(self) -> list[gr.blocks.Block]:
        """Components in the order of ``updates``."""
        return [component for component, _ in self._entries]

    def updates(self, language: Language) -> list[dict[str, Any]]:
        """Returns one Gradio update per component."""
        return [gr.update(**properties(language)) for _, properties in self._entries]
