import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from webui import storage
from webui.errors import OutputError
from webui.storage.run_ids import RunIds
from webui.storage.writers import write_parquet_groups

STARTED = datetime(2024, 1, 4, 22, 30, 0).astimezone()


def publish_one(outputs_dir: Path, content: str = "x") -> Path:
    with storage.open_draft(outputs_dir, started=STARTED) as draft, draft.writing():
        (draft.path / "result.json").write_text(content + "\n")
        return draft.publish()


def publish_many(outputs_dir: Path, process: int) -> None:
    for number in range(10):
        publish_one(outputs_dir, f"{process}-{number}")


def test_the_name_is_the_time_of_the_start(tmp_path: Path) -> None:
    assert publish_one(tmp_path).name == "outputs_20240104_223000"


def test_the_same_second_gets_a_suffix(tmp_path: Path) -> None:
    names = [publish_one(tmp_path).name for _ in range(3)]
    assert names == ["outputs_20240104_223000", "outputs_20240104_223000_2", "outputs_20240104_223000_3"]


def test_four_processes_in_the_same_second_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=publish_many, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=180)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    contents = [path.read_text() for path in tmp_path.glob("outputs_*/result.json")]
    assert len(contents) == len(set(contents)) == 40
    assert all(re.fullmatch(r"outputs_20240104_223000(_\d+)?", path.name) for path in tmp_path.iterdir())


def test_publishing_and_deleting_at_the_same_time(tmp_path: Path) -> None:
    """A folder that occupied a name may be deleted before it is examined."""
    ids = RunIds(tmp_path)

    def run_and_delete(_number: int) -> None:
        for _ in range(60):
            ids.delete(publish_one(tmp_path))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_and_delete, range(4)))
    assert list(tmp_path.glob("outputs_*")) == []


def test_the_name_of_a_deleted_result_is_not_reused(tmp_path: Path) -> None:
    """Otherwise an old link would lead to another user's result."""
    ids = RunIds(tmp_path)
    first = publish_one(tmp_path)
    ids.delete(first)
    second = publish_one(tmp_path)
    assert second.name != first.name
    assert ids.find(ids.id_of(first)) is None


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with storage.open_draft(tmp_path, started=STARTED) as draft, draft.writing():
            (draft.path / "result.json").write_text("half\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_never_visible(tmp_path: Path) -> None:
    with storage.open_draft(tmp_path, started=STARTED) as draft, draft.writing():
        (draft.path / "result.json").write_text("{}\n")
        assert list(tmp_path.glob("outputs_*")) == []
        folder = draft.publish()
    assert [path.name for path in folder.iterdir()] == ["result.json"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    blocked = tmp_path / "outputs"
    blocked.write_text("not a folder")
    with pytest.raises(OutputError, match="outputs_dir"):
        publish_one(blocked)
    assert blocked.read_text() == "not a folder"


def test_sixteen_bit_samples_come_back_bit_for_bit(tmp_path: Path) -> None:
    samples = np.arange(-32768, 32768, dtype=np.int16)
    storage.write_wav(tmp_path / "a.wav", (samples / np.float32(32768)).astype(np.float32), sample_rate=16_000)
    read, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(read, samples)


def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path) -> None:
    storage.write_wav(tmp_path / "a.wav", np.array([1.5, -1.5, 1.0], dtype=np.float32), sample_rate=16_000)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    np.testing.assert_array_equal(read, [32767, -32768, 32767])


def test_parquet_columns_come_back(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    columns = {"start_s": np.arange(5) / 50, "happy": np.linspace(0, 1, 5)}
    write_parquet_groups(tmp_path / "frames.parquet", [columns])
    table = pq.read_table(tmp_path / "frames.parquet")
    assert table.column_names == ["start_s", "happy"]
    np.testing.assert_array_equal(table["happy"].to_numpy(), columns["happy"])
