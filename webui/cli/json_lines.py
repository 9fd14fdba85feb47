"""What ``--json`` prints: JSON Lines, one document per file in the order of the files, a single file included.

Lines and not an array: each answer can be used as soon as it is there, a run that is interrupted leaves whole
documents, and one file is the same as many. ``jq`` and pandas (``read_json(lines=True)``) read it as it is.
"""

from typing import Final

from pydantic import Field

from webui.cli.exit_codes import exit_code_of
from webui.errors import SpeechEmotionError
from webui.results import Document, Notice, RecognitionResult, fields_of
from webui.service import Recognition

UNEXPECTED: Final = "cli.unexpected"


class RecognizedFile(RecognitionResult):
    """The document of ``result.json``, and where it came from and lies."""

    input: str = Field(description="The file as it was given on the command line.")
    folder: str = Field(description="The run folder.")
    files: tuple[str, ...] = Field(description="Names of the files in it.")


class FailedFile(Document):
    """A file that could not be answered."""

    error: Notice = Field(description="What went wrong; `code` is stable.")
    exit_code: int = Field(description="The exit code that stands for such an error.")
    input: str = Field(description="The file as it was given on the command line.")


def recognized_line(recognition: Recognition, given: str) -> str:
    """Returns the line of a file that was recognized."""
    fields = fields_of(recognition.result, RecognitionResult)
    files = tuple(file.name for file in recognition.files)
    line = RecognizedFile(**fields, input=_printable(given), folder=str(recognition.folder), files=files)
    return line.model_dump_json(exclude_none=True)


def failed_line(error: Exception, given: str) -> str:
    """Returns the line of a file that could not be answered."""
    line = FailedFile(error=error_notice(error), exit_code=exit_code_of(error), input=_printable(given))
    return line.model_dump_json(exclude_none=True)


def error_notice(error: Exception) -> Notice:
    """Returns an error's key and values, in the form of a warning."""
    if isinstance(error, SpeechEmotionError):
        return Notice.of_error(error.code, error.values)
    return Notice(code=UNEXPECTED, values={"kind": type(error).__name__, "reason": str(error)})


def _printable(given: str) -> str:
    """Returns a name that UTF-8 can hold: file names may be any bytes."""
    return given.encode("utf-8", "replace").decode("utf-8")
