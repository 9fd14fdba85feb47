"""The routes under ``/api/v1``. Each asks the service and says what it answered."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.routing import compile_path

from webui.api.documents import (
    Health,
    ListedModel,
    ListedResult,
    ModelsDocument,
    RecognizedAudio,
    RecognizeRequest,
    ResultPage,
)
from webui.api.examples import RECOGNIZED, shown
from webui.api.sources import SOURCES, Opened, source_of
from webui.api.url_source import UrlSource, file_name_of
from webui.api.work import run_for
from webui.errors import RequestError, RunNotFoundError
from webui.http.access import caller_name
from webui.http.media_types import FORM, JSON, media_type_of
from webui.http.opened_file import OpenedFileResponse
from webui.http.problems import responses
from webui.results import Document, Granularity, RecognitionResult, fields_of
from webui.service import Progress, Recognition, RecognitionService
from webui.service.serving.metrics import CONTENT_TYPE
from webui.storage import EMBEDDING_FILE, RESULT_FILE
from webui.storage.faults import writing_to
from webui.storage.run_ids import RunIds

Body = TypeVar("Body", bound=Document)

PREFIX: Final = "/api/v1"
LOOKING: Final = 2  # threads for the question whether a model is ready
AUDIO_FIELD: Final = "audio"
MAX_PAGE: Final = 200
MAX_OFFSET: Final = 1_000_000_000  # SQLite's numbers end at 2**63
COPY_BYTES: Final = 1 << 20  # of an upload at a time
_UPLOAD_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": [AUDIO_FIELD],
    "properties": {AUDIO_FIELD: {"type": "string", "format": "binary", "description": "Audio in any format."}},
}


class Api:
    """The routes and what they need.

    Args:
        service: answers.
    """

    def __init__(self, service: RecognitionService) -> None:
        self._service = service
        self._settings = service.settings
        self._ids = RunIds(service.settings.outputs_dir)
        self._urls = UrlSource(service.settings)
        self._scheduler = scheduler = service.scheduler
        service.metrics.watch(waiting=lambda: scheduler.waiting, under_way=lambda: scheduler.drain.under_way)
        self._looking = CapacityLimiter(LOOKING)
        self.router = APIRouter()
        self._add_routes()

    def _add_routes(self) -> None:
        add = self.router.add_api_route
        add(
            f"{PREFIX}/recognize", self.recognize, methods=["POST"], response_model=RecognizedAudio,
            response_model_exclude_none=True, tags=["recognition"], summary="Recognize the emotion of one recording",
            responses=shown(200, RECOGNIZED) | responses(401, 403, 408, 413, 422, 429, 503, 504, 507),
            openapi_extra={"requestBody": _request_body()},
        )  # fmt: skip
        add(
            f"{PREFIX}/results", self.list_results, tags=["results"], summary="List results, newest first",
            responses=responses(401, 422),
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}", self.read_result, response_model=RecognizedAudio,
            response_model_exclude_none=True, tags=["results"], summary="Read one result",
            responses=shown(200, RECOGNIZED) | responses(401, 404, 422),
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}", self.delete_result, methods=["DELETE"], status_code=204, tags=["results"],
            summary="Delete one result with its files", responses=responses(401, 403, 404, 422, 507),
            response_class=Response,
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}/{{file_name}}", self.read_file, tags=["results"],
            summary="Fetch a file of a result", responses=responses(401, 404, 422), response_class=FileResponse,
        )  # fmt: skip
        add(
            f"{PREFIX}/models",
            self.models,
            tags=["models"],
            summary="The models, and which one answers",
            responses=responses(401),
        )
        add(
            "/api/{rest:path}", self.nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )
        add("/healthz", self.health, tags=["health"], summary="Whether the server lives", response_model=Health)
        add(
            "/readyz", self.readiness, tags=["health"], summary="Whether a model can answer", response_model=Health,
            responses={503: {"model": Health}},
        )  # fmt: skip

        add(
            "/metrics", self.metrics, tags=["health"], summary="Numbers for Prometheus", response_class=Response,
            responses=responses(401) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )  # fmt: skip

    async def recognize(self, request: Request) -> Response:
        """Takes an upload (`multipart/form-data`, field `audio`) or JSON, and answers with the result document."""
        with self._scheduler.caller(caller_name(request)):
            self._scheduler.check_room()  # before the body is read
            self._service.budget.check(caller_name(request))
            return await self._read_and_answer(request)

    async def _read_and_answer(self, request: Request) -> Response:
        if media_type_of(request, FORM, JSON) == FORM:
            async with request.form(max_files=1, max_fields=32) as form:
                upload = _upload_in(form)
                body = parse_body(RecognizeRequest, form_fields(form))
                if any(getattr(body, source) is not None for source in SOURCES):
                    raise RequestError("api.one_source", found="audio + another source")
                return await self._answer(request, body, lambda _progress: _kept(upload), upload.filename)
        body = await run_in_threadpool(parse_body, RecognizeRequest, await request.body())
        name = file_name_of(body.audio_url) if body.audio_url is not None else None
        return await self._answer(request, body, source_of(body, self._settings, self._urls), name)

    async def _answer(self, request: Request, body: RecognizeRequest, source: Opened, name: str | None) -> Response:
        if body.inline_embedding and body.granularity is Granularity.FRAME:
            raise RequestError("api.inline_frames")
        options = body.options()
        file_name, caller = plain_name(body.file_name or name) or None, caller_name(request)

        def work(audio: Path | bytes, progress: Progress) -> bytes:
            """Returns the encoded answer: encoding thousands of rows takes long, and must not block the event loop."""
            done = self._service.recognize(
                audio, options, file_name=file_name, caller=caller, admitted=True, progress=progress
            )
            return self._document(done, inline=body.inline_embedding).model_dump_json(exclude_none=True).encode()

        answer = await run_for(request, self._scheduler, source, work, limit_s=self._settings.max_request_s)
        return Response(answer, media_type="application/json")

    def _document(self, recognition: Recognition, *, inline: bool) -> RecognizedAudio:
        folder, values = recognition.folder, None
        if inline:
            try:
                values = tuple(np.load(folder / EMBEDDING_FILE, allow_pickle=False).tolist())
            except FileNotFoundError as err:  # somebody who lists results was quick to delete it
                raise RunNotFoundError("api.no_result", found=self._ids.id_of(folder)) from err
        return self._linked(recognition.result, folder, (file.name for file in recognition.files), values)

    def _linked(
        self, result: RecognitionResult, folder: Path, files: Iterable[str], values: tuple[float, ...] | None = None
    ) -> RecognizedAudio:
        links = self._links(folder, files)
        return RecognizedAudio(
            **fields_of(result, RecognitionResult), id=self._ids.id_of(folder), links=links, embedding_values=values
        )

    def _links(self, folder: Path, files: Iterable[str]) -> dict[str, str]:
        address = f"{PREFIX}/results/{self._ids.id_of(folder)}"
        return {name: f"{address}/{name}" for name in files}

    def list_results(
        self,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> ResultPage:
        """Lists what the outputs folder holds; a folder that holds no readable result is left out."""
        folders, total = self._ids.newest_first(offset=offset, limit=limit)
        listed = [self._listed(folder) for folder in folders]
        return ResultPage(
            results=tuple(entry for entry in listed if entry is not None), total=total, offset=offset, limit=limit
        )

    def _listed(self, folder: Path) -> ListedResult | None:
        try:
            result, files = _read_result(folder), _names_in(folder)
        except (OSError, ValidationError):
            return None
        return ListedResult(
            id=self._ids.id_of(folder),
            timestamp=result.timestamp,
            file_name=result.source.file_name,
            emotion=result.emotion.value,
            confidence=round(result.confidence, 6),
            model=result.model.name,
            links=self._links(folder, files),
        )

    def read_result(self, run_id: str) -> RecognizedAudio:
        """Answers with the document that the recognition gave."""
        folder = self._folder(run_id)
        try:
            return self._linked(_read_result(folder), folder, _names_in(folder))
        except (OSError, ValidationError) as err:
            raise RunNotFoundError("api.no_result", found=run_id) from err

    def delete_result(self, run_id: str) -> None:
        """Deletes the result's folder."""
        if not self._ids.delete(self._folder(run_id)):
            raise RunNotFoundError("api.no_result", found=run_id)

    def read_file(self, run_id: str, file_name: str) -> FileResponse:
        """Answers with a file of the result."""
        folder = self._folder(run_id)
        try:
            files = _names_in(folder)
            if file_name in files:
                return OpenedFileResponse(folder / file_name)
        except FileNotFoundError as err:  # deleted meanwhile
            raise RunNotFoundError("api.no_result", found=run_id) from err
        raise RunNotFoundError("api.no_file", found=file_name[:80], expected=", ".join(files))

    def models(self) -> ModelsDocument:
        """Answers at once, whatever is being loaded."""
        status = self._service.models.status()
        listed = tuple(
            ListedModel(
                name=entry.name,
                ready=entry.ready,
                engine=entry.engine,
                license=entry.license,
                size_bytes=entry.size_bytes,
            )
            for entry in self._service.registry.listings()
        )
        notice = status.acquisition.notice() if status.acquisition is not None else self._service.models.why_builtin()
        return ModelsDocument(
            models=listed,
            answering=status.active.name if status.active is not None else None,
            verified=status.active.verified if status.active is not None else None,
            notice=notice.message() if notice is not None else None,
        )

    def nothing(self, rest: str, request: Request) -> None:
        """Answers what no route does, before the page's own server would with a page."""
        described: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
        here = [found for path, found in described.items() if compile_path(path)[0].match(request.scope["path"])]
        methods = {method.upper() for found in here for method in found}
        if methods:
            allowed = ", ".join(sorted(methods))
            raise HTTPException(405, f"{request.method} is not possible here; {allowed} is.", {"Allow": allowed})
        raise HTTPException(404, f"There is no /api/{rest[:80]}; /docs lists what there is.")

    async def health(self) -> Health:
        """Answers as long as the process serves."""
        return Health(status="ok")

    async def readiness(self) -> JSONResponse:
        """Answers 200 once a model is loaded, 503 before, and again once the server is about to end."""
        if self._scheduler.drain.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        status = await run_sync(self._service.models.status, limiter=self._looking)  # has its own threads
        ready = status.active is not None and bool(status.active.precision)
        return JSONResponse({"status": "ready" if ready else "loading"}, 200 if ready else 503)

    def metrics(self) -> Response:
        """Every number of the process in Prometheus' text format."""
        return Response(self._service.metrics.exposition(), media_type=CONTENT_TYPE)

    def _folder(self, run_id: str) -> Path:
        folder = self._ids.find(run_id)
        if folder is None:
            raise RunNotFoundError("api.no_result", found=run_id[:80])
        return folder


