"""The button that deletes the result on the page, and the question that it shows first."""

from dataclasses import dataclass
from typing import Final

import gradio as gr

from webui.settings import Settings
from webui.texts import Language, text
from webui.ui.browser_functions import browser_function
from webui.ui.context import QUIET
from webui.ui.i18n import I18n
from webui.ui.views.markup import escape

BUTTON_PX: Final = 140


@dataclass(frozen=True, slots=True)
class Deletion:
    """The components: ``button`` shows ``question``, a row with the buttons ``confirm`` and ``keep``."""

    button: gr.Button
    question: gr.Row
    confirm: gr.Button
    keep: gr.Button


def build_deletion(i18n: I18n) -> Deletion:
    """Builds the components, hidden."""
    button = i18n.add(
        gr.Button, text_of={"value": "page.delete"}, variant="secondary", size="sm", visible=False, elem_id="delete"
    )
    with gr.Row(visible=False, elem_id="delete-question", elem_classes="se-question") as question:
        i18n.add_computed(gr.HTML, _question, apply_default_css=False, min_width=240)
        confirm = i18n.add(
            gr.Button, text_of={"value": "page.delete_confirm"}, variant="stop", size="sm", min_width=BUTTON_PX,
            elem_id="delete-confirm",
        )  # fmt: skip
        keep = i18n.add(
            gr.Button, text_of={"value": "page.delete_keep"}, size="sm", min_width=BUTTON_PX, elem_id="delete-keep"
        )
    return Deletion(button, question, confirm, keep)


def connect_question(deletion: Deletion) -> None:
    """Connects the buttons that show and hide the question."""
    shown = [deletion.button, deletion.question]
    deletion.button.click(None, None, shown, js=browser_function("show_question"), **QUIET)
    deletion.keep.click(None, None, shown, js=browser_function("keep_result"), **QUIET)


def kept_text(settings: Settings, language: Language) -> str:
    """Returns the sentence about how long recordings and results are kept on the server."""
    if settings.keep_days > 0:
        return text("page.kept_days", language, days=f"{settings.keep_days:g}")
    if settings.keep_gb > 0:
        return text("page.kept_gb", language, size_gb=f"{settings.keep_gb:g}")
    return text("page.kept", language)


def _question(language: Language) -> dict[str, str]:
    return {"value": f'<p role="alert">{escape(text("page.delete_question", language))}</p>'}
