"""Reads a table that ``write_table`` wrote, so that a finished batch can be extended."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webui.errors import RequestError
from webui.service.jobs.tables import SCORES, TableFormat
from webui.storage.job_store import Item, ItemState

_ENDED = {ItemState.DONE, ItemState.FAILED}


def read_table(path: Path, kind: TableFormat, job: str) -> list[Item]:
    """Returns the recordings of a table that are done or failed, as items without a place.

    The outcome of a row of CSV or Parquet has what the row shows, not the whole document.

    Raises:
        RequestError: the file is not such a table.
    """
    readers = {TableFormat.CSV: _read_csv, TableFormat.JSONL: _read_jsonl, TableFormat.PARQUET: _read_parquet}
    try:
        rows = list(readers[kind](path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as err:  # pyarrow's are ValueErrors
        raise RequestError("cli.batch_other_table", path=path) from err
    items = (Item(job, number, name, "", state, outcome) for number, (name, state, outcome) in enumerate(rows))
    return [item for item in items if item.state in _ENDED]


_Row = tuple[str, ItemState, str]


def _read_csv(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield _row_of_table({key: _without_apostrophe(value) for key, value in row.items()})


def _read_parquet(path: Path) -> Iterator[_Row]:
    import pyarrow.parquet  # imported late: only this format needs it

    for row in pyarrow.parquet.read_table(path).to_pylist():
        yield _row_of_table(row)


def _read_jsonl(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            name, state = document.pop("path"), ItemState(document.pop("state"))
            if state is ItemState.FAILED:
                document = document["error"]
            yield name, state, json.dumps(document, ensure_ascii=False)


def _row_of_table(row: dict[str, Any]) -> _Row:
    state = ItemState(row["state"])
    if state is not ItemState.DONE:
        document: dict[str, Any] = {"code": row["error_code"], "message": row["error"]}
    else:
        document = {
            "emotion": row["emotion"],
            "confidence": float(row["confidence"]),
            "scores": {name: float(row[name]) for name in SCORES},
            "source": {"duration_s": float(row["duration_s"])},
            "model": {"name": row["model"]},
        }
    return str(row["path"]), state, json.dumps(document, ensure_ascii=False)


def _without_apostrophe(value: str) -> str:
    """Returns a cell without the apostrophe that ``write_table`` puts before text that looks like a formula."""
    return value[1:] if value.startswith(("'=", "'+", "'-", "'@", "'\t", "'\r")) else value
