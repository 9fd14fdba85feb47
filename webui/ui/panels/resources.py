"""The panel with the load of the server: closed at first; when opened, it shows figures of ``/metrics``."""

import gradio as gr

from webui.service.serving.metrics import Snapshot
from webui.texts import Language, text
from webui.texts.duration import duration_text
from webui.ui.context import QUIET, Connect, PageContext
from webui.ui.i18n import parse_language
from webui.ui.views.markup import escape, table_html
from webui.units import BYTES_PER_MB


def build_resources(context: PageContext) -> Connect:
    """Builds the panel inside the current Blocks."""
    i18n, service, language = context.i18n, context.service, context.language
    with i18n.add(gr.Accordion, text_of={"label": "page.resources"}, open=False, elem_id="resources") as panel:
        table = gr.HTML("", apply_default_css=False, elem_id="resources-table")
        again = i18n.add(gr.Button, text_of={"value": "page.resources_again"}, size="sm", elem_id="resources-again")

    def refresh_resources(language_value: object) -> str:
        return resources_html(service.metrics.snapshot(), parse_language(language_value))

    def connect(_language_known: gr.events.Dependency) -> None:
        for event in (panel.expand, again.click, language.input):
            event(refresh_resources, [language], table, **QUIET)

    return connect


def resources_html(now: Snapshot, language: Language) -> str:
    """Returns the figures as a table."""
    rows = {
        "page.resources_under_way": f"{now.under_way} ({now.waiting})",
        "page.resources_done": f"{now.recognitions} ({now.rejects})",
        "page.resources_audio": duration_text(round(now.audio_s), language),
        "page.resources_times": " / ".join(
            duration_text(round(seconds, 1), language) for seconds in (now.decode_s, now.inference_s)
        ),
        "page.resources_memory": _megabytes(now.rss_bytes),
    }
    if now.gpu_bytes is not None:
        rows["page.resources_gpu"] = _megabytes(now.gpu_bytes)
    cells = [[escape(text(key, language)), escape(value)] for key, value in rows.items()]
    return table_html((), cells, css="se-resources", row_heads=True)


def _megabytes(count: float | None) -> str:
    return "–" if count is None else f"{count / BYTES_PER_MB:.0f} MB"
