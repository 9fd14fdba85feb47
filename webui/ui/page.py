"""The page as one Gradio Blocks."""

from pathlib import Path
from typing import Final

import gradio as gr

from webui.service import RecognitionService
from webui.settings import PROJECT_DIR
from webui.texts import Language, text
from webui.ui.events import wire
from webui.ui.layout import lay_out
from webui.ui.recognize_events import MODEL_CONCURRENCY

ASSETS_DIR: Final = PROJECT_DIR / "webui" / "assets"
EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
MAX_WAITING: Final = 32
CACHE_SWEEP_S: Final = 600
CACHE_AGE_S: Final = 6 * 3600
UPLOADS_KEPT_S: Final = CACHE_AGE_S + CACHE_SWEEP_S

_FONTS: Final = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)


def build_page(
    service: RecognitionService, *, cache_dir: Path, compares: bool = True, downloads: bool = True
) -> gr.Blocks:
    """Builds the page. Nothing is asked of the network, and nothing is told to it.

    Args:
        service: answers.
        cache_dir: Gradio's cache folder.
        compares: whether there is a tab that compares models.
        downloads: whether the download of the large model can be started and cancelled.
    """
    title = f"{text('page.title', Language.ZH)} · {text('page.title', Language.EN)}"
    page = gr.Blocks(analytics_enabled=False, title=title, delete_cache=(CACHE_SWEEP_S, CACHE_AGE_S))
    with page:
        wire(page, lay_out(compares=compares), service, cache_dir=cache_dir, example=EXAMPLE, downloads=downloads)
    # Gradio checks that a file in an event was uploaded only in apps that were launched, and a mounted one never is.
    page.has_launched = True
    waiting = max(MAX_WAITING, 2 * service.settings.max_per_client)  # one caller never fills the queue
    # Without `api_open=False`, /run answers events of the queue too, past its limits.
    page.queue(max_size=waiting, default_concurrency_limit=MODEL_CONCURRENCY, api_open=False)
    return page


def page_theme() -> gr.themes.Base:
    """Returns the theme: fonts of the visitor's own machine only."""
    mono = ("ui-monospace", "Consolas", "Noto Sans Mono CJK SC", "monospace")
    return gr.themes.Soft(
        primary_hue="indigo", secondary_hue="indigo", neutral_hue="slate", font=list(_FONTS), font_mono=list(mono)
    ).set(  # enough contrast for small print (WCAG AA, 4.5 to 1)
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_400",
        body_background_fill="*neutral_50",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_label_text_color="*primary_700",
        block_title_text_color="*primary_700",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        checkbox_label_background_fill_selected="*primary_600",
        checkbox_label_background_fill_selected_dark="*primary_600",
    )
