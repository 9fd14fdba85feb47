"""Handlers of recognitions on the page: start, progress, cancellation, and the outcome as values of components."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import gradio as gr

from webui.audio.options import ChannelMode
from webui.errors import RequestError, RunNotFoundError
from webui.progress import Stage
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.recognition.options import AUTO_TRACK
from webui.settings import Precision
from webui.texts import Language, text
from webui.ui.callers import caller_of
from webui.ui.context import Updates
from webui.ui.i18n import parse_language
from webui.ui.outcome import CancelledByUserError, Outcome, error_card_of, recognize_source
from webui.ui.session_runs import SessionRun, SessionRuns
from webui.ui.shared_files import SharedFiles
from webui.ui.tabs.model_choice import chosen_models
from webui.ui.tabs.track_choice import track_count, track_update
from webui.ui.views.answer import error_card_html
from webui.ui.views.outcome import present, render

FILE_TAB: Final = "file"
MICROPHONE_TAB: Final = "microphone"
MODEL_QUEUE: Final = "model"  # shared by all events that run the model, of the page and of its public endpoint
MODEL_CONCURRENCY: Final = 2  # the model processes one recording while the next is decoded

_PROGRESS: Final = gr.Progress()
_UNCHANGED: Final = {"__type__": "update"}
_HIDDEN: Final = _UNCHANGED | {"visible": False}


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
        title: str | None,
        track: str | None,
        headerless: str | None,
        language_value: str,
        file_name: str | None,
        tab: str | None,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> Updates:
        """Recognizes the file or the recording, whichever is on the visible tab; errors are shown on the page."""
        language = parse_language(language_value)
        recorded = tab == MICROPHONE_TAB
        path = recording if recorded else file
        if recorded and path is None:
            return self._updates(Outcome(None, error_card_of(RequestError("page.no_recording")), ()), language)
        separate = channels == ChannelMode.SEPARATE
        given_names = (channel_names or "").strip()  # None as long as the field has not been shown
        try:
            options = RecognizeOptions.of(
                granularity=Granularity(granularity),
                extract_embedding=extract_embedding,
                precision=Precision.INT8 if fast else None,
                channels=channels,
                channel_names=given_names if separate and given_names else None,
                title=(title or "").strip() or None,
                track=track if track and not recorded else AUTO_TRACK,
                headerless=(headerless or "").strip() or None,
            )
        except RequestError as error:
            return self._updates(Outcome(None, error_card_of(error), ()), language)
        recognize = partial(
            recognize_source,
            self._service,
            Path(path) if path else None,
            file_name=_recording_name(path) if recorded else file_name,
            caller=caller_of(request),
        )
        names: list[str | None] = chosen_models(self._service, model) if path else [None]
        session_run = self._runs.begin(request.session_hash)
        try:
            outcome = _run_models(session_run, recognize, options, names, language, progress)
            return self._updates(replace(outcome, recording=path if recorded else None), language)
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
        if_headerless = _HIDDEN | {"visible": headerless is not None}
        return [
            *present(outcome, language, self._shared),
            _HIDDEN,
            _HIDDEN | {"visible": differ},
            if_headerless | {"value": headerless or ""},
            if_headerless,
            _UNCHANGED if result is None else track_update(track_count(result), language),
            _HIDDEN | {"visible": result is not None},
            _HIDDEN,
        ]

    def delete(self, outcome: Outcome | None, language_value: str) -> Updates:
        """Deletes the results on the page with their files, their downloads, and the recording if the page made it.

        The copy of an uploaded file stays in Gradio's cache until it is swept: other pages may use the same copy, whose
        name depends on its content.

        Returns:
            Updates of the outcome, the answer, the log, the downloads, the button for deleting, the question, the
            microphone.
        """
        language = parse_language(language_value)
        try:
            if outcome is None:  # it is kept for some time only
                raise RunNotFoundError("page.result_forgotten")
            for folder in outcome.folders:
                self._service.results.delete(folder)
            recordings = [outcome.recording] if outcome.recording is not None else []
            self._shared.delete([*outcome.shared, *recordings])
        except Exception as error:  # noqa: BLE001 - last handler on the page; `error_card_of` logs it if it is unexpected
            card = error_card_of(error)
            alert = error_card_html(card.title_key, card.sentence(language), language)
            answer, log = render(outcome, language)
            return [outcome, alert + answer, log, _UNCHANGED, _HIDDEN | {"visible": True}, _HIDDEN, _UNCHANGED]
        gone = Outcome(None, None, (), file_name=outcome.file_name, deleted=True)
        microphone = _UNCHANGED if outcome.recording is None else _UNCHANGED | {"value": None}
        return [gone, *render(gone, language), _HIDDEN | {"value": None}, _HIDDEN, _HIDDEN, microphone]

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
