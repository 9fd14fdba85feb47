"""The field for choosing a model: one of those on this machine, or all of them side by side."""

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from webui.engine.families import model_title
from webui.service import RecognitionService
from webui.texts import Language, text

DEFAULT: Final = ""  # the model in the settings
ALL: Final = "*"


def model_choices(ready: Sequence[str], language: Language) -> list[tuple[str, str]]:
    """Returns labels and values: the default model, each model on this machine, and all of them."""
    choices = [(text("page.model_default", language), DEFAULT)]
    choices += [(model_title(name, language), name) for name in ready]
    return [*choices, (text("page.model_all", language), ALL)] if len(ready) > 1 else choices


def model_update(ready: Sequence[str], language: Language) -> dict[str, Any]:
    """Returns the update of the field; it is hidden if there is only one model."""
    update: dict[str, Any] = gr.update(choices=model_choices(ready, language), visible=len(ready) > 1)
    return update


def chosen_models(service: RecognitionService, value: object) -> list[str | None]:
    """Returns the names of the chosen models; None stands for the model in the settings."""
    if value == ALL:
        return [*service.models.ready()] or [None]
    return [str(value)] if value else [None]
