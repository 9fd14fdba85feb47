"""How busy the server is: a panel that is closed at first; opened, it shows the numbers that ``/metrics`` has."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from webui.service import RecognitionService
from webui.service.serving.metrics import Snapshot
from webui.texts import Language, text
from webui.ui.i18n import parse_language
from webui.ui.localized import I18n
from webui.ui.views.markup import escape
from webui.units import BYTES_PER_MB


@dataclass(frozen=True, slots=True)
class ResourceParts:
    """The panel's components."""

    panel: gr.Accordion
    table: gr.HTML
    again: gr.Button


def lay_out_resources(say: I18n) -> ResourceParts:
    """Builds the panel inside the current Blocks."""
    with say.add(gr.Accordion, text_of={"label": "page.resources"}, open=False, elem_id="resources") as panel:
        table = gr.HTML("", apply_default_css=False, elem_id="resources-table")
        again = say.add(gr.Button, text_of={"value": "page.resources_again"}, size="sm", elem_id="resources-again")
    return ResourceParts(panel, table, again)


def wire_resources(parts: ResourceParts, language: gr.Radio, service: RecognitionService) -> None:
    """Connects the panel.

    Args:
        parts: the panel.
        language: the visitor's language.
        service: whose numbers they are.
    """

    def look(language_value: object) -> str:
        return resources_html(service.metrics.snapshot(), parse_language(language_value))

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for event in (parts.panel.expand, parts.again.click, language.input):
        event(look, [language], parts.table, **quiet)


def resources_html(now: Snapshot, language: Language) -> str:
    """Returns the numbers as a table."""
    rows = {
        "page.resources_under_way": f"{now.under_way} ({now.waiting})",
        "page.resources_done": f"{now.recognitions} ({now.rejects})",
        "page.resources_audio": f"{now.audio_s:.0f} s",
        "page.resources_times": f"{now.decode_s:.1f} s / {now.inference_s:.1f} s",
        "page.resources_memory": _megabytes(now.rss_bytes),
    }
    if now.gpu_bytes is not None:
        rows["page.resources_gpu"] = _megabytes(now.gpu_bytes)
    cells = "".join(
        f"<tr><th scope='row'>{escape(text(key, language))}</th><td>{escape(said)}</td></tr>"
        for key, said in rows.items()
    )
    return f"<table class='se-resources'>{cells}</table>"


def _megabytes(count: float | None) -> str:
    return "–" if count is None else f"{count / BYTES_PER_MB:.0f} MB"
