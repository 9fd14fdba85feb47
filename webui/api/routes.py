"""The routes of recognition, models, health and metrics, over the use cases of the service."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.routing import Route

from webui.api import PREFIX
from webui.api.documents import Health, ListedModel, ModelsDocument, RecognizedAudio, RecognizeRequest, ServerState
from webui.api.examples import RECOGNIZED, example_response
from webui.api.idempotency import PARAMETER, REPLAYED, KeptAnswers, KeysUnderWay, fingerprint_of, key_in
from webui.api.no_route import NoRoute
from webui.api.request_data import check_query, form_fields, parse_body, read_form, saved_upload, upload_in
from webui.api.request_schemas import RECOGNIZE_BODY
from webui.api.results import ResultsApi
from webui.api.sources import SOURCES, Opened, source_of
from webui.api.url_source import UrlSource, file_name_of
from webui.api.work import run_for
from webui.audio.source import NAMELESS
from webui.errors import RequestError, RunNotFoundError
from webui.http.access import caller_name
from webui.http.file_names import plain_name
from webui.http.media_types import FORM, JSON, media_type_of
from webui.http.problems import responses
from webui.results import Granularity, RecognitionResult, fields_of
from webui.service import Progress, Recognition, RecognitionService, RecognizeOptions
from webui.service.recognition.analysis_sink import EmbeddingOfWhole
from webui.service.serving.metrics import CONTENT_TYPE
from webui.service.serving.priority_semaphore import Priority
from webui.storage import EMBEDDING_FILE

READINESS_THREADS: Final = 2  # used by readiness checks only, which thus never wait for the threads of other requests


class Api:
    """The routes.

    Args:
        service: the use cases.
    """

    def __init__(self, service: RecognitionService) -> None:
        self._service = service
        self._settings = service.settings
        self._ids = service.results
        self._urls = UrlSource(service.settings)
        self._scheduler = scheduler = service.scheduler
        service.metrics.watch(waiting=lambda: scheduler.waiting, under_way=lambda: scheduler.drain.under_way)
        self._keys_under_way = KeysUnderWay()
        self._kept_answers = KeptAnswers()
        self._results = ResultsApi(self._ids)
        self._readiness_limiter = CapacityLimiter(READINESS_THREADS)
        self.router = APIRouter(dependencies=[Depends(check_query)])
        self._add_routes()

    def _add_routes(self) -> None:
        add = self.router.add_api_route
        add(
            f"{PREFIX}/recognize", self.recognize, methods=["POST"], response_model=RecognizedAudio,
            operation_id="recognize", response_model_exclude_none=True, tags=["recognition"],
            summary="Recognize the emotion of one recording",
            responses=example_response(200, RECOGNIZED) | responses(401, 403, 408, 409, 413, 422, 429, 503, 504, 507),
            openapi_extra={"requestBody": RECOGNIZE_BODY, "parameters": [PARAMETER]},
        )  # fmt: skip
        self.router.include_router(self._results.router)
        add(
            f"{PREFIX}/models", self.models, tags=["models"], operation_id="listModels",
            summary="List the models, and the one in use", responses=responses(401, 422),
        )  # fmt: skip
        for path in ("/api", "/api/{rest:path}"):
            self.router.routes.append(Route(path, NoRoute(), include_in_schema=False))
        add(
            "/healthz", self.health, tags=["health"], operation_id="checkHealth",
            summary="Whether the server is running", response_model=Health,
        )  # fmt: skip
        add(
            "/readyz", self.readiness, tags=["health"], operation_id="checkReadiness",
            summary="Whether a model is ready", response_model=Health, responses={503: {"model": Health}},
        )  # fmt: skip
        add(
            "/metrics", self.metrics, tags=["health"], operation_id="readMetrics", summary="Metrics for Prometheus",
            response_class=Response,
            responses=responses(401) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )  # fmt: skip

    async def recognize(self, request: Request) -> Response:
        """Accepts an upload (`multipart/form-data`, field `audio`) or JSON, and returns the result document."""
        caller, key = caller_name(request), key_in(request)
        with self._scheduler.caller(caller), self._keys_under_way.held(caller, key):
            self._scheduler.check_room()  # refuses the request before its body is read
            self._service.budget.check(caller)
            return await self._read_and_answer(request, key)

    async def _read_and_answer(self, request: Request, key: str | None) -> Response:
        if media_type_of(request, FORM, JSON) == FORM:
            async with read_form(request, max_files=1, max_fields=32) as form:
                upload = upload_in(form)
                body = parse_body(RecognizeRequest, form_fields(RecognizeRequest, form))
                if any(getattr(body, source) is not None for source in SOURCES):
                    raise RequestError("api.one_source", found="audio + another source")
                answer = partial(
                    self._answer, request, body, lambda _progress: saved_upload(upload), upload.filename or NAMELESS
                )
                return await self._answer_once(request, key, body, [upload], answer)
        body = await run_in_threadpool(parse_body, RecognizeRequest, await request.body())
        name = file_name_of(body.audio_url) if body.audio_url is not None else None
        answer = partial(self._answer, request, body, source_of(body, self._settings, self._urls), name)
        return await self._answer_once(request, key, body, [], answer)

    async def _answer_once(
        self,
        request: Request,
        key: str | None,
        body: RecognizeRequest,
        uploads: Sequence[UploadFile],
        answer: Callable[[], Awaitable[bytes]],
    ) -> Response:
        """Returns the result, or the earlier one of the same request with the same idempotency key."""
        if key is None:
            return Response(await answer(), media_type=JSON)
        caller = caller_name(request)
        fingerprint = await run_in_threadpool(fingerprint_of, "recognize", body, uploads)
        kept = self._kept_answers.find(caller, key, fingerprint)
        if kept is not None:
            return Response(kept, media_type=JSON, headers=REPLAYED)
        result = await answer()
        self._kept_answers.keep(caller, key, fingerprint, result)
        return Response(result, media_type=JSON)

    async def _answer(self, request: Request, body: RecognizeRequest, source: Opened, name: str | None) -> bytes:
        """Returns the encoded result."""
        if body.inline_embedding and body.granularity is Granularity.FRAME:
            raise RequestError("api.inline_frames")
        keep = body.keep if body.keep is not None else self._settings.keep_results
        if body.extract_embedding and not body.inline_embedding and not keep:
            raise RequestError("api.embedding_not_kept")
        options = body.options()
        file_name, caller = plain_name(body.file_name or name) or None, caller_name(request)

        def work(audio: Path | bytes, progress: Progress) -> bytes:
            """Returns the encoded response: encoding thousands of rows is slow and must not block the event loop."""
            if not keep:
                document = self._unkept(audio, options, file_name, caller, progress, inline=body.inline_embedding)
                return document.model_dump_json(exclude_none=True).encode()
            done = self._service.recognize(
                audio, options, file_name=file_name, caller=caller, admitted=True, progress=progress
            )
            return self._document(done, inline=body.inline_embedding).model_dump_json(exclude_none=True).encode()

        return await run_for(request, self._scheduler, source, work, limit_s=self._settings.max_request_s)

    def _document(self, recognition: Recognition, *, inline: bool) -> RecognizedAudio:
        folder, values = recognition.folder, None
        if inline:
            try:
                values = tuple(np.load(folder / EMBEDDING_FILE, allow_pickle=False).tolist())
            except FileNotFoundError as err:  # another caller has deleted the result already
                raise RunNotFoundError("api.no_result", found=self._ids.id_of(folder)) from err
        return self._results.document(recognition.result, folder, (file.name for file in recognition.files), values)

    def _unkept(
        self,
        audio: Path | bytes,
        options: RecognizeOptions,
        file_name: str | None,
        caller: str,
        progress: Progress,
        *,
        inline: bool,
    ) -> RecognizedAudio:
        """Recognizes without keeping anything."""
        sink = EmbeddingOfWhole() if inline else None
        result = self._service.analyze(
            audio,
            options,
            file_name=file_name,
            caller=caller,
            priority=Priority.INTERACTIVE,
            progress=self._scheduler.drain.watched(progress),
            sink=sink,
        )
        values = tuple(sink.vector.tolist()) if sink is not None and sink.vector is not None else None
        return RecognizedAudio(**fields_of(result, RecognitionResult), kept=False, links={}, embedding_values=values)

    def models(self) -> ModelsDocument:
        """Lists the models; does not wait for a model that is being loaded."""
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

    async def health(self) -> Health:
        """Returns 200 as long as the process accepts requests."""
        return Health(status=ServerState.OK)

    async def readiness(self) -> JSONResponse:
        """Returns 200 once a model is loaded, 503 before that and while the server is shutting down."""
        if self._scheduler.drain.stopping:
            return JSONResponse({"status": ServerState.STOPPING}, 503)
        status = await run_sync(self._service.models.status, limiter=self._readiness_limiter)
        ready = status.active is not None and bool(status.active.precision)
        state = ServerState.READY if ready else ServerState.LOADING
        return JSONResponse({"status": state}, 200 if ready else 503)

    def metrics(self) -> Response:
        """Returns all metrics in the text format of Prometheus."""
        return Response(self._service.metrics.exposition(), media_type=CONTENT_TYPE)
