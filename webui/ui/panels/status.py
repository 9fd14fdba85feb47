"""The status line about the models: updated every second during a download or while a model loads, else rarely."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from webui.service.models.status import PoolStatus
from webui.texts import Language, text
from webui.ui.context import QUIET, Connect, PageContext, Updates
from webui.ui.i18n import FIRST_LANGUAGE, parse_language
from webui.ui.views.status import is_on_disk, offer_key, status_html

BUSY_S: Final = 1.0  # interval of updates while the status changes
IDLE_S: Final = 5.0


def build_status(context: PageContext, *, downloads: bool) -> Connect:
    """Builds the line, its two buttons and its timer inside the current Blocks.

    Args:
        context: see ``PageContext``.
        downloads: whether the user can start and cancel a download; otherwise the buttons and their events are absent.
    """
    with gr.Row(elem_classes="se-status-row"):
        line = gr.HTML("", apply_default_css=False, elem_id="status", min_height=28)
        retry = gr.Button(
            text("page.status_retry", FIRST_LANGUAGE), visible=False, size="sm", scale=0, min_width=120, elem_id="retry"
        )
        cancel = context.i18n.add(
            gr.Button, text_of={"value": "page.status_cancel"}, visible=False, size="sm", scale=0, min_width=120,
            elem_id="cancel-download",
        )  # fmt: skip
    timer, shown = gr.Timer(BUSY_S), gr.State("")
    models, followers = context.service.models, context.models_followers

    def refresh_status(language_value: object, shown_value: str) -> Updates:
        """Returns updates of what has changed, or none if the page is up to date."""
        ready, language = models.ready(), parse_language(language_value)
        status = models.status() if downloads else _without_buttons(models.status())
        line_html = status_html(status, language)
        content = _fingerprint(line_html, status, ready)
        if content == shown_value:
            return [gr.skip()] * (5 + sum(len(follower.outputs) for follower in followers))
        updates = _updates(line_html, status, language, content, buttons=downloads)
        for follower in followers:
            updates += follower.render(status, ready, language)
        return updates

    def start_download(language_value: object, shown_value: str) -> Updates:
        models.retry()
        return refresh_status(language_value, shown_value)

    def cancel_download(language_value: object, shown_value: str) -> Updates:
        models.cancel()
        return refresh_status(language_value, shown_value)

    def connect(language_known: gr.events.Dependency) -> None:
        inputs = [context.language, shown]
        outputs: list[Any] = [line, retry, cancel, timer, shown]
        outputs += [component for follower in followers for component in follower.outputs]
        for event in (language_known.then, context.language.input, timer.tick):
            event(refresh_status, inputs, outputs, **QUIET)
        if downloads:
            retry.click(start_download, inputs, outputs, **QUIET)
            cancel.click(cancel_download, inputs, outputs, **QUIET)

    return connect


def _without_buttons(status: PoolStatus) -> PoolStatus:
    """Returns the status for a page without the two buttons.

    The text about weights that are not loaded yet mentions the button; the text about missing weights does not.
    """
    return replace(status, can_retry=status.can_retry and not is_on_disk(status), can_cancel=False)


def _updates(line_html: str, status: PoolStatus, language: Language, content: str, *, buttons: bool) -> Updates:
    """Returns the updates of the line, the two buttons, the timer and the shown content."""
    return [
        line_html,
        gr.update(value=text(offer_key(status), language), visible=status.can_retry and buttons),
        gr.update(visible=status.can_cancel),
        gr.Timer(BUSY_S if _is_busy(status) else IDLE_S),
        content,
    ]


def _fingerprint(line_html: str, status: PoolStatus, ready: Sequence[str]) -> str:
    """Returns a string that is equal for two states if they look the same on the page."""
    offers = " ".join(precision.value for precision in status.offers)
    return f"{line_html}<!-- {offers} | {' '.join(ready)} -->"


def _is_busy(status: PoolStatus) -> bool:
    """Returns whether the line is likely to change soon."""
    loading = status.active is None or not status.active.precision
    return loading or (status.acquisition is not None and status.acquisition.state.under_way)
