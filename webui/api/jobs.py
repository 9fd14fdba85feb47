"""The routes of jobs: many recordings in one request, recognized in the background with low priority."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile

from webui.api import PREFIX
from webui.api.callbacks import CallbackSender
from webui.api.documents import JobDocument, JobPage, JobRecordingPage, JobRequest
from webui.api.examples import JOB, example_response
from webui.api.idempotency import PARAMETER, REPLAYED, KeysUnderWay, check_fingerprint, fingerprint_of, key_in
from webui.api.job_documents import granularity_of, has_embeddings, job_document, job_recording
from webui.api.job_waiting import MAX_WAIT_S, JobWaiters
from webui.api.request_data import AUDIO_FIELD, COPY_BYTES, check_query, form_fields, parse_body, read_form
from webui.api.request_schemas import JOB_BODY
from webui.api.results import MAX_OFFSET, MAX_PAGE
from webui.api.sources import allowed_path
from webui.api.url_source import UrlSource
from webui.errors import BusyError, OutputError, RequestError, RunNotFoundError
from webui.http.access import caller_name
from webui.http.file_names import plain_name
from webui.http.forwarded import PUBLISHED_AT
from webui.http.media_types import FORM, JSON, media_type_of
from webui.http.problems import responses
from webui.service import RecognitionService
from webui.service.jobs.embeddings import ArrayFormat, write_embeddings
from webui.service.jobs.frame_tables import layout_of
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import TableFormat, formats_for, write_table
from webui.storage.job_callbacks import Callback, CallbackStore
from webui.storage.job_extras import JobExtras, extras_in
from webui.storage.job_keys import JobKey, JobKeys
from webui.storage.job_store import ItemState, JobRecord, JobStore, WithJob

FOLDER: Final = ".jobs"  # in the outputs folder
STORE: Final = "jobs.sqlite"
MAX_FILES: Final = 10_000
MEDIA_TYPES: Final = {
    TableFormat.CSV: "text/csv",
    TableFormat.JSONL: "application/x-ndjson",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
}
_TEXT: Final = {"type": "string"}
_TABLES: Final = {
    MEDIA_TYPES[TableFormat.CSV]: {"schema": _TEXT},
    MEDIA_TYPES[TableFormat.JSONL]: {"schema": _TEXT},
    MEDIA_TYPES[TableFormat.PARQUET]: {"schema": _TEXT | {"format": "binary"}},
}
ARRAY_MEDIA_TYPE: Final = "application/octet-stream"
TEMPORARY: Final = "speech-emotion-job-"  # folders of files that are being sent
STOP_S: Final = 10.0
CALLBACKS_STOP_S: Final = 1.0
RETRY_JOB_S: Final = 60  # Retry-After when there are too many unfinished jobs
Files = list[tuple[str, str]]  # name, and path or URL


class JobsApi:
    """The routes of jobs, and the runner behind them.

    Args:
        service: the use cases.
    """

    def __init__(self, service: RecognitionService) -> None:
        self._service = service
        self._settings = service.settings
        self._urls = UrlSource(service.settings)
        self._waiters = JobWaiters(service.scheduler.drain, max_per_caller=service.settings.max_per_client)
        self._callbacks = CallbackSender(service.settings, self._callback_body)
        self._keys_under_way = KeysUnderWay()
        self._folder = service.settings.outputs_dir / FOLDER
        self._opened_jobs: _OpenedJobs | None = None
        self._open_error: OutputError | None = None
        self.router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"], dependencies=[Depends(check_query)])
        self._add_routes()

    def start(self) -> None:
        """Opens the database of jobs and continues unfinished jobs; a failure to open it is reported by the routes."""
        try:
            store = JobStore(self._folder / STORE)
            callbacks, keys = CallbackStore(store), JobKeys(store)
        except OutputError as err:
            self._open_error = err
            return
        for folder in self._folder.iterdir():
            if folder.is_dir() and not store.unfinished(folder.name):  # uploads left by a process that was killed
                self._remove_uploads(folder.name)
        for job, path in extras_in(store.path).items():
            if store.options(job) is None:  # its job was deleted
                JobExtras(path).delete()
        runner = JobRunner(self._service, store, self._opened, self._ended)
        self._opened_jobs = _OpenedJobs(runner, callbacks, keys)
        runner.start()
        self._callbacks.start(callbacks)

    def stop(self) -> None:
        """Stops the runner; unfinished jobs continue at the next start."""
        if self._opened_jobs is not None:
            self._callbacks.stop(CALLBACKS_STOP_S)
            self._opened_jobs.runner.stop(STOP_S)
            self._opened_jobs.runner.store.close()

    def deletable_files(self) -> list[Path]:
        """Returns the files of ended jobs that may be deleted if the results take too much space."""
        if self._opened_jobs is None:
            return []
        store = self._opened_jobs.runner.store
        return [path for job, path in extras_in(store.path).items() if not store.unfinished(job)]

    def _add_routes(self) -> None:
        add = partial(self.router.add_api_route, response_model_exclude_none=True)
        add(
            "", self.create, methods=["POST"], operation_id="createJob", status_code=202, response_model=JobDocument,
            summary="Recognize many recordings in the background",
            responses=example_response(202, JOB) | responses(401, 403, 408, 409, 413, 422, 429, 503, 507),
            openapi_extra={"requestBody": JOB_BODY, "parameters": [PARAMETER]},
        )  # fmt: skip
        add(
            "", self.list_jobs, operation_id="listJobs", response_model=JobPage, summary="List jobs, newest first",
            responses=responses(401, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}", self.read, operation_id="readJob", response_model=JobDocument,
            summary="Read the state of a job, or wait for its end",
            responses=example_response(200, JOB) | responses(401, 404, 422, 429, 507),
        )  # fmt: skip
        add(
            "/{job_id}/recordings", self.recordings, operation_id="listJobRecordings", response_model=JobRecordingPage,
            summary="List the recordings of a job, in the order of the request",
            responses=responses(401, 404, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}/results", self.results, operation_id="readJobResults", summary="Fetch the results so far",
            response_class=FileResponse, responses={200: {"content": _TABLES}, **responses(401, 404, 422, 507)},
        )  # fmt: skip
        add(
            "/{job_id}/embedding", self.embedding, operation_id="readJobEmbedding",
            summary="Fetch the embeddings so far as one NumPy array", response_class=FileResponse,
            responses={
                200: {"content": {ARRAY_MEDIA_TYPE: {"schema": _TEXT | {"format": "binary"}}}},
                **responses(401, 404, 422, 507),
            },
        )  # fmt: skip
        add(
            "/{job_id}/cancel", self.cancel, methods=["POST"], operation_id="cancelJob", response_model=JobDocument,
            summary="Cancel a job; finished results stay", responses=responses(401, 403, 404, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}", self.delete, methods=["DELETE"], status_code=204, operation_id="deleteJob",
            summary="Cancel and delete a job", responses=responses(401, 403, 404, 422, 507), response_model=None,
        )  # fmt: skip

    async def create(self, request: Request, response: Response) -> JobDocument:
        """Accepts many uploads (`multipart/form-data`, fields `audio`), or JSON with `audio_paths` or `audio_urls`."""
        caller, key = caller_name(request), key_in(request)
        with self._service.scheduler.caller(caller), self._keys_under_way.held(caller, key):
            new = _NewJob(uuid4().hex, caller, key)
            if key is None or await run_in_threadpool(self._earlier, new) is None:
                await run_in_threadpool(self._check_room)  # refuses the request before its body is read
            document = await self._read_and_submit(request, new)
            if document.id != new.id:
                response.headers.update(REPLAYED)
            return document

    def _earlier(self, new: "_NewJob") -> JobKey | None:
        """Returns the key of a request that this one may repeat."""
        return self._running().keys.find(new.caller, new.key, time.time()) if new.key is not None else None

    def _check_room(self) -> None:
        """Refuses a new job while there are too many unfinished ones."""
        found, expected = self._running().runner.store.under_way(), self._settings.max_jobs
        if found >= expected:
            raise BusyError("request.too_many_jobs", found=found, expected=expected, retry_s=RETRY_JOB_S)

    async def _read_and_submit(self, request: Request, new: "_NewJob") -> JobDocument:
        kind = media_type_of(request, JSON, FORM)
        if kind == JSON:
            given = await request.body()
            return await run_in_threadpool(self._parse_and_submit, new, given)
        async with read_form(request, max_files=MAX_FILES, max_fields=32) as form:
            body = parse_body(JobRequest, form_fields(JobRequest, form))
            return await run_in_threadpool(self._save_and_submit, new, form, body)

    def _parse_and_submit(self, new: "_NewJob", given: bytes) -> JobDocument:
        body = parse_body(JobRequest, given)
        return self._submit(new, body, (), lambda: self._named(body))

    def _save_and_submit(self, new: "_NewJob", form: FormData, body: JobRequest) -> JobDocument:
        uploads = [upload for upload in form.getlist(AUDIO_FIELD) if isinstance(upload, UploadFile)]
        if not uploads or body.audio_paths or body.audio_urls:
            raise RequestError("api.job_sources", found=len(uploads))
        try:
            return self._submit(new, body, uploads, lambda: self._saved(new.id, uploads))
        except BaseException:
            shutil.rmtree(self._folder / new.id, ignore_errors=True)
            raise

    def _saved(self, job: str, uploads: Iterable[UploadFile]) -> Files:
        folder = self._folder / job
        saved: Files = []
        try:
            folder.mkdir(parents=True)
            for number, upload in enumerate(uploads):
                path = folder / str(number)
                with path.open("wb") as file:
                    shutil.copyfileobj(upload.file, file, COPY_BYTES)
                saved.append((plain_name(upload.filename) or f"{number}", str(path)))
        except OSError as err:
            raise OutputError("storage.jobs_not_written", file=FOLDER, reason=err.strerror or str(err)) from err
        return saved

    def _named(self, body: JobRequest) -> Files:
        """Returns the files or URLs of a JSON request; paths are checked now, URLs when they are fetched."""
        if bool(body.audio_paths) == bool(body.audio_urls):
            raise RequestError("api.job_sources", found=0)
        if body.audio_urls:
            self._urls.check_enabled()
            return [(url, url) for url in body.audio_urls]
        roots = self._settings.audio_roots
        return [(path, str(allowed_path(path, roots))) for path in body.audio_paths or ()]

    def _submit(
        self, new: "_NewJob", body: JobRequest, uploads: Sequence[UploadFile], files: Callable[[], Files]
    ) -> JobDocument:
        """Adds a job, or returns the one that an earlier request with the same key has added."""
        opened = self._running()
        with_job: list[WithJob] = []
        if new.key is not None:
            fingerprint = fingerprint_of("jobs", body, uploads)
            earlier = self._earlier(new)
            if earlier is not None:
                check_fingerprint(earlier.fingerprint, fingerprint)
                return self._document(opened, _found(opened, earlier.job))
            with_job.append(JobKey(new.caller, new.key, fingerprint, time.time(), new.id).add)
        self._check_room()  # other requests may have added jobs in the meantime
        if body.model is not None:
            self._service.models.check_named(body.model, body.precision)
        if body.callback_url is not None:
            self._callbacks.check(body.callback_url)
            with_job.append(Callback(new.id, body.callback_url, PUBLISHED_AT.get()).add)
        charged = new.caller if self._settings.max_audio_s_per_hour else None
        record = opened.runner.submit(
            files(), body.options(), job=new.id, caller=charged, with_job=lambda database: _each(with_job, database)
        )
        return self._document(opened, record)

    def _opened(self, source: str, on_block: Callable[[], None]) -> AbstractContextManager[Path]:
        if source.startswith(("http://", "https://")):
            return self._urls.fetched(source, on_block)
        return nullcontext(Path(source))

    def list_jobs(
        self,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> JobPage:
        """Lists jobs, newest first."""
        opened = self._running()
        records, total = opened.runner.store.jobs(offset=offset, limit=limit)
        items = tuple(self._document(opened, record) for record in records)
        return JobPage(items=items, jobs=items, total=total, offset=offset, limit=limit)

    async def read(
        self, job_id: str, request: Request, wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0.0
    ) -> JobDocument:
        """Returns the progress of a job, and the recordings that failed; with `wait_s` once it has finished.

        If it has not finished after `wait_s` seconds, or the server is about to stop, the job is returned as it is.
        """
        opened = self._running()
        if wait_s > 0:
            caller = caller_name(request)
            await self._waiters.wait(job_id, lambda: _found(opened, job_id).ended, caller=caller, wait_s=wait_s)
        return await run_in_threadpool(lambda: self._document(opened, _found(opened, job_id)))

    def recordings(
        self,
        job_id: str,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> JobRecordingPage:
        """Lists the recordings of a job with their ids and states, in the order of the request."""
        opened = self._running()
        record = _found(opened, job_id)
        items = opened.runner.store.page(record.id, offset=offset, limit=limit)
        return JobRecordingPage(items=tuple(map(job_recording, items)), total=record.total, offset=offset, limit=limit)

    def results(
        self,
        job_id: str,
        format: TableFormat = TableFormat.CSV,
        bom: Annotated[
            bool | None,
            Query(description="Whether CSV has a byte order mark, which Excel needs. False by default."),
        ] = None,
    ) -> FileResponse:
        """Returns a table with one row per recording, including those that are not finished yet.

        With granularity `frame`, CSV and Parquet have one row for each row of frame scores.
        """
        opened = self._running()
        record = _found(opened, job_id)
        found = granularity_of(record)
        if format not in formats_for(found):
            raise RequestError("api.needs_jsonl", found=found.value, format=format.value)
        if bom is not None and format is not TableFormat.CSV:
            raise RequestError("api.only_with_csv", found="bom", format=format.value)
        store = opened.runner.store
        layout = layout_of(found, JobExtras.of(store.path, record.id))
        return self._written_file(
            f"job_{record.id}.{format.value}",
            MEDIA_TYPES[format],
            lambda path: write_table(store.items(record.id), path, format, layout, bom=bool(bom), with_ids=True),
        )

    def embedding(self, job_id: str) -> FileResponse:
        """Returns a `.npz` file: `names` (N,), `channels` (N,) and `embedding` (N, dim), a row per recording.

        Recordings that failed or are not finished have no row. The members of the file are not compressed: unpacked,
        they can be memory-mapped.
        """
        opened = self._running()
        record, store = _found(opened, job_id), opened.runner.store
        extras = JobExtras.of(store.path, record.id)
        if not has_embeddings(record):
            raise RunNotFoundError("api.no_embeddings")
        if record.counts[ItemState.DONE] and not extras.path.exists():
            raise RunNotFoundError("api.extras_deleted")
        return self._written_file(
            f"job_{record.id}.{ArrayFormat.NPZ.value}",
            ARRAY_MEDIA_TYPE,
            lambda draft: write_embeddings(store.items(record.id), extras, draft, ArrayFormat.NPZ),
            self._folder,
        )

    def _written_file(
        self, name: str, media_type: str, write: Callable[[Path], object], place: Path | None = None
    ) -> FileResponse:
        """Returns a file that is written to a temporary folder in ``place``, and deleted when it has been sent."""
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=place))
        try:
            write(folder / name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        clean_up = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(folder / name, filename=name, media_type=media_type, background=clean_up)

    def cancel(self, job_id: str) -> JobDocument:
        """Cancels a job."""
        opened = self._running()
        record = _found(opened, job_id)
        opened.runner.cancel(record.id)
        return self._document(opened, _found(opened, job_id))

    def delete(self, job_id: str) -> None:
        """Cancels a job and deletes its results and uploads."""
        opened = self._running()
        record = _found(opened, job_id)
        opened.runner.delete(record.id)
        self._remove_uploads(record.id)
        self._waiters.wake(record.id)

    def _ended(self, job: str) -> None:
        """Cleans up after a job that has finished, and notifies the requests and callbacks that wait for it."""
        self._remove_uploads(job)
        self._waiters.wake(job)
        self._callbacks.wake()

    def _callback_body(self, callback: Callback) -> bytes | None:
        """Returns the document of a finished job, with links as they were when the job was created."""
        opened = self._running()
        record = opened.runner.store.job(callback.job)
        if record is None:
            return None
        PUBLISHED_AT.set(callback.published_at)
        document = job_document(opened.runner, record, f"{PREFIX}/jobs/{record.id}")
        return document.model_dump_json(exclude_none=True).encode()

    def _document(self, opened: "_OpenedJobs", record: JobRecord) -> JobDocument:
        address = f"{PREFIX}/jobs/{record.id}"
        return job_document(opened.runner, record, address, opened.callbacks.of(record.id))

    def _remove_uploads(self, job: str) -> None:
        shutil.rmtree(self._folder / job, ignore_errors=True)

    def _running(self) -> "_OpenedJobs":
        if self._opened_jobs is None:
            raise (
                self._open_error
                if self._open_error is not None
                else OutputError("storage.jobs_not_written", file=STORE, reason="not open")
            )
        return self._opened_jobs


@dataclass(frozen=True, slots=True)
class _OpenedJobs:
    """The runner with its open database, and the other tables in it."""

    runner: JobRunner
    callbacks: CallbackStore
    keys: JobKeys


@dataclass(frozen=True, slots=True)
class _NewJob:
    """A job that is being created: its id, its caller, and the idempotency key of the request."""

    id: str
    caller: str
    key: str | None


def _each(functions: Iterable[WithJob], database: Connection) -> None:
    for function in functions:
        function(database)


def _found(opened: _OpenedJobs, job_id: str) -> JobRecord:
    record = opened.runner.store.job(job_id)
    if record is None:
        raise RunNotFoundError("api.no_job", found=job_id[:80])
    return record
