"""The status line about the models: asked for every second while something is under way, rarely otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from webui.service.models.status import PoolStatus
from webui.texts import Language, text
from webui.ui.context import QUIET, Connect, PageContext, Updates
from webui.ui.i18n import FIRST_LANGUAGE, parse_language
from webui.ui.views.status import is_on_disk, offer_key, status_html

BUSY_S: Final = 1.0
CALM_S: Final = 5.0


def build_status(context: PageContext, *, downloads: bool) -> Connect:
    """Builds the line, its two buttons and its timer inside the current Blocks.

    Args:
        context: see ``PageContext``.
        downloads: whether the two buttons work. Without them there are no events either.
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
        """Returns what changes; nothing, if the page shows it already."""
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

    The sentence about weights that are not loaded yet speaks of the button; that about absent weights does not.
    """
    return replace(status, can_retry=status.can_retry and not is_on_disk(status), can_cancel=False)


def _updates(line_html: str, status: PoolStatus, language: Language, content: str, *, buttons: bool) -> Updates:
    """Returns the updates of the line, the two buttons, the timer and what is shown."""
    return [
        line_html,
        gr.update(value=text(offer_key(status), language), visible=status.can_retry and buttons),
        gr.update(visible=status.can_cancel),
        gr.Timer(BUSY_S if _is_busy(status) else CALM_S),
        content,
    ]


def _fingerprint(line_html: str, status: PoolStatus, ready: Sequence[str]) -> str:
    """Returns a string that is equal for what looks equal on the page."""
    offers = " ".join(precision.value for precision in status.offers)
    return f"{line_html}<!-- {offers} | {' '.join(ready)} -->"


def _is_busy(status: PoolStatus) -> bool:
    """Returns whether the line is likely to change soon."""
    loading = status.active is None or not status.active.precision
    return loading or (status.acquisition is not None and status.acquisition.state.under_way)