def form_fields(form: FormData) -> dict[str, str]:
    """Returns the form's fields besides the upload; an empty one counts as left out."""
    return {name: value for name, value in form.items() if isinstance(value, str) and value != ""}


def plain_name(name: str | None) -> str:
    """Returns a file's name from a caller without folders and without what can't be printed."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:255]


def parse_body(kind: type[Body], given: bytes | dict[str, str]) -> Body:
    """Returns what a request says, in JSON or in the fields of a form.

    Raises:
        RequestValidationError: a field is unknown, missing or out of range.
    """
    try:
        return kind.model_validate_json(given) if isinstance(given, bytes) else kind.model_validate(given)
    except ValidationError as err:
        parts = [{**part, "loc": ("body", *part["loc"])} for part in err.errors(include_input=False, include_url=False)]
        raise RequestValidationError(parts) from err


def _upload_in(form: FormData) -> UploadFile:
    """Returns the uploaded file.

    Raises:
        RequestError: there is none.
    """
    upload = form.get(AUDIO_FIELD)
    if not isinstance(upload, UploadFile):
        raise RequestError("api.one_source", found=f"no file in the field `{AUDIO_FIELD}`")
    return upload


@contextmanager
def _kept(upload: UploadFile) -> Iterator[Path]:
    """Gives an upload as a path, gone at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="speech-emotion-upload-") as kept:
        with writing_to(Path(kept.name).parent):
            shutil.copyfileobj(upload.file, kept, COPY_BYTES)
            kept.flush()
        yield Path(kept.name)


def _names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _read_result(folder: Path) -> RecognitionResult:
    return RecognitionResult.model_validate_json((folder / RESULT_FILE).read_bytes())


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema whose definitions stand where they are referred to: OpenAPI has another place for them."""
    defs = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(part, dict):
            if "$ref" in part:
                others = {name: value for name, value in part.items() if name != "$ref"}
                return {**resolve(defs[part["$ref"].rsplit("/", 1)[-1]]), **others}
            return {name: resolve(value) for name, value in part.items()}
        return [resolve(one) for one in part] if isinstance(part, list) else part

    found: dict[str, Any] = resolve(schema)
    return found


def _request_body() -> dict[str, Any]:
    """Returns what OpenAPI is told of the two forms of a request."""
    schema = inlined(RecognizeRequest.model_json_schema())
    fields = {name: field for name, field in schema["properties"].items() if name not in SOURCES}
    upload = {**_UPLOAD_SCHEMA, "properties": {**_UPLOAD_SCHEMA["properties"], **fields}}
    example = {"audio_path": "/uploads/user_123/audio.mp3", "granularity": "utterance", "extract_embedding": True}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": upload},
            "application/json": {"schema": schema, "example": example},
        },
    }
