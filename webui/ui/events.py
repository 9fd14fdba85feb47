"""What happens on the page. Every visitor's outcome lives in their own session; nothing is shared but the service."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.service import RecognitionService
from webui.ui.compare_tab import CompareEvents, wire_compare
from webui.ui.languages import parse_language, visitor_language
from webui.ui.layout import FILE_TAB, Parts
from webui.ui.outcome import Outcome
from webui.ui.outcome_view import Updates, render
from webui.ui.recognize_events import VisitorEvents, wire_api, wire_recognize
from webui.ui.resource_panel import wire_resources
from webui.ui.scripts import CLEAR_OTHER_JS, GO_JS, PLAYER_JS, SPEAK_JS, WAIT_JS
from webui.ui.shared_files import SharedFiles
from webui.ui.status_events import wire_status

STATE_TTL_S: Final = 3600.0


def wire(
    page: gr.Blocks,
    parts: Parts,
    service: RecognitionService,
    *,
    cache_dir: Path,
    example: Path,
    downloads: bool,
) -> None:
    """Connects the components.

    Args:
        page: what the components stand in.
        parts: the page's components.
        service: answers.
        cache_dir: Gradio's cache folder, which files are served from.
        example: the example clip.
        downloads: whether the download of the large model can be started and cancelled.
    """
    outcome = gr.State(None, time_to_live=STATE_TTL_S)
    arrived = _wire_language(page, parts, outcome)
    wire_status(
        parts.status, parts.inputs.fast, parts.inputs.model, parts.language, arrived, service, downloads=downloads
    )
    wire_resources(parts.resources, parts.language, service)
    shared = SharedFiles(cache_dir, page.upload_file_set)
    _wire_source(parts, shared, example)
    visitors = VisitorEvents(service, shared)
    wire_recognize(parts, outcome, visitors)
    page.unload(visitors.leave)
    wire_api(parts, service)
    if parts.compare is not None:
        comparisons = CompareEvents(service, shared)
        wire_compare(parts.compare, parts.language, arrived, comparisons)
        page.unload(comparisons.leave)


def _wire_language(page: gr.Blocks, parts: Parts, outcome: gr.State) -> gr.events.Dependency:
    views = [parts.outputs.answer, parts.outputs.log]

    def arrive(stored: object, request: gr.Request) -> Updates:
        language = visitor_language(request.query_params.get("lang"), stored, request.headers.get("accept-language"))
        return [language.value, *parts.say.updates(language), *render(None, language)]

    def choose(value: object, kept: Outcome | None) -> Updates:
        language = parse_language(value)
        return [language.value, *parts.say.updates(language), *render(kept, language)]

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    said = [*parts.say.components, *views]
    arrived = page.load(arrive, [parts.stored_language], [parts.language, *said], **quiet)
    arrived.then(None, [parts.language], None, js=SPEAK_JS, **quiet)
    parts.language.input(choose, [parts.language, outcome], [parts.stored_language, *said], **quiet)
    parts.language.input(None, [parts.language], None, js=SPEAK_JS, **quiet)
    return arrived


def _wire_source(parts: Parts, shared: SharedFiles, example: Path) -> None:
    inputs = parts.inputs
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

    def load_example() -> Updates:
        return [shared.share([example])[0], None, gr.update(selected=FILE_TAB)]

    inputs.example.click(load_example, None, [inputs.file, inputs.microphone, inputs.tabs], **quiet)
    inputs.file.change(None, [inputs.file, parts.language], inputs.player, js=PLAYER_JS, **quiet)
    inputs.file.upload(None, None, inputs.microphone, js=CLEAR_OTHER_JS, **quiet)
    inputs.microphone.start_recording(None, None, inputs.file, js=CLEAR_OTHER_JS, **quiet)
    inputs.microphone.start_recording(None, None, inputs.recognize, js=WAIT_JS, **quiet)
    for arrived in (inputs.microphone.change, inputs.file.upload, inputs.example.click):
        arrived(None, None, inputs.recognize, js=GO_JS, **quiet)
