"""The outcome of one recognition on the page; each session keeps its last one, to render it in the other language."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.errors import AudioError, ModelError, OutputError, RequestError, SpeechEmotionError
from webui.http.file_names import plain_name
from webui.results import Notice, headlines
from webui.service import Progress, Recognition, RecognitionService, RecognizeOptions, ignore_progress
from webui.texts import Language, text

log = logging.getLogger(__name__)

# The key of the heading of each class of errors on the page.
ERROR_TITLES: Final[tuple[tuple[type[SpeechEmotionError], str], ...]] = (
    (AudioError, "page.error_title_audio"),
    (ModelError, "page.error_title_model"),
    (RequestError, "page.error_title_request"),
    (OutputError, "page.error_title_output"),
)
UNKNOWN_TITLE: Final = "page.error_title_unknown"


class CancelledByUserError(Exception):
    """Raised from the progress callback of a run that the user has cancelled."""


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """An error as the page shows it.

    Attributes:
        title_key: key of the heading.
        sentence: returns the error message in a language.
        headerless: proposed value of the option ``headerless``; None if the error is not about it.
    """

    title_key: str
    sentence: Callable[[Language], str]
    headerless: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result or an error, with the log up to that point.

    Attributes:
        recognition: the result, or None.
        error: the error, or None.
        log: lines of the processing log.
        cancelled: whether the user cancelled the run.
        too_late: whether the user tried to cancel it while its files were being written.
        side_by_side: name and outcome of each model if several were chosen; ``recognition`` is the first result.
        file_name: the user's name of the recording; empty if there was none.
        shared: paths of its downloads in Gradio's cache.
        recording: path of the recording in Gradio's cache if it was made with the page; None for a file.
        deleted: whether the user deleted the result, so that only the name of the recording is left.
    """

    recognition: Recognition | None
    error: ErrorCard | None
    log: tuple[Notice, ...]
    cancelled: bool = False
    too_late: bool = False
    side_by_side: tuple[tuple[str, "Outcome"], ...] = ()
    file_name: str = ""
    shared: tuple[str, ...] = ()
    recording: str | None = None
    deleted: bool = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """The run folders of all results."""
        outcomes = [outcome for _name, outcome in self.side_by_side] or [self]
        return tuple(outcome.recognition.folder for outcome in outcomes if outcome.recognition is not None)

    def log_text(self, language: Language) -> str:
        """Returns the processing log, with a failure or a cancellation as its last line."""
        shown = headlines(notice for notice in self.log if not notice.is_log)
        lines = [_line(notice, language) for notice in self.log if notice.is_log or notice in shown]
        if self.error is not None:  # the card has the message
            lines.append(text("page.log_error", language))
        if self.cancelled and not self.too_late:
            lines.append(text("page.log_cancelled", language))
        return "\n".join(lines)


def _line(notice: Notice, language: Language) -> str:
    """Returns a line of the log; warnings are short, since the answer has them in full, and marked as such."""
    if notice.is_log:
        return notice.message(language)
    return text("page.log_note", language, message=notice.short(language) or notice.message(language))


def error_card_of(error: Exception) -> ErrorCard:
    """Returns an error as the page shows it; an unexpected error is logged with an id that the page shows too."""
    if isinstance(error, SpeechEmotionError):
        title = next((key for kind, key in ERROR_TITLES if isinstance(error, kind)), UNKNOWN_TITLE)
        value = {"audio.headerless": "likely", "request.bad_headerless": "found"}.get(error.code)
        return ErrorCard(title, error.message, str(error.values[value]) if value is not None else None)
    error_id = uuid4().hex[:8]
    log.error("Unexpected error %s on the page", error_id, exc_info=error)
    return ErrorCard(UNKNOWN_TITLE, lambda language: text("page.unknown_error", language, error_id=error_id))


def recognize_source(
    service: RecognitionService,
    source: Path | None,
    options: RecognizeOptions,
    *,
    file_name: str | None = None,
    caller: str | None = None,
    progress: Progress = ignore_progress,
) -> Outcome:
    """Recognizes one recording; errors are returned as an outcome, not raised.

    Args:
        service: the use cases.
        source: the uploaded file; None if the user has chosen none.
        options: the options of the recognition.
        file_name: the user's name of the file; by default the name in the path.
        caller: name of the caller whose audio budget is charged; None to charge no budget.
        progress: called with the finished fraction and the stage.
    """
    lines: list[Notice] = []
    shown_name = plain_name(file_name) or (source.name if source is not None else "")
    try:
        if source is None:
            raise RequestError("page.no_audio")
        recognition = service.recognize(
            source, options, file_name=shown_name, caller=caller, progress=progress, on_log=lines.append
        )
    except CancelledByUserError:
        return Outcome(None, None, tuple(lines), cancelled=True, file_name=shown_name)
    except Exception as error:  # noqa: BLE001 - last handler on the page; `error_card_of` logs it if it is unexpected
        return Outcome(None, error_card_of(error), tuple(lines), file_name=shown_name)
    return Outcome(recognition, None, recognition.log, file_name=shown_name)
