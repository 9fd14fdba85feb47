"""An outcome as the values of the page's components."""

from dataclasses import replace

import gradio as gr

from webui.files import portable_name
from webui.texts import Language
from webui.ui.context import Updates
from webui.ui.outcome import Outcome, error_card_of
from webui.ui.shared_files import SharedFiles
from webui.ui.views.answer import (
    answer_html,
    cancelled_html,
    deleted_html,
    empty_html,
    error_card_html,
    previous_html,
    scores_html,
)
from webui.ui.views.channels import channels_html
from webui.ui.views.curve import curve_html
from webui.ui.views.segments import segments_html
from webui.ui.views.side_by_side import side_by_side_html


def render(outcome: Outcome | None, language: Language) -> Updates:
    """Returns the values of the answer and of the log."""
    if outcome is None:
        return [empty_html(language), ""]
    if outcome.deleted:
        return [deleted_html(outcome.file_name, language), ""]
    return [previous_html(outcome.file_name, language) + _cards(outcome, language), outcome.log_text(language)]


def _cards(outcome: Outcome, language: Language) -> str:
    if outcome.error is not None:
        return error_card_html(outcome.error.title_key, outcome.error.sentence(language), language)
    if outcome.cancelled:
        return cancelled_html(language, too_late=outcome.too_late)
    if outcome.recognition is None:
        return empty_html(language)
    result, folder = outcome.recognition.result, outcome.recognition.folder
    curve = curve_html(result.frames, folder, language) if result.frames is not None else ""
    segments = segments_html(result.segments, language) if result.segments else ""
    others = side_by_side_html(outcome.side_by_side, language) if outcome.side_by_side else ""
    channels = channels_html(result, folder, language) if result.channels else ""
    return "".join(
        (
            answer_html(result, language),
            others,
            scores_html(result, result.possible, language),
            segments,
            curve,
            channels,
        )
    )


def present(outcome: Outcome, language: Language, shared: SharedFiles) -> Updates:
    """Returns the outcome itself, the values of the answer and the log, and the downloads.

    An error during rendering is shown like any other error.
    """
    try:
        files: list[str] = []
        if outcome.recognition is not None:
            name = portable_name(outcome.recognition.result.called)
            files = shared.share_run(outcome.recognition.folder, outcome.recognition.files, name=name)
        outcome = replace(outcome, shared=tuple(files))
        return [outcome, *render(outcome, language), gr.update(value=files or None, visible=bool(files))]
    except Exception as error:  # noqa: BLE001 - last handler on the page; `error_card_of` logs it
        failed = Outcome(None, error_card_of(error), outcome.log, file_name=outcome.file_name)
        return [failed, *render(failed, language), gr.update(visible=False)]
