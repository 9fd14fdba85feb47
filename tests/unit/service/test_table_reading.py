"""A table that is read and written again stays the same, whatever it contains."""

import json
from pathlib import Path
from typing import Any

import pytest

from webui.errors import RequestError
from webui.service.jobs.table_reading import read_table
from webui.service.jobs.tables import SCORES, TableFormat, rows_of, write_table
from webui.storage.job_store import Item, ItemState

ANSWER: dict[str, Any] = {
    "emotion": "sad",
    "confidence": 0.4,
    "scores": {name: 0.1 * number for number, name in enumerate(SCORES)},
    "warnings": [{"code": "audio.clipped"}, {"code": "audio.narrow_band"}],
}
ABOUT: dict[str, Any] = {**ANSWER, "source": {"duration_s": 1.5}, "model": {"name": "builtin"}}
CHANNELS = [{"index": 0, **ANSWER}, {"index": 1, "name": "agent", **ANSWER}]


@pytest.mark.parametrize("kind", list(TableFormat))
def test_a_table_read_and_written_again_is_the_same(tmp_path: Path, kind: TableFormat) -> None:
    documents = {
        "=formula.wav": ABOUT,
        "separate.wav": ABOUT | {"channels": CHANNELS},
        "failed.wav": {"code": "audio.text", "message": "m"},
        "one channel.wav": ABOUT | {"source": {"duration_s": 2.0, "channel": 1}},
    }
    items = [
        Item("j", number, name, "", ItemState.FAILED if "code" in found else ItemState.DONE, json.dumps(found))
        for number, (name, found) in enumerate(documents.items())
    ]
    first, second = tmp_path / "first", tmp_path / "second"
    write_table(items, first, kind)
    read = read_table(first, kind, "j")
    assert [rows_of(item) for item in read] == [rows_of(item) for item in items]
    write_table(read, second, kind)
    assert first.read_bytes() == second.read_bytes()
    first.write_text('path,kind\na,b\n{"x": 1}\n', "utf-8")
    with pytest.raises(RequestError, match="not a table that batch wrote"):
        read_table(first, kind, "j")
