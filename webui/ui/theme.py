"""Colours and fonts of the page."""

from typing import Final

import gradio as gr

_FONTS: Final = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)


def page_theme() -> gr.themes.Base:
    """Returns the theme, which uses only fonts that are installed on the user's machine."""
    mono = ("ui-monospace", "Consolas", "Noto Sans Mono CJK SC", "monospace")
    return gr.themes.Soft(
        primary_hue="indigo", secondary_hue="indigo", neutral_hue="slate", font=list(_FONTS), font_mono=list(mono)
    ).set(  # contrast for small text (WCAG AA, 4.5 to 1)
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
