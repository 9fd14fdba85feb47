"""The state of a job as a document of the API."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from webui.api.documents import CallbackDocument, FailedItem, JobDocument, JobRecording
from webui.http.forwarded import PUBLISHED_AT
from webui.results import Granularity, Notice
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import formats_for
from webui.service.recognition.options import AnalysisOptions
from webui.storage.job_callbacks import Callback
from webui.storage.job_store import Item, ItemState, JobRecord, JobStore

SHOWN_FAILURES: Final = 100


def job_document(runner: JobRunner, record: JobRecord, address: str, callback: Callback | None = None) -> JobDocument:
    """Returns the document of a job.

    Args:
        runner: works on the job.
        record: the job's entry in the database.
        address: the job's path on the server.
        callback: the job's callback; None if it has none, or if the document is the body of the callback.
    """
    counts = {state.value: count for state, count in record.counts.items()}
    failures = _failures(runner.store, record.id) if record.counts[ItemState.FAILED] else ()
    return JobDocument(
        id=record.id,
        created=record.created,
        created_utc=datetime.fromisoformat(record.created_utc) if record.created_utc is not None else None,
        state=record.state,
        finished=record.ended,
        total=record.total,
        **counts,
        notice=notice.message() if (notice := runner.pause_of(record.id)) is not None else None,
        callback=callback_document(callback) if callback is not None else None,
        failures=tuple(failures),
        links={
            kind.value: f"{PUBLISHED_AT.get()}{address}/results?format={kind.value}"
            for kind in formats_for(granularity_of(record))
        }
        | ({"embedding": f"{PUBLISHED_AT.get()}{address}/embedding"} if has_embeddings(record) else {}),
    )


def has_embeddings(record: JobRecord) -> bool:
    """Returns whether a job keeps embeddings."""
    return bool(json.loads(record.options).get("extract_embedding"))


def granularity_of(record: JobRecord) -> Granularity:
    """Returns the granularity of a job's results."""
    return AnalysisOptions.model_validate(
        {name: value for name, value in json.loads(record.options).items() if name == "granularity"}
    ).granularity


def job_recording(item: Item) -> JobRecording:
    """Returns the document of a recording."""
    failed = item.state is ItemState.FAILED
    error = Notice.model_validate_json(item.outcome or "{}") if failed else None
    return JobRecording(id=item.id, number=item.number, path=item.name, state=item.state, error=error)


def callback_document(callback: Callback) -> CallbackDocument:
    """Returns the document of a callback."""
    url = urlsplit(callback.url)
    error = Notice.model_validate_json(callback.error) if callback.error is not None else None
    return CallbackDocument(
        host=f"{url.scheme}://{url.netloc}", state=callback.state, attempts=callback.attempts, error=error
    )


def _failures(store: JobStore, job: str) -> Iterator[FailedItem]:
    for item in store.failed(job, limit=SHOWN_FAILURES):
        notice = Notice.model_validate_json(item.outcome or "{}")
        yield FailedItem(id=item.id, path=item.name, code=notice.code, message=notice.message())
