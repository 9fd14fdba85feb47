"""Reads a table that ``write_table`` wrote, so that a finished batch can be extended."""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from webui.errors import RequestError
from webui.service.csv_cells import without_apostrophe
from webui.service.jobs.tables import SCORES, TableFormat
from webui.storage.job_store import Item, ItemState

_ENDED = {ItemState.DONE, ItemState.FAILED}


def read_table(path: Path, kind: TableFormat, job: str) -> list[Item]:
    """Returns the recordings of a table that are done or failed, as items without a place.

    For CSV and Parquet, an outcome contains only the values in the row, not the whole document.

    Raises:
        RequestError: the file is not such a table.
    """
    readers = {TableFormat.CSV: _read_csv, TableFormat.JSONL: _read_jsonl, TableFormat.PARQUET: _read_parquet}
    try:
        rows = list(readers[kind](path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as err:  # pyarrow raises ValueErrors
        raise RequestError("cli.batch_other_table", path=path) from err
    items = (Item(job, number, name, "", state, outcome) for number, (name, state, outcome) in enumerate(rows))
    return [item for item in items if item.state in _ENDED]


_Row = tuple[str, ItemState, str]


def _read_csv(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        yield from _items_of({key: without_apostrophe(value) for key, value in row.items()} for row in rows)


def _read_parquet(path: Path) -> Iterator[_Row]:
    import pyarrow.parquet  # imported late: only this format needs it

    yield from _items_of(pyarrow.parquet.read_table(path).to_pylist())


def _read_jsonl(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            name, state = document.pop("path"), ItemState(document.pop("state"))
            if state is ItemState.FAILED:
                document = document["error"]
            yield name, state, json.dumps(document, ensure_ascii=False)


def _items_of(rows: Iterable[dict[str, Any]]) -> Iterator[_Row]:
    """Yields one row per recording, from tables that have one row per separate channel."""
    for path, found in groupby(rows, key=lambda row: str(row["path"])):
        yield _row_of_table(path, list(found))


def _row_of_table(path: str, rows: list[dict[str, Any]]) -> _Row:
    first = rows[0]
    state = ItemState(first["state"])
    if state is not ItemState.DONE:
        document: dict[str, Any] = {"code": first["error_code"], "message": first["error"]}
    else:
        source = {"duration_s": float(first["duration_s"])}
        document = {"source": source, "model": {"name": first["model"]}}
        if len(rows) == 1:
            document |= _answer_of(first) | {"source": source | {"channel": first.get("channel") or None}}
        else:
            document["channels"] = [
                {"index": index, "name": row.get("channel") or None, **_answer_of(row)}
                for index, row in enumerate(rows)
            ]
    return path, state, json.dumps(document, ensure_ascii=False)


def _answer_of(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "emotion": row["emotion"],
        "confidence": float(row["confidence"]),
        "scores": {name: float(row[name]) for name in SCORES},
        "warnings": [{"code": code} for code in (row.get("warnings") or "").split()],
    }
