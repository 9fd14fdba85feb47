"""The results of a job as a table: CSV or Parquet with one row per recording or separate channel, or JSON Lines.

A line of JSON Lines is the full document of one recording, with all its channels. Another ``TableLayout`` gives CSV and
Parquet other rows, such as those of frame scores.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from webui.errors import OutputError
from webui.files import replace_file
from webui.labels import Emotion
from webui.results import Granularity
from webui.service.csv_cells import escape_formulas
from webui.storage.job_store import Item, ItemState

BATCH_ROWS: Final = 4096  # rows written to a Parquet file at a time
SCORES: Final = tuple(emotion.value for emotion in Emotion)
COLUMNS: Final = (
    "path",
    "state",
    "emotion",
    "confidence",
    *SCORES,
    "duration_s",
    "model",
    "error_code",
    "error",
    "channel",
    "warnings",
)

Row = dict[str, Any]
ID: Final = "id"  # of a recording; only in tables of the server's jobs


@dataclass(frozen=True, slots=True)
class TableLayout:
    """What the rows of a CSV or Parquet table are.

    Attributes:
        columns: names of the columns.
        numbers: columns with numbers; the others are text.
        rows_of: returns the rows of a recording.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str]
    rows_of: Callable[[Item], Iterable[Row]]

    def with_ids(self) -> "TableLayout":
        """Returns the layout with the id of the recording as the last column."""
        return TableLayout((*self.columns, ID), self.numbers, self._rows_with_id)

    def _rows_with_id(self, item: Item) -> Iterator[Row]:
        return (row | {ID: item.id} for row in self.rows_of(item))


class TableFormat(StrEnum):
    """File format of a table."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def formats_for(granularity: Granularity) -> tuple[TableFormat, ...]:
    """Returns the formats that can hold results; segments don't fit into one row per recording or frame."""
    return tuple(TableFormat) if granularity is not Granularity.SEGMENT else (TableFormat.JSONL,)


def rows_of(item: Item) -> list[dict[str, Any]]:
    """Returns the rows of an item: one per separate channel, otherwise one. Unknown values are None.

    The column ``channel`` has the name or the index of the only channel that was used for the row; None: the mix.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"path": item.name, "state": item.state.value}
    if item.outcome is None:
        return [row]
    document = json.loads(item.outcome)
    if item.state is ItemState.FAILED:
        return [row | {"error_code": document["code"], "error": document["message"]}]
    source = document["source"]
    row |= {"duration_s": source["duration_s"], "model": document["model"]["name"], "warnings": _codes_of(document)}
    channels = document.get("channels")
    if channels is None:
        return [row | _scores_of(document) | {"channel": _label(source.get("channel"))}]
    labels = [_label(channel.get("name", channel["index"])) for channel in channels]
    return [
        row | _scores_of(channel) | {"channel": label, "warnings": _codes_of(document, channel)}
        for channel, label in zip(channels, labels, strict=True)
    ]


def _scores_of(part: dict[str, Any]) -> dict[str, Any]:
    return {"emotion": part["emotion"], "confidence": part["confidence"], **part["scores"]}


def _codes_of(*documents: dict[str, Any]) -> str:
    """Returns the codes of all warnings, separated by spaces."""
    codes = (warning["code"] for document in documents for warning in document.get("warnings", ()))
    return " ".join(dict.fromkeys(codes))


def _label(channel: str | int | None) -> str | None:
    return str(channel) if channel is not None else None


PER_RECORDING: Final = TableLayout(COLUMNS, frozenset({"confidence", "duration_s", *SCORES}), rows_of)


def write_table(
    items: Iterable[Item],
    path: Path,
    kind: TableFormat,
    layout: TableLayout = PER_RECORDING,
    *,
    bom: bool = True,
    with_ids: bool = False,
) -> None:
    """Writes a table atomically: the file appears complete or not at all.

    Args:
        items: items of one job.
        path: path of the file.
        kind: format of the file.
        layout: the rows of CSV and Parquet; by default one per recording or separate channel.
        bom: whether CSV starts with a byte order mark. Excel needs it to read UTF-8; many programs read it as a part of
            the first column's name.
        with_ids: whether the last column, or the second key of a line, is the id of the recording.

    Raises:
        OutputError: the file can't be written, or the disk is full.
    """
    layout = layout.with_ids() if with_ids else layout
    writers: dict[TableFormat, Callable[[Iterable[Item], Path], None]] = {
        TableFormat.CSV: partial(_write_csv, layout=layout, encoding="utf-8-sig" if bom else "utf-8"),
        TableFormat.JSONL: partial(_write_jsonl, with_ids=with_ids),
        TableFormat.PARQUET: partial(_write_parquet, layout=layout),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda draft: writers[kind](items, draft))
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=path.parent, reason=err.strerror or str(err)) from err


def _write_csv(items: Iterable[Item], path: Path, *, layout: TableLayout, encoding: str) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        table = csv.DictWriter(file, layout.columns)
        table.writeheader()
        table.writerows(escape_formulas(row) for item in items for row in layout.rows_of(item))


def _write_jsonl(items: Iterable[Item], path: Path, *, with_ids: bool) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for item in items:
            document = json.loads(item.outcome) if item.outcome is not None else {}
            if item.state is ItemState.FAILED:
                document = {"error": document}
            line = {"path": item.name, **({ID: item.id} if with_ids else {}), "state": item.state.value, **document}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _write_parquet(items: Iterable[Item], path: Path, *, layout: TableLayout) -> None:
    import pyarrow  # imported late: only this format needs it
    import pyarrow.parquet

    number, words = pyarrow.float64(), pyarrow.string()
    fields = [(name, number if name in layout.numbers else words) for name in layout.columns]
    schema = pyarrow.schema(fields)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for rows in _batches(row for item in items for row in layout.rows_of(item)):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch
