"""One recognition from the press of the button to the answer: progress, stopping it, and the public endpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions, Stage
from webui.settings import Precision
from webui.texts import Language, text
from webui.ui.callers import caller_of
from webui.ui.languages import parse_language
from webui.ui.layout import Parts
from webui.ui.model_choice import names_chosen
from webui.ui.outcome import CancelledByVisitorError, Outcome, recognize_source
from webui.ui.outcome_view import Updates, present
from webui.ui.scripts import NAME_JS, REFUSED_JS, START_JS
from webui.ui.shared_files import SharedFiles
from webui.ui.visitor_runs import VisitorRuns

MODEL_QUEUE: Final = "model"  # all model events share it, so that the page and its API wait in one line
MODEL_CONCURRENCY: Final = 2  # one is heard by the model while the next is decoded

_PROGRESS: Final = gr.Progress()
_HIDDEN: Final = {"visible": False, "__type__": "update"}


class VisitorEvents:
    """What a visitor's two buttons do.

    Args:
        service: answers.
        shared: hands out the files of an answer.
    """

    def __init__(self, service: RecognitionService, shared: SharedFiles) -> None:
        self._service = service
        self._shared = shared
        self._runs = VisitorRuns()

    def answer_visitor(
        self,
        file: str | None,
        recording: str | None,
        granularity: str,
        extract_embedding: bool,
        fast: bool,
        model: str | None,
        language_value: str,
        file_name: str | None,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> Updates:
        """Recognizes what the visitor gave; every error becomes a sentence."""
        language = parse_language(language_value)
        run = self._runs.begin(request.session_hash)

        path = file or recording
        options = RecognizeOptions(
            granularity=Granularity(granularity),
            extract_embedding=extract_embedding,
            precision=Precision.INT8 if fast else None,
        )
        names = names_chosen(self._service, model)
        answers: list[tuple[str, Outcome]] = []
        try:
            for number, name in enumerate(names):

                def show(fraction: float, stage: Stage, done: int = number) -> None:
                    if not run.goes_on(writing=stage is Stage.RESULTS and done == len(names) - 1):
                        raise CancelledByVisitorError
                    progress((done + fraction) / len(names), desc=text(f"page.stage_{stage.value}", language))

                found = recognize_source(
                    self._service,
                    Path(path) if path else None,
                    replace(options, model=name),
                    file_name=file_name if file else _recording_name(path),
                    caller=caller_of(request),
                    progress=show,
                )
                if found.cancelled or path is None or len(names) == 1:
                    return [*present(found, language, self._shared), _HIDDEN]
                answers.append((name or "", found))
            return [*present(_joined(answers), language, self._shared), _HIDDEN]
        finally:
            self._runs.end(request.session_hash, run)

    def stop(self, language_value: str, request: gr.Request) -> Updates:
        """Stops the visitor's run."""
        too_late = not self._runs.stop(request.session_hash)
        outcome = Outcome(None, None, (), cancelled=True, too_late=too_late)
        return [*present(outcome, parse_language(language_value), self._shared), _HIDDEN]

    def leave(self, request: gr.Request) -> None:
        """Stops the run of a visitor who closed the page: nobody waits for it, and others wait for the model."""
        self._runs.stop(request.session_hash)


def _joined(answers: list[tuple[str, Outcome]]) -> Outcome:
    """Returns the first model's outcome that is an answer, with all of them beside it."""
    first = next((outcome for _name, outcome in answers if outcome.recognition is not None), answers[0][1])
    log = tuple(line for _name, outcome in answers for line in outcome.log)
    return replace(first, log=log, side_by_side=tuple(answers))


def _recording_name(path: str | None) -> str | None:
    return f"recording{Path(path).suffix}" if path else None


def wire_recognize(parts: Parts, outcome: gr.State, events: VisitorEvents) -> None:
    """Connects the two buttons.

    Args:
        parts: the page's components.
        outcome: the visitor's latest.
        events: what the buttons do.
    """
    inputs, outputs = parts.inputs, parts.outputs
    changed = [outcome, outputs.answer, outputs.log, outputs.downloads, inputs.cancel]
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    started = [inputs.cancel, outputs.answer, outputs.log, outputs.downloads]
    given = [
        inputs.file,
        inputs.microphone,
        inputs.granularity,
        inputs.extract_embedding,
        inputs.fast,
        inputs.model,
        parts.language,
        inputs.file_name,
    ]
    inputs.recognize.click(None, [parts.language], started, js=START_JS, **quiet)
    run = inputs.recognize.click(
        events.answer_visitor,
        given,
        changed,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=MODEL_CONCURRENCY,
        show_progress_on=[outputs.answer],
        api_visibility="private",
        js=NAME_JS,
    )
    run.failure(None, [parts.language], [inputs.cancel, outputs.answer], js=REFUSED_JS, **quiet)
    # `cancels` takes a run out of the queue and stops listening to it; the run itself stops at its next report.
    inputs.cancel.click(events.stop, [parts.language], changed, cancels=[run], **quiet)


def wire_api(parts: Parts, service: RecognitionService) -> None:
    """Adds the public endpoint ``/recognize``.

    Args:
        parts: the page's components, whose values it takes.
        service: answers.
    """
    inputs = parts.inputs

    def recognize(
        audio: str, request: gr.Request, granularity: str = "utterance", extract_embedding: bool = False
    ) -> dict[str, Any]:
        options = RecognizeOptions(granularity=Granularity(granularity), extract_embedding=extract_embedding)
        found = recognize_source(service, Path(audio) if audio else None, options, caller=caller_of(request))
        if found.trouble is not None:
            raise gr.Error(found.trouble.sentence(Language.EN), print_exception=False)
        if found.recognition is None:
            raise gr.Error(text("page.no_audio", Language.EN), print_exception=False)
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
