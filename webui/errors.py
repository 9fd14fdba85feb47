"""All errors that this project raises on purpose.

A message states what was found, what was expected and what to do, in Chinese and English: an error has the key of its
text (``code``) and the values of the placeholders; ``str(error)`` is the English message. The lower layers don't depend
on HTTP: the API, the page and the command line each have a table from these classes to a status, heading or exit code.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from webui.files import printable_name
from webui.texts import Language, text


class SpeechEmotionError(Exception):
    """An error that the user can act on.

    Args:
        code: key of the message in ``webui.texts``, for instance ``"audio.too_short"``; stable, meant for programs.
        values: values of the message's placeholders, with units in their names (``found_ms=12.0``).
    """

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = {name: _encodable(value) for name, value in values.items()}
        super().__init__(text(code, Language.EN, **self.values))

    def message(self, language: Language) -> str:
        """Returns the message in ``language``."""
        return text(self.code, language, **self.values)


def _encodable(value: object) -> object:
    """Returns a value; a name that is not valid UTF-8 becomes printable, so that every message can be written."""
    if isinstance(value, PurePath):
        shown = str(value)
        return value if shown.isprintable() else type(value)(printable_name(shown))
    return printable_name(value) if isinstance(value, str) and not _is_utf8(value) else value


def _is_utf8(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class AudioError(SpeechEmotionError):
    """The audio can't be used."""


class AudioDecodeError(AudioError):
    """The bytes are not audio in a known format, or they are damaged."""


class EmptyAudioError(AudioError):
    """The file has no bytes, or no samples."""


class AudioTooShortError(AudioError):
    """The audio is shorter than one model frame."""


class AudioTooLongError(AudioError):
    """The audio has more bytes or seconds than the settings allow."""


class AudioFetchError(AudioError):
    """The audio could not be read from its path or URL."""


class ModelError(SpeechEmotionError):
    """The model can't be used."""


class ModelNotFoundError(ModelError):
    """There is no such model, or its weights are not on this machine."""


class ModelNotReadyError(ModelNotFoundError):
    """The model is still being prepared; the request can be repeated later."""


class DownloadError(ModelError):
    """The weights could not be downloaded from any hub."""


class DownloadCancelledError(DownloadError):
    """The download was cancelled; the downloaded part is kept."""


class CheckpointError(ModelError):
    """The weights are on this machine but are damaged or not the expected ones."""


class DeviceUnavailableError(ModelError):
    """The requested device does not exist or does not work."""


class InferenceError(ModelError):
    """The model failed on a valid input."""


class RequestError(SpeechEmotionError):
    """A parameter or the request itself is invalid."""


class ForbiddenPathError(RequestError):
    """The path is outside the folders that the settings allow."""


class BusyError(RequestError):
    """Too many requests are waiting; the request can be repeated a little later."""


class ConflictError(RequestError):
    """Another request that this one repeats is still being processed; it can be repeated a little later."""


class StoppingError(BusyError):
    """The server is shutting down; the request can be repeated after a restart or on another server."""


class TimeLimitError(RequestError):
    """The request took longer than the settings allow."""


class UploadTimeError(TimeLimitError):
    """The upload took longer than the settings allow."""


class TooOftenError(RequestError):
    """One caller exceeded its rate or share; the request can be repeated a little later."""


class UnauthorizedError(RequestError):
    """The request has no valid credentials."""


class ForbiddenRequestError(RequestError):
    """The request is not allowed from its origin or host."""


class MalformedRequestError(RequestError):
    """The request is invalid HTTP, or two parsers could interpret it differently."""


class EventTooLargeError(RequestError):
    """The body of a page event is larger than any that the page sends."""


class RunNotFoundError(RequestError):
    """The result does not exist or was deleted."""


class OutputError(SpeechEmotionError):
    """The results can't be written, because the disk is full or not writable."""


def reason_of(faults: Iterable[Mapping[str, Any]]) -> str:
    """Returns the faults of a document as one line, in terms of JSON: lists, not the tuples that hold them here.

    Args:
        faults: faults as pydantic describes them; ``loc`` starts with the field.
    """
    lines = (f"{_field_of(fault['loc'])}{fault['msg']}" for fault in faults)
    return "; ".join(dict.fromkeys(line.replace("tuple", "list").replace("Tuple", "List") for line in lines))


def _field_of(location: Sequence[object]) -> str:
    """Returns ``labels.0: `` for the place of a fault, without the names of the alternatives that were tried."""
    field = ".".join(str(part) for at, part in enumerate(location) if at == 0 or isinstance(part, int))
    return f"{field}: " if field else ""


def missing_package(error: BaseException) -> str | None:
    """Returns the name of the package that an import did not find; None for other errors and for own modules."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    package = error.name.split(".")[0]
    return package if package != "webui" else None


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or the name of its class if it has no message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
