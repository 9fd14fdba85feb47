"""The page as one Gradio Blocks: header, status line, tabs, panels and footer."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui import __version__
from webui.service import RecognitionService
from webui.settings import PROJECT_DIR
from webui.texts import Language, text
from webui.ui.browser_functions import browser_function
from webui.ui.context import QUIET, PageContext, Tab, Updates
from webui.ui.i18n import CHOICES, FIRST_LANGUAGE, I18n, choose_language, parse_language
from webui.ui.panels.resources import build_resources
from webui.ui.panels.status import build_status
from webui.ui.shared_files import SharedFiles
from webui.ui.tabs import compare, recognize
from webui.ui.tabs.recognize_runs import MODEL_CONCURRENCY
from webui.ui.views.markup import escape

RECOGNIZE: Final = Tab("page.tab_recognize", recognize.build, "tab-recognize")
COMPARE: Final = Tab("page.tab_compare", compare.build, "tab-compare")
TABS: Final = (RECOGNIZE, COMPARE)  # in the order on the page

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
API_DOCS: Final = "docs"  # URL of the API documentation, relative to the page
MAX_WAITING: Final = 32
CACHE_SWEEP_S: Final = 600
CACHE_AGE_S: Final = 6 * 3600
UPLOADS_KEPT_S: Final = CACHE_AGE_S + CACHE_SWEEP_S


def build_page(
    service: RecognitionService, *, cache_dir: Path, compares: bool = True, downloads: bool = True
) -> gr.Blocks:
    """Builds the page, which loads nothing from other servers and sends nothing to them.

    Args:
        service: the use cases.
        cache_dir: Gradio's cache folder.
        compares: whether the page has the comparison tab.
        downloads: whether the download of the large model can be started and cancelled.
    """
    title = f"{text('page.title', Language.ZH)} · {text('page.title', Language.EN)}"
    page = gr.Blocks(analytics_enabled=False, title=title, delete_cache=(CACHE_SWEEP_S, CACHE_AGE_S))
    tabs = [tab for tab in TABS if compares or tab is not COMPARE]
    with page:
        _build(page, service, tabs, cache_dir, downloads=downloads)
    # Only in launched apps does Gradio check that a file in an event was uploaded, and a mounted app is never launched.
    page.has_launched = True
    waiting = max(MAX_WAITING, 2 * service.settings.max_per_client)  # so that a single caller cannot fill the queue
    # Without `api_open=False`, /run would also run queued events, without the limits of the queue.
    page.queue(max_size=waiting, default_concurrency_limit=MODEL_CONCURRENCY, api_open=False)
    return page


def _build(page: gr.Blocks, service: RecognitionService, tabs: list[Tab], cache_dir: Path, *, downloads: bool) -> None:
    i18n = I18n()
    # The secret may be public, since it encrypts only the choice of language; a random one would make the choice
    # unreadable after a restart of the server.
    stored = gr.BrowserState("", storage_key="speech-emotion-language", secret="language")
    with gr.Row(elem_classes="se-header"):
        i18n.add_computed(gr.HTML, _header, apply_default_css=False, scale=1, min_width=240)
        both = " · ".join(text("page.language", language) for language in Language)
        language = gr.Radio(
            list(CHOICES), value=FIRST_LANGUAGE.value, label=both, show_label=False, container=False, scale=0,
            min_width=180, elem_id="language", elem_classes="se-language",
        )  # fmt: skip
    shared = SharedFiles(cache_dir, page.upload_file_set)
    context = PageContext(page=page, service=service, i18n=i18n, language=language, shared=shared, example=EXAMPLE)
    connections = [build_status(context, downloads=downloads)]
    with gr.Tabs(elem_id="pages"):
        for tab in tabs:
            with i18n.add(gr.Tab, text_of={"label": tab.title}, elem_id=tab.elem_id) as shown:
                connections.append(tab.build(context, shown))
    connections.append(build_resources(context))
    i18n.add_computed(gr.HTML, _footer, apply_default_css=False)
    language_known = _connect_language(context, stored)
    for connect in connections:
        connect(language_known)


def _connect_language(context: PageContext, stored: gr.BrowserState) -> gr.events.Dependency:
    """Connects the language component; returns the event that sets the language of a page when it is opened."""
    followers, language = context.language_followers, context.language
    inputs = [component for follower in followers for component in follower.inputs]
    outputs = [*context.i18n.components, *(component for follower in followers for component in follower.outputs)]

    def render(chosen: Language, values: tuple[Any, ...]) -> Updates:
        updates: Updates = list(context.i18n.updates(chosen))
        for follower in followers:
            updates += follower.render(chosen, *values[: len(follower.inputs)])
            values = values[len(follower.inputs) :]
        return updates

    def open_page(request: gr.Request, stored_value: object, *values: Any) -> Updates:  # noqa: ANN401
        header = request.headers.get("accept-language")
        chosen = choose_language(request.query_params.get("lang"), stored_value, header)
        return [chosen.value, *render(chosen, values)]

    def change_language(value: object, *values: Any) -> Updates:  # noqa: ANN401
        chosen = parse_language(value)
        return [chosen.value, *render(chosen, values)]

    set_language = browser_function("set_language")
    opened = context.page.load(open_page, [stored, *inputs], [language, *outputs], **QUIET)
    opened.then(None, [language], None, js=set_language, **QUIET)
    language.input(change_language, [language, *inputs], [stored, *outputs], **QUIET)
    language.input(None, [language], None, js=set_language, **QUIET)
    return opened


def _header(language: Language) -> dict[str, Any]:
    title, subtitle = escape(text("page.title", language)), escape(text("page.subtitle", language))
    return {"value": f'<div class="se-title"><h1>🎙️ {title}</h1><p>{subtitle}</p></div>'}


def _footer(language: Language) -> dict[str, Any]:
    label = escape(text("page.api_docs", language))
    link = f'<a href="{API_DOCS}" target="_blank" rel="noopener">{label}</a>'
    version = escape(text("page.version", language, version=__version__))
    return {"value": f'<p class="se-footer">{link}</p><p class="se-version">{version}</p>'}
