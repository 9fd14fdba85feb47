"""The choice of a model: one, or all that are on this machine, side by side."""

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from webui.engine.families import model_title
from webui.service import RecognitionService
from webui.texts import Language, text

DEFAULT: Final = ""  # the model of the settings
ALL: Final = "*"


def model_choices(ready: Sequence[str], language: Language) -> list[tuple[str, str]]:
    """Returns labels and values: the model of the settings, every model on this machine, and all of them."""
    chosen = [(text("page.model_default", language), DEFAULT)]
    chosen += [(model_title(name, language), name) for name in ready]
    return [*chosen, (text("page.model_all", language), ALL)] if len(ready) > 1 else chosen


def model_update(ready: Sequence[str], language: Language) -> dict[str, Any]:
    """Returns the update of the field; where there is one model only, there is nothing to choose."""
    update: dict[str, Any] = gr.update(choices=model_choices(ready, language), visible=len(ready) > 1)
    return update


def chosen_models(service: RecognitionService, value: object) -> list[str | None]:
    """Returns the names of the chosen models, or None for the model of the settings."""
    if value == ALL:
        return [*service.models.ready()] or [None]
    return [str(value)] if value else [None]
