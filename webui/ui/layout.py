"""What stands where on the page. No events here."""

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from webui.results import Granularity
from webui.texts import Language, text
from webui.ui.i18n import CHOICES
from webui.ui.localized import FIRST_LANGUAGE, I18n
from webui.ui.model_choice import DEFAULT, model_choices
from webui.ui.panels.resources import ResourceParts, lay_out_resources
from webui.ui.panels.status import StatusParts, lay_out_status
from webui.ui.tabs.compare import CompareParts, lay_out_compare
from webui.ui.views.answer import empty_html
from webui.ui.views.markup import escape

FILE_TAB: Final = "file"
MICROPHONE_TAB: Final = "microphone"
API_DOCS: Final = "docs"  # of the server that the page is part of


@dataclass(frozen=True, slots=True)
class InputParts:
    """The left side: what is heard, and what is asked."""

    tabs: gr.Tabs
    file: gr.File
    microphone: gr.Audio
    file_name: gr.Textbox
    player: gr.HTML
    model: gr.Dropdown
    granularity: gr.Radio
    extract_embedding: gr.Checkbox
    fast: gr.Checkbox
    recognize: gr.Button
    cancel: gr.Button
    example: gr.Button


@dataclass(frozen=True, slots=True)
class OutputParts:
    """The right side: the answer."""

    answer: gr.HTML
    downloads: gr.File
    log: gr.Textbox


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that events touch.

    Attributes:
        language: the one value of the visitor's language.
        stored_language: what the visitor chose last time, kept in their browser.
        status: the line about the models.
        say: the components whose words follow the language.
        inputs: left side.
        outputs: right side.
        compare: the tab that compares models; None without one.
        resources: the panel about the server.
    """

    language: gr.Radio
    stored_language: gr.BrowserState
    status: StatusParts
    say: I18n
    inputs: InputParts
    outputs: OutputParts
    compare: CompareParts | None
    resources: ResourceParts


def lay_out(*, compares: bool) -> Parts:
    """Builds the page's components inside the current Blocks.

    Args:
        compares: whether there is a tab that compares models.
    """
    say = I18n()
    compare: CompareParts | None = None
    # The secret only scrambles a language; a fixed one lets the choice outlive a restart of the server.
    stored = gr.BrowserState("", storage_key="speech-emotion-language", secret="language")
    with gr.Row(elem_classes="se-header"):
        say.add_computed(gr.HTML, _header, apply_default_css=False, scale=1, min_width=240)
        both = " · ".join(text("page.language", language) for language in Language)
        language = gr.Radio(
            list(CHOICES), value=FIRST_LANGUAGE.value, label=both, show_label=False, container=False, scale=0,
            min_width=180, elem_id="language", elem_classes="se-language",
        )  # fmt: skip
    status = lay_out_status(say)
    with gr.Tabs(elem_id="pages"):
        with say.add(gr.Tab, text_of={"label": "page.tab_recognize"}), gr.Row(elem_classes="se-columns"):
            with gr.Column(scale=5, min_width=320):
                inputs = _inputs(say)
            with gr.Column(scale=7, min_width=320):
                outputs = _outputs(say)
        if compares:
            with say.add(gr.Tab, text_of={"label": "page.tab_compare"}) as tab:
                compare = lay_out_compare(say, tab)
    resources = lay_out_resources(say)
    say.add_computed(gr.HTML, _footer, apply_default_css=False)
    return Parts(language, stored, status, say, inputs, outputs, compare, resources)


def _header(language: Language) -> dict[str, Any]:
    title, subtitle = escape(text("page.title", language)), escape(text("page.subtitle", language))
    return {"value": f'<div class="se-title"><h1>🎙️ {title}</h1><p>{subtitle}</p></div>'}


def _footer(language: Language) -> dict[str, Any]:
    words = escape(text("page.api_docs", language))
    return {"value": f'<p class="se-footer"><a href="{API_DOCS}" target="_blank" rel="noopener">{words}</a></p>'}


def _inputs(say: I18n) -> InputParts:
    with gr.Tabs(selected=FILE_TAB) as tabs:
        with say.add(gr.Tab, text_of={"label": "page.tab_file"}, id=FILE_TAB):
            # No list of file types: the decoder knows audio by its content, and its errors are better sentences.
            file = say.add(gr.File, text_of={"label": "page.upload"}, height=150, elem_id="upload")
            player = gr.HTML("", apply_default_css=False, elem_id="player")
            say.add_computed(gr.HTML, lambda language: _hint("page.formats", language), apply_default_css=False)
        with say.add(gr.Tab, text_of={"label": "page.tab_microphone"}, id=MICROPHONE_TAB):
            microphone = say.add(
                gr.Audio, text_of={"label": "page.record"}, sources=["microphone"], type="filepath", buttons=[],
                editable=False, elem_id="microphone",
            )  # fmt: skip
            say.add_computed(gr.HTML, _microphone_hints, apply_default_css=False)
    model = say.add(
        gr.Dropdown, text_of={"label": "page.model_choice"}, choices=model_choices((), FIRST_LANGUAGE), value=DEFAULT,
        visible=False, filterable=False, elem_id="model",
    )  # fmt: skip
    granularity = say.add_computed(gr.Radio, _granularities, value=Granularity.UTTERANCE.value, elem_id="granularity")
    embedding = say.add(
        gr.Checkbox, text_of={"label": "page.embedding", "info": "page.embedding_info"}, elem_id="embedding"
    )
    fast = say.add(gr.Checkbox, text_of={"label": "page.fast", "info": "page.fast_info"}, visible=False, elem_id="fast")
    with gr.Row(elem_classes="se-actions"):
        recognize = say.add(
            gr.Button, text_of={"value": "page.recognize"}, variant="primary", size="lg", scale=3, min_width=160,
            elem_id="recognize",
        )  # fmt: skip
        cancel = say.add(
            gr.Button, text_of={"value": "page.cancel"}, variant="stop", visible=False, size="lg", scale=1,
            min_width=96, elem_id="cancel",
        )  # fmt: skip
    example = say.add(gr.Button, text_of={"value": "page.example"}, variant="secondary", elem_id="example")
    with say.add(gr.Accordion, text_of={"label": "page.advice_title"}, open=False):
        say.add(gr.Markdown, text_of={"value": "page.advice"})
    return InputParts(
        tabs, file, microphone, gr.Textbox(visible=False), player, model, granularity, embedding, fast, recognize,
        cancel, example,
    )  # fmt: skip


def _hint(key: str, language: Language) -> dict[str, Any]:
    return {"value": f'<p class="se-hint">{escape(text(key, language))}</p>'}


def _microphone_hints(language: Language) -> dict[str, Any]:
    """Returns what is said where recording isn't possible; the page's script knows when to show which."""
    hints = "".join(
        f'<p class="se-hint se-microphone" data-when="{when}">{escape(text(f"page.microphone_{when}", language))}</p>'
        for when in ("refused", "insecure")
    )
    return {"value": f'<div role="alert">{hints}</div>'}


def _granularities(language: Language) -> dict[str, Any]:
    names = {
        Granularity.UTTERANCE: "page.utterance",
        Granularity.FRAME: "page.frame",
        Granularity.SEGMENT: "page.segment",
    }
    choices = [(text(key, language), granularity.value) for granularity, key in names.items()]
    return {"label": text("page.granularity", language), "choices": choices}


def _outputs(say: I18n) -> OutputParts:
    answer = gr.HTML(empty_html(FIRST_LANGUAGE), apply_default_css=False, elem_id="answer", min_height=90)
    downloads = say.add(
        gr.File, text_of={"label": "page.downloads"}, file_count="multiple", interactive=False, visible=False,
        elem_id="downloads",
    )  # fmt: skip
    log = say.add(
        gr.Textbox, text_of={"label": "page.log", "placeholder": "page.log_empty"}, lines=6, max_lines=14,
        interactive=False, buttons=["copy"], elem_id="log", elem_classes="se-log",
    )  # fmt: skip
    return OutputParts(answer, downloads, log)
