"""The output of ``--json``: JSON Lines, one document per file in the order of the files, also for a single file.

Lines rather than an array: each result can be used as soon as it is printed, an interrupted run leaves complete
documents, and the format does not depend on the number of files. ``jq`` and pandas (``read_json(lines=True)``) read it.
"""

from typing import Final

from pydantic import Field

from webui.cli.exit_codes import exit_code_of
from webui.errors import SpeechEmotionError
from webui.files import printable_name
from webui.results import Document, Notice, RecognitionResult, fields_of
from webui.service import Recognition

UNEXPECTED: Final = "cli.unexpected"


class RecognizedFile(RecognitionResult):
    """The content of ``result.json``, with the input and the run folder."""

    input: str = Field(description="The file as given on the command line.")
    folder: str = Field(description="The full path of the run folder.")
    files: tuple[str, ...] = Field(description="Names of the files in the run folder.")


class FailedFile(Document):
    """A file that could not be recognized."""

    error: Notice = Field(description="The error; `code` is stable.")
    exit_code: int = Field(description="The exit code for this kind of error.")
    input: str = Field(description="The file as given on the command line.")


def recognized_line(recognition: Recognition, given: str) -> str:
    """Returns the line for a file that was recognized."""
    fields = fields_of(recognition.result, RecognitionResult)
    files = tuple(file.name for file in recognition.files)
    folder = printable_name(str(recognition.folder.absolute()))
    line = RecognizedFile(**fields, input=printable_name(given), folder=folder, files=files)
    return line.model_dump_json(exclude_none=True)


def failed_line(error: Exception, given: str) -> str:
    """Returns the line for a file that could not be recognized."""
    line = FailedFile(error=error_notice(error), exit_code=exit_code_of(error), input=printable_name(given))
    return line.model_dump_json(exclude_none=True)


def error_notice(error: Exception) -> Notice:
    """Returns an error as a notice, with its code and values."""
    if isinstance(error, SpeechEmotionError):
        return Notice.of_error(error.code, error.values)
    return Notice(code=UNEXPECTED, values={"kind": type(error).__name__, "reason": str(error)})
