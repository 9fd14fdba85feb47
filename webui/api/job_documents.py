"""The state of a job as a document of the API."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from webui.api.documents import FailedItem, JobDocument
from webui.http.forwarded import PUBLISHED_AT
from webui.results import Granularity, Notice
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import TableFormat
from webui.service.recognition.options import AnalysisOptions
from webui.storage.job_store import ItemState, JobRecord, JobStore

SHOWN_FAILURES: Final = 100


def job_document(runner: JobRunner, record: JobRecord, address: str) -> JobDocument:
    """Returns the document of a job.

    Args:
        runner: works on the job.
        record: the job's entry in the database.
        address: the job's path on the server.
    """
    counts = {state.value: count for state, count in record.counts.items()}
    failures = _failures(runner.store, record.id) if record.counts[ItemState.FAILED] else ()
    return JobDocument(
        id=record.id,
        created=record.created,
        state=_state_of(record),
        total=record.total,
        **counts,
        notice=notice.message() if (notice := runner.pause_of(record.id)) is not None else None,
        failures=tuple(failures),
        links={kind.value: f"{PUBLISHED_AT.get()}{address}/results?format={kind.value}" for kind in _formats(record)},
    )


def granularity_of(record: JobRecord) -> Granularity:
    """Returns the granularity of a job's results."""
    return AnalysisOptions.model_validate(
        {name: value for name, value in json.loads(record.options).items() if name == "granularity"}
    ).granularity


def _formats(record: JobRecord) -> Sequence[TableFormat]:
    """Returns the formats of a job's results; frame scores and segments don't fit into one row per recording."""
    return tuple(TableFormat) if granularity_of(record) is Granularity.UTTERANCE else (TableFormat.JSONL,)


def _state_of(record: JobRecord) -> str:
    if not record.ended:
        return "running" if not record.cancelled else "stopping"
    return "cancelled" if record.cancelled else "done"


def _failures(store: JobStore, job: str) -> Iterator[FailedItem]:
    for item in store.failed(job, limit=SHOWN_FAILURES):
        notice = Notice.model_validate_json(item.outcome or "{}")
        yield FailedItem(path=item.name, code=notice.code, message=notice.message())
