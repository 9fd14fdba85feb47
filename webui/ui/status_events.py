"""The line about the models: asked for anew every second while something is under way, rarely otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import gradio as gr

from webui.service import RecognitionService
from webui.service.standing import Standing
from webui.settings import Precision
from webui.texts import Language, text
from webui.ui.languages import parse_language
from webui.ui.localized import FIRST_LANGUAGE, Localized
from webui.ui.model_choice import model_update
from webui.ui.status_view import is_here, offer_key, status_html

BUSY_S: Final = 1.0
CALM_S: Final = 5.0
Updates = list[Any]


@dataclass(frozen=True, slots=True)
class StatusParts:
    """The line, what can be done about it, and its clock.

    Attributes:
        line: the words.
        retry: downloads, or tries again.
        cancel: ends a download.
        clock: when to look again.
        shown: what the visitor sees at present.
    """

    line: gr.HTML
    retry: gr.Button
    cancel: gr.Button
    clock: gr.Timer
    shown: gr.State

    @property
    def components(self) -> list[gr.blocks.Block]:
        """In the order of the updates."""
        return [self.line, self.retry, self.cancel, self.clock, self.shown]


def lay_out_status(say: Localized) -> StatusParts:
    """Builds the line's components inside the current Blocks."""
    with gr.Row(elem_classes="se-status-row"):
        line = gr.HTML("", apply_default_css=False, elem_id="status", min_height=28)
        retry = gr.Button(
            text("page.status_retry", FIRST_LANGUAGE), visible=False, size="sm", scale=0, min_width=120, elem_id="retry"
        )
        cancel = say.add(
            gr.Button, text_of={"value": "page.status_cancel"}, visible=False, size="sm", scale=0, min_width=120,
            elem_id="cancel-download",
        )  # fmt: skip
    return StatusParts(line, retry, cancel, gr.Timer(BUSY_S), gr.State(""))


def wire_status(
    parts: StatusParts,
    fast: gr.Checkbox,
    model: gr.Dropdown,
    language: gr.Radio,
    arrived: gr.events.Dependency,
    service: RecognitionService,
    *,
    downloads: bool,
) -> None:
    """Connects the line.

    Args:
        parts: the line.
        fast: is offered where it is known to be good.
        model: is offered where there is more than one.
        language: the visitor's language.
        arrived: the event after which that language is known.
        service: whose models it is about.
        downloads: whether the two buttons are there. Without them there are no events either.
    """
    shelf = service.models
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

    def look(language_value: object, shown: str) -> Updates:
        return _updates(shelf.standing(), shelf.ready(), parse_language(language_value), shown, buttons=downloads)

    def retry(language_value: object, shown: str) -> Updates:
        shelf.retry()
        return look(language_value, shown)

    def cancel(language_value: object, shown: str) -> Updates:
        shelf.cancel()
        return look(language_value, shown)

    given, changed = [language, parts.shown], [*parts.components, fast, model]
    arrived.then(look, given, changed, **quiet)
    language.input(look, given, changed, **quiet)
    parts.clock.tick(look, given, changed, **quiet)
    if downloads:
        parts.retry.click(retry, given, changed, **quiet)
        parts.cancel.click(cancel, given, changed, **quiet)


def _updates(standing: Standing, ready: Sequence[str], language: Language, shown: str, *, buttons: bool) -> Updates:
    """Returns what changes; nothing, if the visitor sees it already."""
    if not buttons:
        # The sentence about weights that are not loaded yet speaks of the button; that of absent ones does not.
        standing = replace(standing, can_retry=standing.can_retry and not is_here(standing), can_cancel=False)
    line = status_html(standing, language)
    offered = Precision.INT8 in standing.offers
    seen = f"{line}<!-- {offered} {' '.join(ready)} -->"
    if seen == shown:
        return [gr.skip()] * 7
    label = text(offer_key(standing), language)
    return [
        line,
        gr.update(value=label, visible=standing.can_retry and buttons),
        gr.update(visible=standing.can_cancel),
        gr.Timer(BUSY_S if _is_busy(standing) else CALM_S),
        seen,
        gr.update(visible=True) if offered else gr.update(visible=False, value=False),
        model_update(ready, language),
    ]


def _is_busy(standing: Standing) -> bool:
    """Whether the line is likely to change soon."""
    loading = standing.answering is None or not standing.answering.precision
    return loading or (standing.status is not None and standing.status.state.under_way)
