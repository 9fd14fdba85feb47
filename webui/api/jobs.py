"""The routes of jobs: many recordings in one request, recognized in the background with low priority."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile

from webui.api import PREFIX
from webui.api.documents import JobDocument, JobPage, JobRequest
from webui.api.examples import JOB, example_response
from webui.api.job_documents import granularity_of, has_embeddings, job_document
from webui.api.request_data import AUDIO_FIELD, COPY_BYTES, check_query, form_fields, parse_body, read_form
from webui.api.request_schemas import JOB_BODY
from webui.api.results import MAX_OFFSET, MAX_PAGE
from webui.api.sources import allowed_path
from webui.api.url_source import UrlSource
from webui.errors import BusyError, OutputError, RequestError, RunNotFoundError
from webui.http.access import caller_name
from webui.http.file_names import plain_name
from webui.http.media_types import FORM, JSON, media_type_of
from webui.http.problems import responses
from webui.service import RecognitionService
from webui.service.jobs.embeddings import ArrayFormat, write_embeddings
from webui.service.jobs.frame_tables import layout_of
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import TableFormat, formats_for, write_table
from webui.storage.job_extras import JobExtras, extras_in
from webui.storage.job_store import ItemState, JobRecord, JobStore

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
        self._folder = service.settings.outputs_dir / FOLDER
        self._runner: JobRunner | None = None
        self._open_error: OutputError | None = None
        self.router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"], dependencies=[Depends(check_query)])
        self._add_routes()

    def start(self) -> None:
        """Opens the database of jobs and continues unfinished jobs; a failure to open it is reported by the routes."""
        try:
            store = JobStore(self._folder / STORE)
        except OutputError as err:
            self._open_error = err
            return
        for folder in self._folder.iterdir():
            if folder.is_dir() and not store.unfinished(folder.name):  # uploads left by a process that was killed
                self._remove_uploads(folder.name)
        for job, path in extras_in(store.path).items():
            if store.options(job) is None:  # its job was deleted
                JobExtras(path).delete()
        self._runner = JobRunner(self._service, store, self._opened, self._remove_uploads)
        self._runner.start()

    def stop(self) -> None:
        """Stops the runner; unfinished jobs continue at the next start."""
        if self._runner is not None:
            self._runner.stop(STOP_S)
            self._runner.store.close()

    def deletable_files(self) -> list[Path]:
        """Returns the files of ended jobs that may be deleted if the results take too much space."""
        if self._runner is None:
            return []
        store = self._runner.store
        return [path for job, path in extras_in(store.path).items() if not store.unfinished(job)]

    def _add_routes(self) -> None:
        add = partial(self.router.add_api_route, response_model_exclude_none=True)
        add(
            "", self.create, methods=["POST"], operation_id="createJob", status_code=202, response_model=JobDocument,
            summary="Recognize many recordings in the background",
            responses=example_response(202, JOB) | responses(401, 403, 408, 413, 422, 429, 503, 507),
            openapi_extra={"requestBody": JOB_BODY},
        )  # fmt: skip
        add(
            "", self.list_jobs, operation_id="listJobs", response_model=JobPage, summary="List jobs, newest first",
            responses=responses(401, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}", self.read, operation_id="readJob", response_model=JobDocument,
            summary="Read the state of a job", responses=example_response(200, JOB) | responses(401, 404, 422, 507),
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

    async def create(self, request: Request) -> JobDocument:
        """Accepts many uploads (`multipart/form-data`, fields `audio`), or JSON with `audio_paths` or `audio_urls`."""
        with self._service.scheduler.caller(caller_name(request)):
            runner = self._running()
            await run_in_threadpool(self._check_room, runner)  # refuses the request before its body is read
            return await self._read_and_submit(request, runner)

    def _check_room(self, runner: JobRunner) -> None:
        """Refuses a new job while there are too many unfinished ones."""
        found, expected = runner.store.under_way(), self._settings.max_jobs
        if found >= expected:
            raise BusyError("request.too_many_jobs", found=found, expected=expected, retry_s=RETRY_JOB_S)

    async def _read_and_submit(self, request: Request, runner: JobRunner) -> JobDocument:
        kind = media_type_of(request, JSON, FORM)
        job, caller = uuid4().hex, caller_name(request)
        if kind == JSON:
            given = await request.body()
            return await run_in_threadpool(self._parse_and_submit, runner, job, given, caller)
        async with read_form(request, max_files=MAX_FILES, max_fields=32) as form:
            body = parse_body(JobRequest, form_fields(JobRequest, form))
            return await run_in_threadpool(self._save_and_submit, runner, job, form, body, caller)

    def _parse_and_submit(self, runner: JobRunner, job: str, given: bytes, caller: str) -> JobDocument:
        body = parse_body(JobRequest, given)
        return self._submit(runner, job, self._named(body), body, caller)

    def _save_and_submit(
        self, runner: JobRunner, job: str, form: FormData, body: JobRequest, caller: str
    ) -> JobDocument:
        uploads = [upload for upload in form.getlist(AUDIO_FIELD) if isinstance(upload, UploadFile)]
        if not uploads or body.audio_paths or body.audio_urls:
            raise RequestError("api.job_sources", found=len(uploads))
        try:
            return self._submit(runner, job, self._saved(job, uploads), body, caller)
        except BaseException:
            shutil.rmtree(self._folder / job, ignore_errors=True)
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

    def _submit(self, runner: JobRunner, job: str, files: Files, body: JobRequest, caller: str) -> JobDocument:
        self._check_room(runner)  # other requests may have added jobs in the meantime
        charged = caller if self._settings.max_audio_s_per_hour else None
        return _document(runner, runner.submit(files, body.options(), job=job, caller=charged))

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
        runner = self._running()
        records, total = runner.store.jobs(offset=offset, limit=limit)
        items = tuple(_document(runner, record) for record in records)
        return JobPage(items=items, jobs=items, total=total, offset=offset, limit=limit)

    def read(self, job_id: str) -> JobDocument:
        """Returns the progress of a job, and the recordings that failed."""
        runner = self._running()
        return _document(runner, _found(runner, job_id))

    def results(
        self,
        job_id: str,
        format: TableFormat = TableFormat.CSV,
        bom: Annotated[
            bool | None,
            Query(description="Whether CSV has a byte order mark, which Excel needs. Not by default."),
        ] = None,
    ) -> FileResponse:
        """Returns a table with one row per recording, including those that are not finished yet.

        With granularity `frame`, CSV and Parquet have one row per row of frame scores.
        """
        runner = self._running()
        record = _found(runner, job_id)
        found = granularity_of(record)
        if format not in formats_for(found):
            raise RequestError("api.needs_jsonl", found=found.value, format=format.value)
        if bom is not None and format is not TableFormat.CSV:
            raise RequestError("api.only_with_csv", found="bom", format=format.value)
        layout = layout_of(found, JobExtras.of(runner.store.path, record.id))
        return self._written_file(
            f"job_{record.id}.{format.value}",
            MEDIA_TYPES[format],
            lambda path: write_table(runner.store.items(record.id), path, format, layout, bom=bool(bom)),
        )

    def embedding(self, job_id: str) -> FileResponse:
        """Returns a `.npz` file: `names` (N,), `channels` (N,) and `embedding` (N, dim), a row per recording.

        Recordings that failed or are not finished have no row. The members of the file are not compressed: unpacked,
        they can be memory-mapped.
        """
        runner = self._running()
        record = _found(runner, job_id)
        extras = JobExtras.of(runner.store.path, record.id)
        if not has_embeddings(record):
            raise RunNotFoundError("api.no_embeddings")
        if record.counts[ItemState.DONE] and not extras.path.exists():
            raise RunNotFoundError("api.extras_deleted")
        return self._written_file(
            f"job_{record.id}.{ArrayFormat.NPZ.value}",
            ARRAY_MEDIA_TYPE,
            lambda draft: write_embeddings(runner.store.items(record.id), extras, draft, ArrayFormat.NPZ),
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
        runner = self._running()
        record = _found(runner, job_id)
        runner.cancel(record.id)
        return _document(runner, _found(runner, job_id))

    def delete(self, job_id: str) -> None:
        """Cancels a job and deletes its results and uploads."""
        runner = self._running()
        record = _found(runner, job_id)
        runner.delete(record.id)
        self._remove_uploads(record.id)

    def _remove_uploads(self, job: str) -> None:
        shutil.rmtree(self._folder / job, ignore_errors=True)

    def _running(self) -> JobRunner:
        if self._runner is None:
            raise (
                self._open_error
                if self._open_error is not None
                else OutputError("storage.jobs_not_written", file=STORE, reason="not open")
            )
        return self._runner


def _found(runner: JobRunner, job_id: str) -> JobRecord:
    record = runner.store.job(job_id)
    if record is None:
        raise RunNotFoundError("api.no_job", found=job_id[:80])
    return record


def _document(runner: JobRunner, record: JobRecord) -> JobDocument:
    return job_document(runner, record, f"{PREFIX}/jobs/{record.id}")
