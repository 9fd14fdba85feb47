"""An outcome as the values of the page's components."""

import gradio as gr

from webui.texts import Language
from webui.ui.context import Updates
from webui.ui.outcome import Outcome, error_card_of
from webui.ui.shared_files import SharedFiles
from webui.ui.views.answer import answer_html, cancelled_html, empty_html, error_card_html, scores_html
from webui.ui.views.channels import channels_html
from webui.ui.views.curve import curve_html
from webui.ui.views.segments import segments_html
from webui.ui.views.side_by_side import side_by_side_html


def render(outcome: Outcome | None, language: Language) -> Updates:
    """Returns the values of the answer and of the log."""
    if outcome is None:
        return [empty_html(language), ""]
    log_text = outcome.log_text(language)
    if outcome.error is not None:
        error = outcome.error
        return [error_card_html(error.title_key, error.sentence(language), language), log_text]
    if outcome.cancelled:
        return [cancelled_html(language, too_late=outcome.too_late), log_text]
    if outcome.recognition is None:
        return [empty_html(language), log_text]
    result = outcome.recognition.result
    curve = curve_html(result.frames, outcome.recognition.folder, language) if result.frames is not None else ""
    segments = segments_html(result.segments, language) if result.segments else ""
    others = side_by_side_html(outcome.side_by_side, language) if outcome.side_by_side else ""
    channels = channels_html(result.channels, outcome.recognition.folder, language) if result.channels else ""
    cards = (answer_html(result, language), others, scores_html(result, language), segments, curve, channels)
    return ["".join(cards), log_text]


def present(outcome: Outcome, language: Language, shared: SharedFiles) -> Updates:
    """Returns the outcome itself, the values of the answer and the log, and the downloads.

    An error during rendering is shown like any other error.
    """
    try:
        files = None
        if outcome.recognition is not None:
            files = shared.share_run(outcome.recognition.folder, outcome.recognition.files)
        return [outcome, *render(outcome, language), gr.update(value=files, visible=bool(files))]
    except Exception as error:  # noqa: BLE001 - last handler on the page; `error_card_of` logs it
        failed = Outcome(None, error_card_of(error), outcome.log)
        return [failed, *render(failed, language), gr.update(visible=False)]
