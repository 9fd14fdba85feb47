"""Every error this project raises on purpose.

A message says what was found, what was expected and what to do, in Chinese and English: an error carries the key of
its text (``code``) and the values of the placeholders; ``str(error)`` is the English sentence. The domain knows no
HTTP: each surface has one table from these classes to REST status, page message or exit code.
"""

from webui.texts import Language, text


class SpeechEmotionError(Exception):
    """Anything that went wrong in a way the user can act on.

    Args:
        code: key of the message in ``webui.texts``, for instance ``"audio.too_short"``; stable, fit for programs.
        values: the placeholders of the message, with units in their names (``found_ms=12.0``).
    """

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(text(code, Language.EN, **values))

    def message(self, language: Language) -> str:
        """Returns the message in ``language``."""
        return text(self.code, language, **self.values)


class AudioError(SpeechEmotionError):
    """The audio that was given can't be used."""


class AudioDecodeError(AudioError):
    """The bytes are not audio in a known format, or they are damaged."""


class EmptyAudioError(AudioError):
    """There are no bytes, or no samples in them."""


class AudioTooShortError(AudioError):
    """There are samples, but not enough for one model frame."""


class AudioTooLongError(AudioError):
    """More bytes or more seconds than the settings allow."""


class AudioFetchError(AudioError):
    """The audio could not be read from where it lies (a path, a URL)."""


class ModelError(SpeechEmotionError):
    """The model can't answer."""


class ModelNotFoundError(ModelError):
    """There is no such model, or its weights are not on this machine."""


class ModelNotReadyError(ModelNotFoundError):
    """The model is on its way: asking again later will do."""


class DownloadError(ModelError):
    """The weights could not be fetched from any hub."""


class DownloadCancelledError(DownloadError):
    """Somebody cancelled the download; what arrived is kept."""


class CheckpointError(ModelError):
    """The weights are there, but they are not what they should be."""


class DeviceUnavailableError(ModelError):
    """The device that was asked for does not exist or does not work."""


class InferenceError(ModelError):
    """The model failed on an input it should have answered."""


class RequestError(SpeechEmotionError):
    """A parameter that makes no sense."""


class ForbiddenPathError(RequestError):
    """A path outside of the folders that the settings allow."""


class BusyError(RequestError):
    """Too many are waiting already: asking again a little later will do."""


class StoppingError(BusyError):
    """The server ends: another one, or this one started again, will answer."""


class TimeLimitError(RequestError):
    """It took longer than the settings allow."""


class UploadTimeError(TimeLimitError):
    """What was sent took longer to arrive than the settings allow."""


class TooOftenError(RequestError):
    """One caller asks for more than its share: asking again a little later will do."""


class UnauthorizedError(RequestError):
    """Who asks did not say who they are, or can't prove it."""


class ForbiddenRequestError(RequestError):
    """A request that nobody may make from where it comes."""


class MalformedRequestError(RequestError):
    """A request that HTTP does not allow, or that two parsers may read differently."""


class EventTooLargeError(RequestError):
    """An event of the page with a larger body than any that the page sends."""


class RunNotFoundError(RequestError):
    """There is no such result, or it was deleted."""


class OutputError(SpeechEmotionError):
    """The results can't be written: disk full, or not writable."""


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or the name of its class where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
