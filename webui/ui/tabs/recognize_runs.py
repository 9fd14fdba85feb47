"""Handlers of recognitions on the page: start, progress, cancellation, and the outcome as values of components."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import gradio as gr

from webui.audio.options import ChannelMode
from webui.errors import RequestError
from webui.progress import Stage
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import Precision
from webui.texts import Language, text
from webui.ui.callers import caller_of
from webui.ui.context import Updates
from webui.ui.i18n import parse_language
from webui.ui.outcome import CancelledByUserError, Outcome, error_card_of, recognize_source
from webui.ui.session_runs import SessionRun, SessionRuns
from webui.ui.shared_files import SharedFiles
from webui.ui.tabs.model_choice import chosen_models
from webui.ui.views.outcome import present

MODEL_QUEUE: Final = "model"  # shared by all events that run the model, of the page and of its public endpoint
MODEL_CONCURRENCY: Final = 2  # the model processes one recording while the next is decoded

_PROGRESS: Final = gr.Progress()
_HIDDEN: Final = {"visible": False, "__type__": "update"}


class RecognizeRuns:
    """Handlers of the buttons that start and stop a recognition.

    Args:
        service: the use cases.
        shared: makes the files of a result available for download.
    """

    def __init__(self, service: RecognitionService, shared: SharedFiles) -> None:
        self._service = service
        self._shared = shared
        self._runs = SessionRuns()

    def run(
        self,
        file: str | None,
        recording: str | None,
        granularity: str,
        extract_embedding: bool,
        fast: bool,
        model: str | None,
        channels: str,
        channel_names: str | None,
        headerless: str | None,
        language_value: str,
        file_name: str | None,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> Updates:
        """Recognizes the uploaded file or the recording; errors are shown on the page."""
        language = parse_language(language_value)
        path = file or recording
        separate = channels == ChannelMode.SEPARATE
        called = (channel_names or "").strip()  # None as long as the field has not been shown
        try:
            options = RecognizeOptions.of(
                granularity=Granularity(granularity),
                extract_embedding=extract_embedding,
                precision=Precision.INT8 if fast else None,
                channels=channels,
                channel_names=called if separate and called else None,
                headerless=(headerless or "").strip() or None,
            )
        except RequestError as error:
            return self._updates(Outcome(None, error_card_of(error), ()), language)
        recognize = partial(
            recognize_source,
            self._service,
            Path(path) if path else None,
            file_name=file_name if file else _recording_name(path),
            caller=caller_of(request),
        )
        names: list[str | None] = chosen_models(self._service, model) if path else [None]
        session_run = self._runs.begin(request.session_hash)
        try:
            outcome = _run_models(session_run, recognize, options, names, language, progress)
            return self._updates(outcome, language)
        finally:
            self._runs.end(request.session_hash, session_run)

    def stop(self, language_value: str, request: gr.Request) -> Updates:
        """Cancels the run of a session."""
        too_late = not self._runs.stop(request.session_hash)
        outcome = Outcome(None, None, (), cancelled=True, too_late=too_late)
        return self._updates(outcome, parse_language(language_value))

    def _updates(self, outcome: Outcome, language: Language) -> Updates:
        """Returns the values of the outputs, and of the components that only some outcomes show."""
        result = outcome.recognition.result if outcome.recognition is not None else None
        differ = result is not None and any(warning.code == "audio.channels_differ" for warning in result.warnings)
        headerless = outcome.error.headerless if outcome.error is not None else None
        shown_if = _HIDDEN | {"visible": headerless is not None}
        shown = present(outcome, language, self._shared)
        return [*shown, _HIDDEN, _HIDDEN | {"visible": differ}, shown_if | {"value": headerless or ""}, shown_if]

    def leave(self, request: gr.Request) -> None:
        """Cancels the run of a session whose page was closed, so that it does not delay others."""
        self._runs.stop(request.session_hash)


def _run_models(
    run: SessionRun,
    recognize: Callable[..., Outcome],
    options: RecognizeOptions,
    names: list[str | None],
    language: Language,
    progress: gr.Progress,
) -> Outcome:
    """Runs each model in turn; ``recognize`` is called with the options and ``progress``."""
    outcomes: list[tuple[str, Outcome]] = []
    for number, name in enumerate(names):

        def report(fraction: float, stage: Stage, done: int = number) -> None:
            if not run.may_continue(writing=stage is Stage.RESULTS and done == len(names) - 1):
                raise CancelledByUserError
            progress((done + fraction) / len(names), desc=text(stage.text_key, language))

        outcome = recognize(options.model_copy(update={"model": name}), progress=report)
        if outcome.cancelled or len(names) == 1:
            return outcome
        outcomes.append((name or "", outcome))
    return _side_by_side(outcomes)


def _side_by_side(outcomes: list[tuple[str, Outcome]]) -> Outcome:
    """Returns the first outcome with a result, and all outcomes in its ``side_by_side``."""
    first = next((outcome for _name, outcome in outcomes if outcome.recognition is not None), outcomes[0][1])
    log = tuple(line for _name, outcome in outcomes for line in outcome.log)
    return replace(first, log=log, side_by_side=tuple(outcomes))


def _recording_name(path: str | None) -> str | None:
    return f"recording{Path(path).suffix}" if path else None
