"""What came of one press of the button, kept per visitor so that it can be said again in the other language."""

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

# The page's one table of errors: the heading over the sentence.
TROUBLE_TITLES: Final[tuple[tuple[type[SpeechEmotionError], str], ...]] = (
    (AudioError, "page.trouble_audio"),
    (ModelError, "page.trouble_model"),
    (RequestError, "page.trouble_request"),
    (OutputError, "page.trouble_output"),
)
MAX_NAME: Final = 255
UNKNOWN_TITLE: Final = "page.trouble_unknown"


class CancelledByVisitorError(Exception):
    """Raised by the progress of a run that its visitor stopped."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error in words: the text key of its heading, and its sentence in any language."""

    title_key: str
    sentence: Callable[[Language], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer or an error, with the log up to there.

    Attributes:
        recognition: the answer, or None.
        trouble: the error, or None.
        cancelled: whether the visitor stopped it.
        too_late: whether it was stopped when its files were being written already.
        log: lines of the processing log.
        side_by_side: what each model said, where several were asked; the first that answered is ``recognition``.
    """

    recognition: Recognition | None
    trouble: Trouble | None
    log: tuple[Notice, ...]
    cancelled: bool = False
    too_late: bool = False
    side_by_side: tuple[tuple[str, "Outcome"], ...] = ()

    def log_text(self, language: Language) -> str:
        """Returns the processing log, the error as its last line."""
        lines = [_line(notice, language) for notice in self.log]
        if self.trouble is not None:
            lines.append(text("page.log_error", language, message=self.trouble.sentence(language)))
        if self.cancelled and not self.too_late:
            lines.append(text("page.log_cancelled", language))
        return "\n".join(lines)


def _line(notice: Notice, language: Language) -> str:
    """Returns a line of the log; a warning among the stages is marked as one."""
    sentence = notice.message(language)
    return sentence if notice.code.startswith("log.") else text("page.log_note", language, message=sentence)


def trouble_of(error: Exception) -> Trouble:
    """Returns what the page says of an error. One that nobody foresaw gets a number, and its traceback is logged."""
    if isinstance(error, SpeechEmotionError):
        title = next((key for kind, key in TROUBLE_TITLES if isinstance(error, kind)), UNKNOWN_TITLE)
        return Trouble(title, error.message)
    error_id = uuid4().hex[:8]
    log.error("Unexpected error %s on the page", error_id, exc_info=error)
    return Trouble(UNKNOWN_TITLE, lambda language: text("page.unknown_error", language, error_id=error_id))


def _plain_name(name: str | None) -> str:
    """Returns a name from a browser without folders and without what no screen can show."""
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
        service: answers.
        source: the visitor's file, or None if there is none.
        options: what is asked for.
        file_name: the name the visitor knows it by; by default the path's.
        caller: whose budget of audio it counts for.
        progress: told the fraction done and the stage.
    """
    lines: list[Notice] = []
    try:
        if source is None:
            raise RequestError("page.no_audio")
        service.activity.check_open()
        recognition = service.recognize(
            source,
            options,
            file_name=_plain_name(file_name) or source.name,
            caller=caller,
            progress=progress,
            on_log=lines.append,
        )
    except CancelledByVisitorError:
        return Outcome(None, None, tuple(lines), cancelled=True)
    except Exception as error:  # noqa: BLE001 - the page's edge; `trouble_of` logs what it doesn't know
        return Outcome(None, trouble_of(error), tuple(lines))
    return Outcome(recognition, None, recognition.log)
