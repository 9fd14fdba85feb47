"""Jobs over REST: many recordings asked at once, answered behind whoever waits, kept until they are deleted."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile

from webui.api.documents import FailedItem, JobDocument, JobPage, JobRequest
from webui.api.examples import JOB, shown
from webui.api.routes import (
    AUDIO_FIELD,
    COPY_BYTES,
    MAX_OFFSET,
    MAX_PAGE,
    PREFIX,
    form_fields,
    inlined,
    parse_body,
    plain_name,
)
from webui.api.sources import allowed_path
from webui.api.url_source import UrlSource
from webui.errors import BusyError, OutputError, RequestError, RunNotFoundError
from webui.http.access import caller_name
from webui.http.media_types import FORM, JSON, media_type_of
from webui.http.problems import responses
from webui.results import Notice
from webui.service import RecognitionService
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import TableFormat, write_table
from webui.storage.job_store import ItemState, JobRecord, JobStore

FOLDER: Final = ".jobs"  # of the outputs folder
STORE: Final = "jobs.sqlite"
MAX_FILES: Final = 10_000
SHOWN_FAILURES: Final = 100
MEDIA_TYPES: Final = {
    TableFormat.CSV: "text/csv",
    TableFormat.JSONL: "application/x-ndjson",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
}
STOP_S: Final = 10.0
RETRY_JOB_S: Final = 60  # where too many jobs are to be done
Files = list[tuple[str, str]]


class JobsApi:
    """The routes of jobs, and the runner behind them.

    Args:
        service: answers.
    """

    def __init__(self, service: RecognitionService) -> None:
        self._service = service
        self._settings = service.settings
        self._urls = UrlSource(service.settings)
        self._folder = service.settings.outputs_dir / FOLDER
        self._runner: JobRunner | None = None
        self._open_error: OutputError | None = None
        self.router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"])
        self._add_routes()

    def start(self) -> None:
        """Opens the file of jobs and goes on with what was left; a file that can't be opened is told when asked for."""
        try:
            store = JobStore(self._folder / STORE)
        except OutputError as err:
            self._open_error = err
            return
        for folder in self._folder.iterdir():
            if folder.is_dir() and not store.unfinished(folder.name):  # of a process that was killed
                self._remove_uploads(folder.name)
        self._runner = JobRunner(self._service, store, self._opened, self._remove_uploads)
        self._runner.start()

    def stop(self) -> None:
        """Ends; what is under way waits for the next start."""
        if self._runner is not None:
            self._runner.stop(STOP_S)
            self._runner.store.close()

    def _add_routes(self) -> None:
        add = partial(self.router.add_api_route, response_model_exclude_none=True)
        add(
            "", self.create, methods=["POST"], status_code=202, response_model=JobDocument,
            summary="Recognize many recordings in the background",
            responses=shown(202, JOB) | responses(401, 403, 408, 413, 422, 429, 503, 507),
            openapi_extra={"requestBody": _request_body()},
        )  # fmt: skip
        add(
            "", self.list_jobs, response_model=JobPage, summary="List jobs, newest first",
            responses=responses(401, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}", self.read, response_model=JobDocument, summary="Read how far a job is",
            responses=shown(200, JOB) | responses(401, 404, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}/results", self.results, summary="Fetch the answers so far", response_class=FileResponse,
            responses={**responses(401, 404, 422, 507), 200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
        )  # fmt: skip
        add(
            "/{job_id}/cancel", self.cancel, methods=["POST"], response_model=JobDocument,
            summary="Stop a job; what is done stays", responses=responses(401, 403, 404, 422, 507),
        )  # fmt: skip
        add(
            "/{job_id}", self.delete, methods=["DELETE"], status_code=204, summary="Stop and forget a job",
            responses=responses(401, 403, 404, 422, 507), response_model=None,
        )  # fmt: skip

    async def create(self, request: Request) -> JobDocument:
        """Takes many uploads (`multipart/form-data`, fields `audio`), or JSON with `audio_paths` or `audio_urls`."""
        with self._service.scheduler.caller(caller_name(request)):
            runner = self._running()
            await run_in_threadpool(self._check_room, runner)  # before the body is read
            return await self._read_and_submit(request, runner)

    def _check_room(self, runner: JobRunner) -> None:
        """Refuses a job while too many are to be done."""
        found, expected = runner.store.under_way(), self._settings.max_jobs
        if found >= expected:
            raise BusyError("request.too_many_jobs", found=found, expected=expected, retry_s=RETRY_JOB_S)

    async def _read_and_submit(self, request: Request, runner: JobRunner) -> JobDocument:
        kind = media_type_of(request, JSON, FORM)
        job, caller = uuid4().hex, caller_name(request)
        if kind == JSON:
            given = await request.body()
            return await run_in_threadpool(self._parse_and_submit, runner, job, given, caller)
        async with request.form(max_files=MAX_FILES, max_fields=32) as form:
            body = parse_body(JobRequest, form_fields(form))
            return await run_in_threadpool(self._keep_and_submit, runner, job, form, body, caller)

    def _parse_and_submit(self, runner: JobRunner, job: str, given: bytes, caller: str) -> JobDocument:
        body = parse_body(JobRequest, given)
        return self._submit(runner, job, self._named(body), body, caller)

    def _keep_and_submit(
        self, runner: JobRunner, job: str, form: FormData, body: JobRequest, caller: str
    ) -> JobDocument:
        uploads = [upload for upload in form.getlist(AUDIO_FIELD) if isinstance(upload, UploadFile)]
        if not uploads or body.audio_paths or body.audio_urls:
            raise RequestError("api.job_sources", found=len(uploads))
        try:
            return self._submit(runner, job, self._kept(job, uploads), body, caller)
        except BaseException:
            shutil.rmtree(self._folder / job, ignore_errors=True)
            raise

    def _kept(self, job: str, uploads: Iterable[UploadFile]) -> Files:
        folder = self._folder / job
        kept: Files = []
        try:
            folder.mkdir(parents=True)
            for number, upload in enumerate(uploads):
                path = folder / str(number)
                with path.open("wb") as file:
                    shutil.copyfileobj(upload.file, file, COPY_BYTES)
                kept.append((plain_name(upload.filename) or f"{number}", str(path)))
        except OSError as err:
            raise OutputError("storage.jobs_not_written", file=FOLDER, reason=err.strerror or str(err)) from err
        return kept

    def _named(self, body: JobRequest) -> Files:
        """Returns what a JSON request names; every path is checked now, and an address when it is fetched."""
        if bool(body.audio_paths) == bool(body.audio_urls):
            raise RequestError("api.job_sources", found=0)
        if body.audio_urls:
            self._urls.check_enabled()
            return [(url, url) for url in body.audio_urls]
        roots = self._settings.audio_roots
        return [(path, str(allowed_path(path, roots))) for path in body.audio_paths or ()]

    def _submit(self, runner: JobRunner, job: str, files: Files, body: JobRequest, caller: str) -> JobDocument:
        self._check_room(runner)  # others may have been faster
        charged = caller if self._settings.max_audio_s_per_hour else None
        return self._document(runner, runner.submit(files, body.options(), job=job, caller=charged))

    def _opened(self, place: str, look: Callable[[], None]) -> AbstractContextManager[Path]:
        if place.startswith(("http://", "https://")):
            return self._urls.fetched(place, look)
        return nullcontext(Path(place))

    def list_jobs(
        self,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> JobPage:
        """Lists jobs, newest first."""
        runner = self._running()
        records, total = runner.store.jobs(offset=offset, limit=limit)
        return JobPage(
            jobs=tuple(self._document(runner, record) for record in records), total=total, offset=offset, limit=limit
        )

    def read(self, job_id: str) -> JobDocument:
        """Says how far a job is, and what failed."""
        runner = self._running()
        return self._document(runner, _found(runner, job_id))

    def results(self, job_id: str, format: TableFormat = TableFormat.CSV) -> FileResponse:
        """Answers with a row per recording, those that wait included, as it stands now."""
        runner = self._running()
        record = _found(runner, job_id)
        folder = Path(tempfile.mkdtemp(prefix="speech-emotion-job-"))
        path = folder / f"job_{record.id}.{format.value}"
        try:
            write_table(runner.store.items(record.id), path, format)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(path, filename=path.name, media_type=MEDIA_TYPES[format], background=tidy)

    def cancel(self, job_id: str) -> JobDocument:
        """Stops a job."""
        runner = self._running()
        record = _found(runner, job_id)
        runner.cancel(record.id)
        return self._document(runner, _found(runner, job_id))

    def delete(self, job_id: str) -> None:
        """Stops a job and deletes its answers and uploads."""
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

    def _document(self, runner: JobRunner, record: JobRecord) -> JobDocument:
        counts = {state.value: count for state, count in record.counts.items()}
        address = f"{PREFIX}/jobs/{record.id}"
        failures = _failures(runner.store, record.id) if record.counts[ItemState.FAILED] else ()
        return JobDocument(
            id=record.id,
            created=record.created,
            state=_state_of(record),
            total=record.total,
            **counts,
            notice=notice.message() if (notice := runner.pause_of(record.id)) is not None else None,
            failures=tuple(failures),
            links={kind.value: f"{address}/results?format={kind.value}" for kind in TableFormat},
        )


def _state_of(record: JobRecord) -> str:
    if not record.ended:
        return "running" if not record.cancelled else "stopping"
    return "cancelled" if record.cancelled else "done"


def _failures(store: JobStore, job: str) -> Iterator[FailedItem]:
    for item in store.failed(job, limit=SHOWN_FAILURES):
        notice = Notice.model_validate_json(item.outcome or "{}")
        yield FailedItem(path=item.name, code=notice.code, message=notice.message())


def _found(runner: JobRunner, job_id: str) -> JobRecord:
    record = runner.store.job(job_id)
    if record is None:
        raise RunNotFoundError("api.no_job", found=job_id[:80])
    return record


def _request_body() -> dict[str, Any]:
    schema = inlined(JobRequest.model_json_schema())
    fields = {name: field for name, field in schema["properties"].items() if not name.startswith("audio_")}
    audio = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "Audio files, any number.",
    }
    upload = {"type": "object", "required": [AUDIO_FIELD], "properties": {AUDIO_FIELD: audio, **fields}}
    example = {"audio_paths": ["/uploads/a.mp3", "/uploads/b.wav"], "granularity": "utterance"}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": upload},
            "application/json": {"schema": schema, "example": example},
        },
    }
