"""Reads what requests send: documents, form fields and uploads."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from webui.errors import RequestError
from webui.results import Document
from webui.storage.faults import writing_to

Body = TypeVar("Body", bound=Document)

AUDIO_FIELD: Final = "audio"
COPY_BYTES: Final = 1 << 20  # per step when an upload is copied


def form_fields(form: FormData) -> dict[str, str]:
    """Returns the fields of the form except the uploads; an empty field counts as absent."""
    return {name: value for name, value in form.items() if isinstance(value, str) and value != ""}


def parse_body(kind: type[Body], given: bytes | dict[str, str]) -> Body:
    """Returns the document of a request, from JSON or from the fields of a form.

    Raises:
        RequestValidationError: a field is unknown, missing or out of range.
    """
    try:
        return kind.model_validate_json(given) if isinstance(given, bytes) else kind.model_validate(given)
    except ValidationError as err:
        parts = [{**part, "loc": ("body", *part["loc"])} for part in err.errors(include_input=False, include_url=False)]
        raise RequestValidationError(parts) from err


def upload_in(form: FormData) -> UploadFile:
    """Returns the uploaded file of a form.

    Raises:
        RequestError: the form contains none.
    """
    upload = form.get(AUDIO_FIELD)
    if not isinstance(upload, UploadFile):
        raise RequestError("api.one_source", found=f"no file in the field `{AUDIO_FIELD}`")
    return upload


@contextmanager
def saved_upload(upload: UploadFile) -> Iterator[Path]:
    """Yields an upload as a file, which is deleted at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="speech-emotion-upload-") as file:
        with writing_to(Path(file.name).parent):
            shutil.copyfileobj(upload.file, file, COPY_BYTES)
            file.flush()
        yield Path(file.name)
