"""Components whose words follow the visitor's language."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import gradio as gr

from webui.texts import Language, text

FIRST_LANGUAGE: Final = Language.ZH  # of the page as it is built; the first event sets the visitor's own

C = TypeVar("C", bound=gr.blocks.Block)
Properties = Callable[[Language], dict[str, Any]]


class I18n:
    """Builds components with texts from the table, and says them again in another language.

    Example:
        ``say.add(gr.Button, variant="primary", text_of={"value": "page.recognize"})``
    """

    def __init__(self) -> None:
        self._entries: list[tuple[gr.blocks.Block, Properties]] = []

    def add(self, kind: Callable[..., C], *, text_of: dict[str, str], **fixed: Any) -> C:  # noqa: ANN401
        """Builds a component.

        Args:
            kind: its class.
            text_of: for every property that is said, the key of its text.
            fixed: the other properties.
        """
        return self.add_computed(kind, lambda language: {p: text(key, language) for p, key in text_of.items()}, **fixed)

    def add_computed(self, kind: Callable[..., C], properties: Properties, **fixed: Any) -> C:  # noqa: ANN401
        """Builds a component whose said properties are computed, for instance a radio's choices."""
        component = kind(**properties(FIRST_LANGUAGE), **fixed)
        self._entries.append((component, properties))
        return component

    @property
    def components(self) -> list[gr.blocks.Block]:
        """The components, in the order of ``updates``."""
        return [component for component, _ in self._entries]

    def updates(self, language: Language) -> list[dict[str, Any]]:
        """Returns one Gradio update per component."""
        return [gr.update(**properties(language)) for _, properties in self._entries]
