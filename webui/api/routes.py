"""The routes under ``/api/v1``. Each asks the service and says what it answered."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
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
from webui.http.caller_limit import CallerLimit
from webui.http.problems import responses
from webui.results import Granularity, RecognitionResult
from webui.service import Progress, Recognition, RecognitionService, RecognizeOptions
from webui.service.gate import Gate
from webui.service.machine import nvidia_gpus
from webui.service.metrics import CONTENT_TYPE
from webui.settings import Device
from webui.storage import EMBEDDING_FILE, RESULT_FILE
from webui.storage.faults import writing_to
from webui.storage.run_ids import RunIds

PREFIX: Final = "/api/v1"
RUNNING: Final = 2  # one is heard by the model while the next is decoded
RUNNING_GPU: Final = 16  # a GPU hears many at a time
AUDIO_FIELD: Final = "audio"
MAX_PAGE: Final = 200
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
        self._callers = CallerLimit(service.settings.max_per_client)
        on_gpu = service.settings.device is not Device.CPU and bool(nvidia_gpus())
        self._gate = Gate(running=RUNNING_GPU if on_gpu else RUNNING, waiting=service.settings.max_waiting)
        service.metrics.watch(waiting=lambda: self._gate.waiting, under_way=lambda: service.activity.under_way)
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
        with self._callers.counted(caller_name(request)):
            self._service.activity.check_open()
            self._gate.check()  # before the body is read
            return await self._read_and_answer(request)

    async def _read_and_answer(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            async with request.form(max_files=1, max_fields=32) as form:
                upload = _upload_in(form)
                asked = _parse(form_fields(form))
                if any(getattr(asked, source) is not None for source in SOURCES):
                    raise RequestError("api.one_source", found="audio + another source")
                return await self._answer(request, asked, lambda _progress: _kept(upload), upload.filename)
        if kind == "application/json":
            asked = await run_in_threadpool(_parse, await request.body())
            name = file_name_of(asked.audio_url) if asked.audio_url is not None else None
            return await self._answer(request, asked, source_of(asked, self._settings, self._urls), name)
        raise RequestError("api.media_type", found=kind or "missing")

    async def _answer(self, request: Request, asked: RecognizeRequest, source: Opened, name: str | None) -> Response:
        if asked.inline_embedding and asked.granularity is Granularity.FRAME:
            raise RequestError("api.inline_frames")
        options = RecognizeOptions(
            granularity=asked.granularity,
            extract_embedding=asked.extract_embedding or asked.inline_embedding,
            window_s=asked.window_s,
            hop_s=asked.hop_s,
            raw_frames=asked.raw_frames,
            labels=asked.labels,
            max_segment_s=asked.max_segment_s,
            merge_segments=asked.merge_segments,
            model=asked.model,
            precision=asked.precision,
        )
        file_name = plain_name(asked.file_name or name) or None

        def work(audio: Path | bytes, progress: Progress) -> bytes:
            """Gives the answer as it is sent: thousands of rows take a while to write, and the loop answers others."""
            done = self._service.recognize(audio, options, file_name=file_name, progress=progress)
            return self._document(done, inline=asked.inline_embedding).model_dump_json(exclude_none=True).encode()

        activity, limit_s = self._service.activity, self._settings.max_request_s
        body = await run_for(request, self._gate, source, work, activity=activity, limit_s=limit_s)
        return Response(body, media_type="application/json")

    def _document(self, recognition: Recognition, *, inline: bool) -> RecognizedAudio:
        values: tuple[float, ...] | None = None
        if inline:
            values = tuple(np.load(recognition.folder / EMBEDDING_FILE, allow_pickle=False).tolist())
        return self._linked(recognition.result, recognition.folder, values)

    def _linked(
        self, result: RecognitionResult, folder: Path, values: tuple[float, ...] | None = None
    ) -> RecognizedAudio:
        fields = {name: getattr(result, name) for name in RecognitionResult.model_fields}
        return RecognizedAudio(**fields, id=self._ids.id_of(folder), links=self._links(folder), embedding_values=values)

    def _links(self, folder: Path) -> dict[str, str]:
        address = f"{PREFIX}/results/{self._ids.id_of(folder)}"
        return {file.name: f"{address}/{file.name}" for file in sorted(folder.iterdir())}

    def list_results(
        self,
        offset: Annotated[int, Query(ge=0)] = 0,
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
            result = _read_result(folder)
        except (OSError, ValidationError):
            return None
        return ListedResult(
            id=self._ids.id_of(folder),
            timestamp=result.timestamp,
            file_name=result.source.file_name,
            emotion=result.emotion.value,
            confidence=round(result.confidence, 6),
            model=result.model.name,
            links=self._links(folder),
        )

    def read_result(self, run_id: str) -> RecognizedAudio:
        """Answers with the document that the recognition gave."""
        folder = self._folder(run_id)
        try:
            return self._linked(_read_result(folder), folder)
        except (OSError, ValidationError) as err:
            raise RunNotFoundError("api.no_result", found=run_id) from err

    def delete_result(self, run_id: str) -> None:
        """Deletes the result's folder."""
        self._ids.delete(self._folder(run_id))

    def read_file(self, run_id: str, file_name: str) -> FileResponse:
        """Answers with a file of the result."""
        folder = self._folder(run_id)
        files = {file.name: file for file in folder.iterdir()}
        if file_name not in files:
            raise RunNotFoundError("api.no_file", found=file_name[:80], expected=", ".join(sorted(files)))
        return FileResponse(files[file_name], filename=file_name)

    def models(self) -> ModelsDocument:
        """Answers at once, whatever is being loaded."""
        standing = self._service.models.standing()
        listed = tuple(
            ListedModel(
                name=status.name,
                ready=status.ready,
                engine=status.engine,
                license=status.license,
                size_bytes=status.size_bytes,
            )
            for status in self._service.registry.statuses()
        )
        notice = standing.status.notice() if standing.status is not None else self._service.models.why_builtin()
        return ModelsDocument(
            models=listed,
            answering=standing.answering.name if standing.answering is not None else None,
            verified=standing.answering.verified if standing.answering is not None else None,
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

    def health(self) -> Health:
        """Answers as long as the process serves."""
        return Health(status="ok")

    def readiness(self) -> JSONResponse:
        """Answers 200 once a model is loaded, 503 before, and again once the server is about to end."""
        if self._service.activity.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        answering = self._service.models.standing().answering
        ready = answering is not None and bool(answering.precision)
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


def _parse(given: bytes | dict[str, str]) -> RecognizeRequest:
    try:
        if isinstance(given, bytes):
            return RecognizeRequest.model_validate_json(given)
        return RecognizeRequest.model_validate(given)
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
