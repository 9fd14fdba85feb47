"""The exit codes of the program, and the table of the exit code of each class of errors."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from webui.errors import AudioError, ModelError, OutputError, RequestError, SpeechEmotionError


class ExitCode(IntEnum):
    """The exit codes."""

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
        """Key of the text that explains the exit code."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "cli.exit_ok",
    ExitCode.UNEXPECTED: "cli.exit_unexpected",
    ExitCode.REQUEST: "cli.exit_request",
    ExitCode.AUDIO: "cli.exit_audio",
    ExitCode.MODEL: "cli.exit_model",
    ExitCode.OUTPUT: "cli.exit_output",
    ExitCode.PARTLY: "cli.exit_partly",
    ExitCode.UNHEALTHY: "cli.exit_unhealthy",
    ExitCode.INTERRUPTED: "cli.exit_interrupted",
    ExitCode.CLOSED_PIPE: "cli.exit_closed_pipe",
    ExitCode.TERMINATED: "cli.exit_terminated",
}
OF_ERROR: Final[tuple[tuple[type[SpeechEmotionError], ExitCode], ...]] = (
    (AudioError, ExitCode.AUDIO),
    (ModelError, ExitCode.MODEL),
    (RequestError, ExitCode.REQUEST),
    (OutputError, ExitCode.OUTPUT),
)


def exit_code_of(error: Exception) -> ExitCode:
    """Returns the exit code for ``error``."""
    return next((code for kind, code in OF_ERROR if isinstance(error, kind)), ExitCode.UNEXPECTED)
