"""The field for choosing an audio track, shown for files that have several."""

from typing import Any

import gradio as gr

from webui.results import RecognitionResult
from webui.service.recognition.options import AUTO_TRACK
from webui.texts import Language, text
from webui.ui.i18n import I18n


def build_track_choice(i18n: I18n) -> gr.Dropdown:
    """Builds the field, hidden."""
    return i18n.add(
        gr.Dropdown, text_of={"label": "page.track", "info": "page.track_info"}, choices=[str(AUTO_TRACK)],
        value=str(AUTO_TRACK), visible=False, filterable=False, elem_id="track",
    )  # fmt: skip


def track_count(result: RecognitionResult) -> int:
    """Returns the number of audio tracks of the recording."""
    return max((int(warning.values["tracks"]) for warning in result.warnings if "tracks" in warning.values), default=1)


def track_update(tracks: int, language: Language) -> dict[str, Any]:
    """Returns the update of the field after a recognition; it is hidden if there is only one track."""
    choices: list[tuple[str, str]] = [(text("page.track_auto", language), str(AUTO_TRACK))]
    choices += [(text("page.track_number", language, number=number), str(number)) for number in range(1, tracks + 1)]
    update: dict[str, Any] = gr.update(choices=choices, visible=tracks > 1)
    return update
