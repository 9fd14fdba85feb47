"""Frame scores of all recordings of a job as one long table, with one row for each row of frame scores."""

import json
from collections.abc import Iterator
from typing import Any, Final

from webui.errors import RunNotFoundError
from webui.results import Granularity
from webui.service.jobs.tables import PER_RECORDING, SCORES, Row, TableLayout
from webui.service.recognition.parts import WHOLE
from webui.storage.job_extras import JobExtras
from webui.storage.job_store import Item, ItemState
from webui.texts import Language

FRAME_COLUMNS: Final = ("path", "channel", "start_s", "end_s", *SCORES, "state", "error_code", "error")


def layout_of(granularity: Granularity, extras: JobExtras) -> TableLayout:
    """Returns the layout of a job's CSV and Parquet tables.

    Args:
        granularity: granularity of the job.
        extras: the job's frame scores that are not in the documents of its recordings.
    """
    if granularity is not Granularity.FRAME:
        return PER_RECORDING
    numbers = frozenset({"start_s", "end_s", *SCORES})
    return TableLayout(FRAME_COLUMNS, numbers, lambda item: _rows_of(item, extras))


def _rows_of(item: Item, extras: JobExtras) -> Iterator[Row]:
    """Yields the rows of a recording; a single row without times and scores if it failed or is not finished."""
    row: Row = dict.fromkeys(FRAME_COLUMNS) | {"path": item.name, "state": item.state.value}
    document = json.loads(item.outcome) if item.outcome is not None else {}
    if item.state is not ItemState.DONE:
        yield row | {"error_code": document.get("code"), "error": document.get("message")}
        return
    channels = document.get("channels") or ()
    for channel in channels:
        part = channel["index"] if len(channels) > 1 else WHOLE
        label = str(channel.get("name", channel["index"]))
        yield from _frames(row | {"channel": label}, channel["frames"], item.number, part, extras)
    if channels:
        return
    only = document["source"].get("channel")
    row["channel"] = str(only) if only is not None else None
    yield from _frames(row, document["frames"], item.number, WHOLE, extras)


def _frames(row: Row, frames: dict[str, Any], number: int, part: int, extras: JobExtras) -> Iterator[Row]:
    """Yields the rows of a part, from its document or, for a long recording, from the extras of the job."""
    names = ("start_s", "end_s", *SCORES)
    if frames.get("scores") is not None:
        columns = [frames["start_s"], frames["end_s"], *(frames["scores"][name] for name in SCORES)]
        for values in zip(*columns, strict=True):
            yield row | dict(zip(names, values, strict=True))
        return
    found = False
    for group in extras.frames(number, part):
        found = True
        for values in group.T.tolist():
            yield row | dict(zip(names, values, strict=True))
    if not found:
        missing = RunNotFoundError("api.extras_deleted")
        yield row | {"error_code": missing.code, "error": missing.message(Language.EN)}
