"""Reads what requests send: documents, form fields and uploads."""

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, TypeVar, get_args, get_origin

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from webui.api import PREFIX
from webui.errors import RequestError
from webui.results import Document
from webui.storage.faults import writing_to

Body = TypeVar("Body", bound=Document)

AUDIO_FIELD: Final = "audio"
NO_NAME: Final = b'; filename=""'
MAX_SHOWN: Final = 200  # characters of names in an error
JSON_STRING: Final = re.compile(rb'(?P<text>"(?:[^"\\]++|\\.)*+")(?P<colon>\s*+:)?', re.DOTALL)
MAX_WORDS: Final = 1024  # bytes; a larger upload is never taken for a line of text
COPY_BYTES: Final = 1 << 20  # per step when an upload is copied


class _AudioParts(MultiPartParser):
    """Takes a part of the field `audio` as a file even if it has no file name, as some programs send it.

    Starlette would keep such a part in memory, as text.
    """

    def on_headers_finished(self) -> None:
        """Adds the file name that is missing."""
        _, options = parse_options_header(self._current_part.content_disposition)
        is_audio = options.get(b"name") == AUDIO_FIELD.encode()
        if is_audio and b"filename" not in options:
            self._current_part.content_disposition = (self._current_part.content_disposition or b"") + NO_NAME
        if self.max_files == 1 and self._current_files == 1 and (is_audio or b"filename" in options):
            raise _SeveralFilesError("Several files")
        super().on_headers_finished()


class _SeveralFilesError(MultiPartException):
    """The form has more files than the route takes."""


@asynccontextmanager
async def read_form(request: Request, *, max_files: int, max_fields: int) -> AsyncIterator[FormData]:
    """Yields the form of a request; its uploads are closed at the end of the block.

    Raises:
        RequestError: it has several files, and the route takes one.
        HTTPException: the body is not a valid form, or contains too many parts.
    """
    try:
        async with aclosing(request.stream()) as stream:
            form = await _AudioParts(request.headers, stream, max_files=max_files, max_fields=max_fields).parse()
    except _SeveralFilesError as err:
        raise RequestError("api.one_file") from err
    except MultiPartException as err:
        raise HTTPException(400, err.message) from err
    try:
        yield form
    finally:
        await form.close()


def form_fields(kind: type[Document], form: FormData) -> dict[str, object]:
    """Returns the form's fields without the uploads; an empty field counts as absent.

    A list is given by repeating the field, as a JSON array, or as names with commas between them, which the
    document's validator splits.

    Raises:
        RequestValidationError: a field that is not a list is given more than once.
    """
    given: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and value != "":
            given.setdefault(name, []).append(value)
    lists = _list_fields(kind)
    _check_single({name: len(values) for name, values in given.items() if name not in lists}, "body")
    return {name: _items(values) if name in lists else values[0] for name, values in given.items()}


async def check_query(request: Request) -> None:
    """Refuses query parameters that are given more than once, or that a route of the API does not have.

    It is asynchronous because FastAPI would run it in a thread otherwise, and threads may be scarce.

    Raises:
        RequestValidationError: a parameter is repeated; no route takes a list in its query.
        RequestError: the route does not have the parameter.
    """
    query = request.query_params
    _check_single({name: len(query.getlist(name)) for name in query}, "query")
    route = request.scope.get("route")
    if not query or not isinstance(route, APIRoute) or not route.path.startswith(PREFIX):
        return
    known = [parameter.alias for parameter in route.dependant.query_params]
    found = ", ".join(name for name in query if name not in known)[:MAX_SHOWN]
    if found and "requestBody" in (route.openapi_extra or {}):
        raise RequestError("api.options_in_query", found=found)
    if found and known:
        raise RequestError("api.unknown_query", found=found, expected=", ".join(known))
    if found:
        raise RequestError("api.no_query", found=found)


def parse_body(kind: type[Body], given: bytes | dict[str, object]) -> Body:
    """Returns the document of a request, from JSON or from the fields of a form.

    Raises:
        RequestValidationError: a field is unknown, missing or out of range, or a key of the JSON object is repeated.
    """
    try:
        if not isinstance(given, bytes):
            return kind.model_validate(given)
        body = kind.model_validate_json(given)
        _check_single(_key_counts(given), "body")
        return body
    except ValidationError as err:
        parts = [{**part, "loc": ("body", *part["loc"])} for part in err.errors(include_input=False, include_url=False)]
        raise RequestValidationError(parts) from err


def _list_fields(kind: type[Document]) -> set[str]:
    """Returns the names of the fields that are lists, including those that may also be None."""
    annotations = {name: field.annotation for name, field in kind.model_fields.items()}
    return {
        name
        for name, annotation in annotations.items()
        if any(get_origin(part) is tuple for part in (annotation, *get_args(annotation)))
    }


def _check_single(counts: Mapping[str, int], location: str) -> None:
    repeated = [
        {"type": "repeated", "loc": (location, name), "msg": f"Given {count} times; expected once"}
        for name, count in counts.items()
        if count > 1
    ]
    if repeated:
        raise RequestValidationError(repeated)


def _key_counts(valid: bytes) -> Counter[str]:
    """Returns how often each key occurs in the JSON of a flat object, of which a parser keeps only the last value.

    The text is only scanned: another parsed copy of gigabytes of base64 would cost as much memory again.
    """
    keys = (found["text"] for found in JSON_STRING.finditer(valid) if found["colon"] is not None)
    return Counter(str(json.loads(key)) for key in keys)


def _items(values: list[str]) -> object:
    """Returns the items of a list in a form; a single value that is not a JSON array stays as it is."""
    parsed = [_json_array(value) for value in values]
    if len(values) == 1:
        return values[0] if parsed[0] is None else parsed[0]
    return [item for value, array in zip(values, parsed, strict=True) for item in ([value] if array is None else array)]


def _json_array(value: str) -> list[object] | None:
    if not value.lstrip().startswith("["):
        return None
    try:
        array = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return array if isinstance(array, list) else None


def upload_in(form: FormData) -> UploadFile:
    """Returns the uploaded file of a form.

    Raises:
        RequestError: the form contains none.
    """
    upload = form.get(AUDIO_FIELD)
    if not isinstance(upload, UploadFile):
        raise RequestError("api.one_source", found=f"no file in the field `{AUDIO_FIELD}`")
    if not upload.filename and _is_words(upload):
        raise RequestError("api.one_source", found=f"a text instead of a file in the field `{AUDIO_FIELD}`")
    return upload


def _is_words(upload: UploadFile) -> bool:
    """Returns whether an upload is a line of text, such as the name of the file that was to be sent."""
    if (upload.size or 0) > MAX_WORDS:
        return False
    content = upload.file.read(MAX_WORDS)
    upload.file.seek(0)
    return content.isascii() and content.decode("ascii").strip().isprintable() and not content.startswith(b"data:")


@contextmanager
def saved_upload(upload: UploadFile) -> Iterator[Path]:
    """Yields an upload as a file, which is deleted at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="speech-emotion-upload-") as file:
        with writing_to(Path(file.name).parent):
            shutil.copyfileobj(upload.file, file, COPY_BYTES)
            file.flush()
        yield Path(file.name)
