"""The outcome of one recognition on the page, kept per session so that it can be rendered in the other language."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.errors import AudioError, ModelError, OutputError, RequestError, SpeechEmotionError
from webui.results import Notice
from webui.service import Progress, Recognition, RecognitionService, RecognizeOptions, ignore_progress
from webui.texts import Language, text

log = logging.getLogger(__name__)

# The page's one table of errors: the key of the heading over the sentence.
ERROR_TITLES: Final[tuple[tuple[type[SpeechEmotionError], str], ...]] = (
    (AudioError, "page.trouble_audio"),
    (ModelError, "page.trouble_model"),
    (RequestError, "page.trouble_request"),
    (OutputError, "page.trouble_output"),
)
MAX_NAME: Final = 255
UNKNOWN_TITLE: Final = "page.trouble_unknown"


class CancelledByUserError(Exception):
    """Raised by the progress of a run that its user stopped."""


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """An error as the page shows it.

    Attributes:
        title_key: key of the heading.
        sentence: returns the sentence in a language.
    """

    title_key: str
    sentence: Callable[[Language], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result or an error, with the log up to there.

    Attributes:
        recognition: the result, or None.
        error: the error, or None.
        log: lines of the processing log.
        cancelled: whether the user stopped the run.
        too_late: whether the user tried to stop it while its files were being written.
        side_by_side: outcome of each model, where several were chosen; ``recognition`` is the first result of them.
    """

    recognition: Recognition | None
    error: ErrorCard | None
    log: tuple[Notice, ...]
    cancelled: bool = False
    too_late: bool = False
    side_by_side: tuple[tuple[str, "Outcome"], ...] = ()

    def log_text(self, language: Language) -> str:
        """Returns the processing log, the error as its last line."""
        lines = [_line(notice, language) for notice in self.log]
        if self.error is not None:
            lines.append(text("page.log_error", language, message=self.error.sentence(language)))
        if self.cancelled and not self.too_late:
            lines.append(text("page.log_cancelled", language))
        return "\n".join(lines)


def _line(notice: Notice, language: Language) -> str:
    """Returns a line of the log; a warning among the stages is marked as one."""
    sentence = notice.message(language)
    return sentence if notice.is_log else text("page.log_note", language, message=sentence)


def error_card_of(error: Exception) -> ErrorCard:
    """Returns an error as the page shows it. An unexpected one gets a number, and its traceback is logged under it."""
    if isinstance(error, SpeechEmotionError):
        title = next((key for kind, key in ERROR_TITLES if isinstance(error, kind)), UNKNOWN_TITLE)
        return ErrorCard(title, error.message)
    error_id = uuid4().hex[:8]
    log.error("Unexpected error %s on the page", error_id, exc_info=error)
    return ErrorCard(UNKNOWN_TITLE, lambda language: text("page.unknown_error", language, error_id=error_id))


def _plain_name(name: str | None) -> str:
    """Returns a name that a browser sent without its folders and without characters that cannot be printed."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(sign for sign in last if sign.isprintable())[:MAX_NAME].strip()


def recognize_source(
    service: RecognitionService,
    source: Path | None,
    options: RecognizeOptions,
    *,
    file_name: str | None = None,
    caller: str | None = None,
    progress: Progress = ignore_progress,
) -> Outcome:
    """Recognizes one recording; every error becomes an outcome.

    Args:
        service: the use cases.
        source: the uploaded file, or None if there is none.
        options: the options of the recognition.
        file_name: name of the file as the user knows it; by default the name of the path.
        caller: name of the caller whose budget of audio is charged; None: no budget is.
        progress: called with the fraction done and the stage.
    """
    lines: list[Notice] = []
    try:
        if source is None:
            raise RequestError("page.no_audio")
        recognition = service.recognize(
            source,
            options,
            file_name=_plain_name(file_name) or source.name,
            caller=caller,
            progress=progress,
            on_log=lines.append,
        )
    except CancelledByUserError:
        return Outcome(None, None, tuple(lines), cancelled=True)
    except Exception as error:  # noqa: BLE001 - the page's edge; `error_card_of` logs what it doesn't know
        return Outcome(None, error_card_of(error), tuple(lines))
    return Outcome(recognition, None, recognition.log)
