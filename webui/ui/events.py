"""What happens on the page. Every visitor's outcome lives in their own session; nothing is shared but the service."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions, Stage
from webui.texts import Language, text
from webui.ui.answer_view import answer_html, cancelled_html, empty_html, scores_html, trouble_html
from webui.ui.curve_view import curve_html
from webui.ui.languages import parse_language, visitor_language
from webui.ui.layout import FILE_TAB, Parts
from webui.ui.outcome import CancelledByVisitorError, Outcome, recognize_source
from webui.ui.scripts import CLEAR_OTHER_JS, GO_JS, NAME_JS, PLAYER_JS, SHOW_JS, SPEAK_JS, WAIT_JS
from webui.ui.shared_files import share_files, share_run
from webui.ui.status_events import wire_status
from webui.ui.visitor_runs import VisitorRuns

MODEL_QUEUE: Final = "model"  # all model events share it, so that the page and its API wait in one line
MODEL_CONCURRENCY: Final = 2  # one is heard by the model while the next is decoded
STATE_TTL_S: Final = 3600.0

_PROGRESS: Final = gr.Progress()
Updates = list[Any]


def wire(page: gr.Blocks, parts: Parts, service: RecognitionService, *, cache_dir: Path, example: Path) -> None:
    """Connects the components.

    Args:
        page: what the components stand in.
        parts: the page's components.
        service: answers.
        cache_dir: Gradio's cache folder, which files are served from.
        example: the example clip.
    """
    outcome = gr.State(None, time_to_live=STATE_TTL_S)
    arrived = _wire_language(page, parts, outcome)
    wire_status(parts.status, parts.language, arrived, service)
    _wire_source(parts, cache_dir, example)
    _wire_recognize(parts, outcome, service, cache_dir)
    _wire_api(parts, service)


def render(outcome: Outcome | None, language: Language) -> Updates:
    """Returns the values of the answer and of the log."""
    if outcome is None:
        return [empty_html(language), ""]
    log_text = outcome.log_text(language)
    if outcome.trouble is not None:
        trouble = outcome.trouble
        return [trouble_html(trouble.title_key, trouble.sentence(language), language), log_text]
    if outcome.cancelled:
        return [cancelled_html(language), log_text]
    if outcome.recognition is None:
        return [empty_html(language), log_text]
    result = outcome.recognition.result
    curve = curve_html(result.frames, outcome.recognition.folder, language) if result.frames is not None else ""
    return [answer_html(result, language) + scores_html(result, language) + curve, log_text]


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


def _wire_source(parts: Parts, cache_dir: Path, example: Path) -> None:
    inputs = parts.inputs
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

    def load_example() -> Updates:
        return [share_files([example], cache_dir)[0], None, gr.update(selected=FILE_TAB)]

    inputs.example.click(load_example, None, [inputs.file, inputs.microphone, inputs.tabs], **quiet)
    inputs.file.change(None, [inputs.file, parts.language], inputs.player, js=PLAYER_JS, **quiet)
    inputs.file.upload(None, None, inputs.microphone, js=CLEAR_OTHER_JS, **quiet)
    inputs.microphone.start_recording(None, None, inputs.file, js=CLEAR_OTHER_JS, **quiet)
    inputs.microphone.start_recording(None, None, inputs.recognize, js=WAIT_JS, **quiet)
    for arrived in (inputs.microphone.change, inputs.file.upload, inputs.example.click):
        arrived(None, None, inputs.recognize, js=GO_JS, **quiet)


def _wire_recognize(parts: Parts, outcome: gr.State, service: RecognitionService, cache_dir: Path) -> None:
    inputs, outputs = parts.inputs, parts.outputs
    runs = VisitorRuns()
    changed = [outcome, outputs.answer, outputs.log, outputs.downloads, inputs.cancel]

    def answer_visitor(
        file: str | None,
        recording: str | None,
        granularity: str,
        extract_embedding: bool,
        language_value: str,
        file_name: str | None,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> Updates:
        language = parse_language(language_value)
        stopped = runs.begin(request.session_hash)

        def show(fraction: float, stage: Stage) -> None:
            if stopped.is_set():
                raise CancelledByVisitorError
            progress(fraction, desc=text(f"page.stage_{stage.value}", language))

        path = file or recording
        options = RecognizeOptions(granularity=Granularity(granularity), extract_embedding=extract_embedding)
        found = recognize_source(
            service, Path(path) if path else None, options, file_name=file_name if file else None, progress=show
        )
        files = (
            share_run(found.recognition.folder, found.recognition.files, cache_dir)
            if found.recognition is not None
            else None
        )
        shown = gr.update(value=files, visible=files is not None)
        return [found, *render(found, language), shown, gr.update(visible=False)]

    def stop(language_value: str, request: gr.Request) -> Updates:
        runs.stop(request.session_hash)
        outcome = Outcome(None, None, (), cancelled=True)
        return [
            outcome,
            *render(outcome, parse_language(language_value)),
            gr.update(visible=False),
            gr.update(visible=False),
        ]

    inputs.recognize.click(None, None, inputs.cancel, js=SHOW_JS, queue=False, api_visibility="private")
    run = inputs.recognize.click(
        answer_visitor,
        [
            inputs.file,
            inputs.microphone,
            inputs.granularity,
            inputs.extract_embedding,
            parts.language,
            inputs.file_name,
        ],
        changed,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=MODEL_CONCURRENCY,
        show_progress_on=[outputs.answer],
        api_visibility="private",
        js=NAME_JS,
    )
    # `cancels` takes a run out of the queue and stops listening to it; the run itself stops at its next report.
    inputs.cancel.click(
        stop, [parts.language], changed, cancels=[run], queue=False, show_progress="hidden", api_visibility="private"
    )


def _wire_api(parts: Parts, service: RecognitionService) -> None:
    inputs = parts.inputs

    def recognize(audio: str, granularity: str = "utterance", extract_embedding: bool = False) -> dict[str, Any]:
        options = RecognizeOptions(granularity=Granularity(granularity), extract_embedding=extract_embedding)
        found = recognize_source(service, Path(audio) if audio else None, options)
        if found.trouble is not None:
            raise gr.Error(found.trouble.sentence(Language.EN))
        if found.recognition is None:
            raise gr.Error(text("page.no_audio", Language.EN))
        return found.recognition.result.model_dump(mode="json", exclude_none=True)

    result = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        recognize,
        [inputs.file, inputs.granularity, inputs.extract_embedding],
        result,
        concurrency_id=MODEL_QUEUE,
        api_name="recognize",
        api_description="Recognizes the emotion of one recording; returns the result document (result.json).",
    )
