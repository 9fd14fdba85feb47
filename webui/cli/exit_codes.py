"""The one table of exit codes: what the program's end tells a script."""

from enum import IntEnum
from typing import Final

from webui.errors import AudioError, ModelError, OutputError, RequestError, SpeechEmotionError


class ExitCode(IntEnum):
    """What the program ends with."""

    OK = 0
    UNEXPECTED = 1
    REQUEST = 2
    AUDIO = 3
    MODEL = 4
    OUTPUT = 5
    PARTLY = 6
    UNHEALTHY = 7
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """Key of the text that says what it means."""
        return f"cli.exit_{self.name.lower()}"


OF_ERROR: Final[tuple[tuple[type[SpeechEmotionError], ExitCode], ...]] = (
    (AudioError, ExitCode.AUDIO),
    (ModelError, ExitCode.MODEL),
    (RequestError, ExitCode.REQUEST),
    (OutputError, ExitCode.OUTPUT),
)


def exit_code_of(error: Exception) -> ExitCode:
    """Returns the exit code that stands for ``error``."""
    return next((code for kind, code in OF_ERROR if isinstance(error, kind)), ExitCode.UNEXPECTED)
