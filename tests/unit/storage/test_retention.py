import os
import time
from datetime import datetime
from pathlib import Path

from tests.support.waiting import wait_until
from webui import storage
from webui.storage.retention import Cleaner, sweep
from webui.storage.run_ids import DELETED_PREFIX, RunIds
from webui.units import BYTES_PER_GB, DAY_S

NOW = time.time()


def run(outputs_dir: Path, name: str, *, days: float, size: int = 1000) -> Path:
    folder = outputs_dir / name
    folder.mkdir()
    (folder / "result.json").write_bytes(bytes(size))
    os.utime(folder, (NOW - days * DAY_S,) * 2)
    return folder


def left(outputs_dir: Path) -> list[str]:
    return sorted(path.name for path in outputs_dir.iterdir())


def test_nothing_is_deleted_by_default(tmp_path: Path) -> None:
    run(tmp_path, "outputs_20200101_000000", days=2000)
    assert sweep(tmp_path, keep_days=0, keep_gb=0, now_s=NOW) == 0
    assert left(tmp_path) == ["outputs_20200101_000000"]


def test_by_age(tmp_path: Path) -> None:
    for number, days in enumerate((0.5, 1.9, 2.1, 9)):
        run(tmp_path, f"outputs_20260101_00000{number}", days=days)
    assert sweep(tmp_path, keep_days=2, keep_gb=0, now_s=NOW) == 2
    assert left(tmp_path) == ["outputs_20260101_000000", "outputs_20260101_000001"]


def test_by_size_the_oldest_are_deleted_first(tmp_path: Path) -> None:
    for number, days in enumerate((3, 1, 2)):
        run(tmp_path, f"outputs_20260101_00000{number}", days=days, size=4000)
    assert sweep(tmp_path, keep_days=0, keep_gb=9000 / BYTES_PER_GB, now_s=NOW) == 1
    assert left(tmp_path) == ["outputs_20260101_000001", "outputs_20260101_000002"]
    folders, total = RunIds(tmp_path).newest_first(offset=0, limit=10)
    assert (len(folders), total) == (2, 2)


def test_files_of_jobs_count_as_results(tmp_path: Path) -> None:
    """The embeddings of ended jobs take part in both limits; the runner of jobs says which files these are."""
    jobs = tmp_path / ".jobs"
    jobs.mkdir()
    for number, days in enumerate((3, 1)):
        (jobs / f"{number}.extras").write_bytes(bytes(4000))
        os.utime(jobs / f"{number}.extras", (NOW - days * DAY_S,) * 2)
    run(tmp_path, "outputs_20260101_000000", days=2, size=4000)
    files = sorted(jobs.iterdir())
    assert sweep(tmp_path, keep_days=0, keep_gb=9000 / BYTES_PER_GB, now_s=NOW, more_files=files) == 1
    assert (left(jobs), left(tmp_path)) == (["1.extras"], [".jobs", "outputs_20260101_000000"])
    assert sweep(tmp_path, keep_days=0.5, keep_gb=0, now_s=NOW, more_files=[*files, jobs / "gone"]) == 2
    assert (left(jobs), left(tmp_path)) == ([], [".jobs"])


def test_drafts_and_other_files_are_kept(tmp_path: Path) -> None:
    for name in ("my notes", "outputs_old", "outputs_20260101_000000_copy", ".result_ids.key.d"):
        run(tmp_path, name, days=900)
    (tmp_path / "outputs_20260101_000009").symlink_to(tmp_path / "my notes")
    with storage.open_draft(tmp_path, started=datetime(2020, 1, 1).astimezone()) as draft:
        (draft.path / "result.json").write_text("{}\n")
        before = left(tmp_path)
        assert sweep(tmp_path, keep_days=1, keep_gb=1 / BYTES_PER_GB, now_s=NOW) == 0
        assert left(tmp_path) == before
        published = draft.publish()
    assert (
        sweep(tmp_path, keep_days=1, keep_gb=1 / BYTES_PER_GB, now_s=time.time()) == 0
    )  # recent, although its name has an old date
    assert (published / "result.json").is_file()


def test_an_interrupted_deletion_is_finished(tmp_path: Path) -> None:
    run(tmp_path, f"{DELETED_PREFIX}abc", days=1)
    sweep(tmp_path, keep_days=0, keep_gb=1, now_s=NOW)
    assert left(tmp_path) == []


def test_an_open_file_can_be_read_to_its_end(tmp_path: Path) -> None:
    folder = run(tmp_path, "outputs_20260101_000000", days=9)
    with (folder / "result.json").open("rb") as reader:
        assert sweep(tmp_path, keep_days=1, keep_gb=0, now_s=NOW) == 1
        assert len(reader.read()) == 1000


def test_the_cleaner_deletes_old_results_at_the_start(tmp_path: Path) -> None:
    run(tmp_path, "outputs_20260101_000000", days=9)
    cleaner = Cleaner(tmp_path, keep_days=1, keep_gb=0)
    cleaner.start()
    wait_until(lambda: not left(tmp_path))
    cleaner.stop()


def test_no_outputs_folder_yet(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", keep_days=1, keep_gb=1, now_s=NOW) == 0
