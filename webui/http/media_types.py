"""The media types of request bodies."""

from typing import Final

from starlette.requests import Request

from webui.errors import RequestError

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"


def media_type_of(request: Request, *expected: str) -> str:
    """Returns the media type of a request's body, in lower case and without parameters.

    Raises:
        RequestError: the media type is none of the expected ones.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in expected:
        raise RequestError("api.media_type", found=kind or "missing")
    return kind
