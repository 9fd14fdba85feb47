"""Errors as problem documents (RFC 9457), with the table of the HTTP status of each class of errors."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import uuid4

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from webui.errors import (
    AudioError,
    AudioTooLongError,
    AudioTooShortError,
    BusyError,
    ConflictError,
    EventTooLargeError,
    ForbiddenPathError,
    ForbiddenRequestError,
    InferenceError,
    MalformedRequestError,
    ModelError,
    ModelNotFoundError,
    ModelNotReadyError,
    OutputError,
    RequestError,
    RunNotFoundError,
    SpeechEmotionError,
    TimeLimitError,
    TooOftenError,
    UnauthorizedError,
    UploadTimeError,
    reason_of,
)
from webui.results import Document, plain_value
from webui.service.serving.metrics import Metrics
from webui.service.serving.retry import RETRY_AFTER_S
from webui.texts import Language, text

log = logging.getLogger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"
UNEXPECTED: Final = "api.unexpected"
UNKNOWN_MODEL: Final = "request.unknown_model"
STATUS_OF_ERROR: Final[tuple[tuple[type[SpeechEmotionError], HTTPStatus], ...]] = (
    (AudioTooLongError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (EventTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (MalformedRequestError, HTTPStatus.BAD_REQUEST),
    (AudioError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InferenceError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (ModelNotReadyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ModelNotFoundError, HTTPStatus.CONFLICT),  # not 503: repeating the request does not help
    (ModelError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ForbiddenPathError, HTTPStatus.FORBIDDEN),
    (ForbiddenRequestError, HTTPStatus.FORBIDDEN),
    (UnauthorizedError, HTTPStatus.UNAUTHORIZED),
    (TooOftenError, HTTPStatus.TOO_MANY_REQUESTS),
    (RunNotFoundError, HTTPStatus.NOT_FOUND),
    (UploadTimeError, HTTPStatus.REQUEST_TIMEOUT),
    (TimeLimitError, HTTPStatus.GATEWAY_TIMEOUT),
    (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConflictError, HTTPStatus.CONFLICT),
    (RequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (OutputError, HTTPStatus.INSUFFICIENT_STORAGE),
)
EXAMPLES: Final[tuple[SpeechEmotionError, ...]] = (  # one for each status, for the OpenAPI description
    MalformedRequestError("request.two_lengths"),
    UnauthorizedError("access.unauthorized"),
    ForbiddenPathError("api.no_audio_roots"),
    RunNotFoundError("api.no_result", found="outputs_20260101_120000.AbCdEfGhIjKlMnOpQrStUv"),
    UploadTimeError("api.upload_slow", limit_s=600.0),
    ModelNotFoundError("request.weights_absent", model="emotion2vec_plus_large"),
    AudioTooLongError("api.too_large", expected_mb=2000.0),
    AudioTooShortError("audio.too_short", found_ms=12.0, expected_ms=25.0),
    TooOftenError("request.too_many", found=16, expected=16, retry_s=RETRY_AFTER_S),
    BusyError("request.busy", found=34, expected=34, retry_s=RETRY_AFTER_S),
    TimeLimitError("request.too_slow", limit_s=7200.0),
    OutputError("storage.disk_full", folder="outputs", free_mb=3.0),
)
WITH_RETRY_AFTER: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
}
PROBLEM_REF: Final = {"$ref": "#/components/schemas/Problem"}  # added by ``describe`` in webui/api/description.py


class Problem(Document):
    """An error as a problem document (RFC 9457); `code` is stable and meant for programs."""

    type: str = "about:blank"
    title: str = Field(description="The phrase of the HTTP status.")
    status: int
    detail: str = Field(description="What was found, what was expected, what to do; Chinese if the caller prefers it.")
    code: str = Field(description="Stable key of the kind of error, for instance `audio.too_short`.")
    values: Mapping[str, float | int | str] = Field(default_factory=dict, description="The values in `detail`.")


def problem_of(error: SpeechEmotionError, language: Language) -> Problem:
    """Returns the document of an error. Paths are reduced to file names, so as not to reveal the server's folders."""
    values = {name: _plain(value) for name, value in error.values.items()}
    status = status_of(error)
    return Problem(
        title=status.phrase, status=status, detail=text(error.code, language, **values), code=error.code, values=values
    )


def status_of(error: SpeechEmotionError) -> HTTPStatus:
    """Returns the HTTP status of an error."""
    if isinstance(error, ModelNotFoundError) and error.code == UNKNOWN_MODEL:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return next(
        (status for kind, status in STATUS_OF_ERROR if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's exception handler: returns the problem document of an error and counts it."""
    language = language_of(request)
    headers: dict[str, str] = {}
    if isinstance(error, SpeechEmotionError):
        problem = problem_of(error, language)
        if "retry_s" in error.values or (problem.status in WITH_RETRY_AFTER and not _is_lasting(error)):
            headers["Retry-After"] = str(error.values.get("retry_s", RETRY_AFTER_S))
        elif problem.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, RequestValidationError):
        reason = reason_of({**fault, "loc": fault["loc"][1:]} for fault in error.errors())
        problem = problem_of(RequestError("api.bad_request", reason=reason), language)
    elif isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        problem = Problem(title=status.phrase, status=status, detail=str(error.detail), code=f"http.{status.value}")
        headers |= dict(error.headers or {})
    else:
        problem = _unexpected(error, language)
    metrics = getattr(request.app.state, "metrics", None)
    if isinstance(metrics, Metrics):
        metrics.rejected(problem.code)
    return problem_response(problem, headers)


def problem_response(problem: Problem, headers: dict[str, str]) -> JSONResponse:
    """Returns the response with a problem document."""
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=PROBLEM_TYPE)


def language_of(request: Request) -> Language:
    """Returns Chinese if the request's ``Accept-Language`` begins with ``zh``, else English."""
    preferred = request.headers.get("accept-language", "").strip().lower()
    return Language.ZH if preferred.startswith("zh") else Language.EN


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI description of a route's error responses; every route can also return 400."""
    examples = {problem.status: problem for problem in (problem_of(error, Language.EN) for error in EXAMPLES)}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_TYPE: {"schema": PROBLEM_REF, "example": examples[status].model_dump()}},
            **({"headers": _RETRY_AFTER} if status in WITH_RETRY_AFTER else {}),
        }
        for status in (HTTPStatus.BAD_REQUEST.value, *statuses)
    }


def _is_lasting(error: SpeechEmotionError) -> bool:
    """Returns whether repeating the request would give the same error: damaged weights, or a device that fails."""
    return isinstance(error, ModelError) and not isinstance(error, ModelNotReadyError)


def _unexpected(error: Exception, language: Language) -> Problem:
    error_id = uuid4().hex[:8]
    log.error("Unexpected error %s in the API", error_id, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = text(UNEXPECTED, language, error_id=error_id)
    return Problem(title=status.phrase, status=status, detail=detail, code=UNEXPECTED, values={"error_id": error_id})


def _plain(value: object) -> float | int | str:
    if isinstance(value, PurePath):
        return value.name
    plain = plain_value(value)
    return Path(plain).name if isinstance(plain, str) and plain.startswith("/") else plain
