"""Storage for long recordings: the spool, rows of an embedding, groups of frames."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from webui import storage
from webui.errors import OutputError
from webui.storage.embedding_rows import EmbeddingRows
from webui.storage.faults import check_space
from webui.storage.writers import write_parquet_groups


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).normal(size=samples).astype(np.float32)


def spool_of(samples: np.ndarray, folder: Path, *, memory_bytes: int = 1000, block: int = 777) -> storage.Spool:
    spool = storage.Spool(folder, place=folder, memory_bytes=memory_bytes)
    for start in range(0, len(samples), block):
        spool.append(samples[start : start + block])
    return spool


@pytest.mark.parametrize("memory_bytes", [1000, 1_000_000])
def test_samples_come_back_bit_for_bit_from_memory_and_from_disk(tmp_path: Path, memory_bytes: int) -> None:
    samples = noise(30_000)
    spool = spool_of(samples, tmp_path, memory_bytes=memory_bytes)
    assert len(spool) == 30_000
    for part in (slice(None), slice(0, 1), slice(17, 20_011), slice(29_990, 40_000), slice(9, 9), slice(-400, None)):
        np.testing.assert_array_equal(spool[part], samples[part])
    assert spool[5:10].flags.writeable
    spool.divide_by(3.0)
    np.testing.assert_array_equal(spool[:], samples / np.float32(3.0))
    spool.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a name until the file is closed")
def test_the_file_has_no_name(tmp_path: Path) -> None:
    """Nothing is left on the disk, however the process ends."""
    spool = spool_of(noise(1_000_000), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert os.fstat(spool._file.fileno()).st_size == 4_000_000
    spool.close()
    spool.close()


def test_short_recordings_stay_in_memory(tmp_path: Path) -> None:
    spool = storage.Spool(tmp_path, place=tmp_path)
    spool.append(noise(60 * 16_000))
    assert spool._file._rolled is False
    spool.append(noise(120 * 16_000))
    assert spool._file._rolled is True
    spool.close()


def test_too_little_space_is_detected_before_writing(tmp_path: Path) -> None:
    spool = storage.Spool(tmp_path, place=tmp_path)
    spool.expect(16_000)
    spool.expect(16_000 * 600)
    with pytest.raises(OutputError, match=r"Not enough disk space.* 96000000000 MB more, \d+ MB are free") as caught:
        spool.expect(16_000 * 10**12)
    assert caught.value.code == "storage.too_little_space"
    spool.close()
    check_space(tmp_path, 0)
    with pytest.raises(OutputError):
        check_space(tmp_path, 10**18)


def test_rows_of_an_embedding_are_saved_as_by_numpy(tmp_path: Path) -> None:
    rows = noise(1_000 * 48).reshape(1_000, 48)
    with EmbeddingRows(tmp_path / "a.npy", (1_000, 48), place=tmp_path) as file:
        for start in range(0, 1_000, 333):
            file.append(rows[start : start + 333])
    storage.write_embedding(tmp_path / "b.npy", rows)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped[500], rows[500])
    opened = np.lib.format.open_memmap(tmp_path / "c.npy", "w+", np.float32, (1_000, 48))
    opened[:] = rows
    opened.flush()
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "c.npy").read_bytes()


def test_missing_rows_are_an_error_unless_the_run_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 rows fewer"), EmbeddingRows(tmp_path / "a", (3, 2), place=tmp_path) as file:
        file.append(np.zeros((1, 2), dtype=np.float32))
    with pytest.raises(ZeroDivisionError), EmbeddingRows(tmp_path / "a", (3, 2), place=tmp_path):
        raise ZeroDivisionError


def test_groups_of_rows_are_row_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    values = np.arange(10.0)
    groups = ({"start_s": values[first : first + 4], "happy": values[first : first + 4] / 10} for first in (0, 4, 8))
    write_parquet_groups(tmp_path / "frames.parquet", groups)
    file = pq.ParquetFile(tmp_path / "frames.parquet")
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [4, 4, 2]
    np.testing.assert_array_equal(file.read()["happy"].to_numpy(), values / 10)


def test_a_draft_does_not_hide_other_errors(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), storage.open_draft(tmp_path, started=_started()):
        raise BrokenPipeError
    with (
        pytest.raises(OutputError, match="no incomplete result"),
        storage.open_draft(tmp_path, started=_started()) as draft,
        draft.writing(),
    ):
        raise BrokenPipeError(32, "Broken pipe")
    assert list(tmp_path.iterdir()) == []


def _started() -> datetime:
    return datetime(2024, 1, 4, 22, 30).astimezone()
