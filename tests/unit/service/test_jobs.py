"""Jobs of many recordings: order, persistence, tables."""

import csv
import json
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.waiting import wait_until
from webui.errors import OutputError, RequestError
from webui.labels import Emotion
from webui.service import RecognitionService
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import COLUMNS, TableFormat, write_table
from webui.service.recognition.options import AnalysisOptions, RecognizeOptions
from webui.service.serving.priority_semaphore import Priority, PrioritySemaphore
from webui.settings import Settings
from webui.storage.job_store import Item, ItemState, JobStore

CREATED = "2026-01-01 00:00:00"
RATE = 16_000


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def files(count: int) -> list[tuple[str, str]]:
    return [(f"{number}.wav", f"/nowhere/{number}.wav") for number in range(count)]


def test_an_interactive_caller_waits_for_one_step_of_background_work() -> None:
    lock, done, stop = PrioritySemaphore(), [], threading.Event()

    def work() -> None:
        while not stop.is_set():
            with lock.slot(Priority.BACKGROUND):
                time.sleep(0.02)
                done.append("step")

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(10):
        before = len(done)
        with lock.slot():
            assert len(done) - before <= 1
    stop.set()
    for worker in workers:
        worker.join(120)


def test_an_item_is_claimed_once_and_jobs_take_turns(store: JobStore) -> None:
    store.add("first", CREATED, "{}", files(3))
    claimed = [store.claim(), store.claim()]
    store.add("second", CREATED, "{}", files(2))
    claimed += [store.claim() for _ in range(4)]
    assert [(item.job, item.number) for item in claimed if item is not None] == [
        ("first", 0),
        ("first", 1),
        ("first", 2),
        ("second", 0),
        ("second", 1),
    ]
    assert claimed[5] is None


def test_a_paused_job_does_not_block_others(store: JobStore) -> None:
    for job in ("first", "second"):
        store.add(job, CREATED, "{}", files(2))
    claimed = [store.claim(skipped=["first", "gone"]) for _ in range(3)]
    assert [item.job if item is not None else None for item in claimed] == ["second", "second", None]
    item = store.claim()
    assert item is not None
    assert item.job == "first"


def test_a_later_job_shares_capacity_with_the_first(store: JobStore) -> None:
    store.add("long", CREATED, "{}", files(100))
    for _ in range(50):
        store.claim()
    store.add("short", CREATED, "{}", files(10))
    jobs = [item.job for item in (store.claim() for _ in range(20)) if item is not None]
    assert jobs.count("short") == 10
    assert jobs.count("long") == 10


def test_the_cost_of_an_item_does_not_grow_with_the_job(store: JobStore) -> None:
    store.add("job", CREATED, "{}", files(6000))
    steps = []

    def cost() -> int:
        steps.clear()
        store._db.set_progress_handler(lambda: steps.append(1), 10)
        item = store.claim()
        assert item is not None
        store.finish(item, ItemState.DONE, "x" * 1000)
        assert store.unfinished("job")
        assert store.under_way() == 1
        store._db.set_progress_handler(None, 0)
        return len(steps)

    first = cost()
    for _ in range(4000):
        item = store.claim()
        assert item is not None
        store.finish(item, ItemState.DONE, "x" * 1000)
    assert cost() <= first + 10  # each is 10 steps; reading finished items would take thousands


def test_after_a_crash_running_items_wait_again_and_finished_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    store.add("job", CREATED, "{}", files(3))
    first = store.claim()
    assert first is not None
    store.finish(first, ItemState.DONE, "{}")
    store.claim()
    store._process_lock.release()  # as the operating system does when a process is killed
    again = JobStore(path)
    record = again.job("job")
    assert record is not None
    assert (record.counts[ItemState.DONE], record.counts[ItemState.WAITING], record.ended) == (1, 2, False)
    claimed = again.claim()
    assert claimed is not None
    assert claimed.number == 1


def test_a_job_is_added_completely_or_not_at_all(store: JobStore) -> None:
    def broken():  # noqa: ANN202
        yield "a", "a"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        store.add("job", CREATED, "{}", broken())
    assert store.job("job") is None
    assert store.claim() is None


def test_cancel_and_delete(store: JobStore) -> None:
    store.add("job", CREATED, "{}", files(3))
    running = store.claim()
    assert running is not None
    store.cancel("job")
    assert store.claim() is None
    record = store.job("job")
    assert record is not None
    assert (record.cancelled, record.counts[ItemState.CANCELLED], record.ended) == (True, 2, False)
    store.delete("job")
    assert store.finish(running, ItemState.DONE, "{}") is False
    assert store.jobs() == ([], 0)


def test_another_version_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    store._db.execute("PRAGMA user_version = 9")
    with pytest.raises(OutputError, match="another process"):
        JobStore(path)
    store.close()
    with pytest.raises(OutputError, match="version 9"):
        JobStore(path)
    (tmp_path / "no.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(OutputError, match="not a database"):
        JobStore(tmp_path / "no.sqlite")


@pytest.fixture
def clips(tmp_path: Path) -> list[tuple[str, str]]:
    folder = tmp_path / "clips"
    folder.mkdir()
    named = []
    for number in range(5):
        path = folder / f"{number}.wav"
        tone = np.sin(np.arange(RATE) * 0.02 * (number + 1)).astype(np.float32)
        soundfile.write(path, tone * 0.3, RATE)
        named.append((path.name, str(path)))
    (folder / "bad.mp3").write_bytes(b"not audio")
    return [*named, ("bad.mp3", str(folder / "bad.mp3")), ("gone.wav", str(folder / "gone.wav"))]


def runner_of(tmp_path: Path, store: JobStore, model: FakeModel | None = None) -> JobRunner:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    return JobRunner(RecognitionService(settings, FakeRegistry(settings, model)), store)


def until_ended(runner: JobRunner, job: str) -> dict[ItemState, int]:
    def ended() -> bool:
        record = runner.wait(job, 0.5)
        return record is not None and record.ended

    wait_until(ended)
    record = runner.store.job(job)
    assert record is not None
    return record.counts


def test_a_job_has_the_same_results_as_single_recognitions(
    tmp_path: Path, store: JobStore, clips: list[tuple[str, str]]
) -> None:
    runner = runner_of(tmp_path, store)
    runner.start()
    job = runner.submit(clips, AnalysisOptions(labels=(Emotion.HAPPY, Emotion.SAD))).id
    counts = until_ended(runner, job)
    runner.stop(120)
    assert (counts[ItemState.DONE], counts[ItemState.FAILED]) == (5, 2)
    items = list(store.items(job))
    errors = [json.loads(item.outcome or "")["code"] for item in items if item.state is ItemState.FAILED]
    assert errors[1] == "audio.no_such_file"
    for item in items[:5]:
        direct = runner._service.recognize(
            Path(item.place), RecognizeOptions(labels=(Emotion.HAPPY, Emotion.SAD))
        ).result
        assert json.loads(item.outcome or "")["scores"] == json.loads(direct.to_json())["scores"]
    assert [path.name for path in (tmp_path / "outputs").iterdir() if path.name.startswith(".draft")] == []


def test_the_tables(tmp_path: Path, store: JobStore, clips: list[tuple[str, str]]) -> None:
    runner = runner_of(tmp_path, store)
    runner.start()
    named = [("=1+1.wav" if name == "0.wav" else name, path) for name, path in clips]
    job = runner.submit(named, AnalysisOptions()).id
    until_ended(runner, job)
    runner.stop(120)
    for kind in TableFormat:
        write_table(store.items(job), tmp_path / f"table.{kind.value}", kind)
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text("utf-8").splitlines()]
    columns = pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert tuple(rows[0]) == tuple(columns[0]) == COLUMNS
    assert [len(rows), len(lines), len(columns)] == [7, 7, 7]
    assert rows[0]["path"] == "'=1+1.wav", "a spreadsheet must not treat a name as a formula"
    assert columns[0]["path"] == lines[0]["path"] == "=1+1.wav"
    for row, line, column in zip(rows[:5], lines[:5], columns[:5], strict=True):
        assert row["emotion"] == line["emotion"] == column["emotion"]
        assert float(row["happy"]) == line["scores"]["happy"] == column["happy"]
    assert rows[5]["error_code"] == lines[5]["error"]["code"] == columns[5]["error_code"]
    assert "bad.mp3" in rows[5]["error"]
    assert columns[5]["confidence"] is None


def test_a_stopped_runner_leaves_its_item_to_the_next(
    tmp_path: Path, store: JobStore, clips: list[tuple[str, str]]
) -> None:
    class SlowModel(FakeModel):
        def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN202
            time.sleep(0.2)
            return super().predict(windows, with_features=with_features)

    runner = runner_of(tmp_path, store, SlowModel())
    runner.start()
    job = runner.submit(clips[:5], AnalysisOptions()).id
    wait_until(lambda: runner.wait(job, 0.05).counts[ItemState.DONE] >= 2)  # type: ignore[union-attr]
    runner.stop(120)
    record = store.job(job)
    assert record is not None
    assert record.counts[ItemState.RUNNING] == 0
    assert 2 <= record.counts[ItemState.DONE] < 5
    done = {item.number: item.outcome for item in store.items(job) if item.state is ItemState.DONE}
    following = runner_of(tmp_path, store)
    following.start()
    assert until_ended(following, job)[ItemState.DONE] == 5
    following.stop(120)
    assert {item.number: item.outcome for item in store.items(job) if item.number in done} == done


def test_a_cancelled_job_stops_during_an_item(tmp_path: Path, store: JobStore, clips: list[tuple[str, str]]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class WaitingModel(FakeModel):
        def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN202
            begun.set()
            assert go_on.wait(120)
            return super().predict(windows, with_features=with_features)

    runner = runner_of(tmp_path, store, WaitingModel())
    runner.start()
    job = runner.submit(clips[:5], AnalysisOptions()).id
    assert begun.wait(120)
    runner.cancel(job)
    go_on.set()
    counts = until_ended(runner, job)
    runner.stop(120)
    assert (counts[ItemState.DONE], counts[ItemState.CANCELLED]) == (0, 5)


def test_invalid_options_add_no_job(tmp_path: Path, store: JobStore) -> None:
    runner = runner_of(tmp_path, store)
    with pytest.raises(RequestError):
        runner.submit(files(2), AnalysisOptions.of(labels=()))
    assert store.jobs() == ([], 0)


def test_items_are_read_in_pages(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.storage.job_store.ROWS_AT_A_TIME", 3)
    store.add("job", CREATED, "{}", files(8))
    store.extend("job", [("more.wav", "more.wav")])
    read: list[Item] = list(store.items("job"))
    assert [item.number for item in read] == list(range(9))
    assert read[-1].name == "more.wav"


def test_old_jobs_are_deleted_after_they_have_ended(tmp_path: Path, store: JobStore) -> None:
    for job in ("done", "waiting"):
        store.add(job, CREATED, "{}", files(1))
        item = store.claim()
        assert item is not None
        if job == "done":
            store.finish(item, ItemState.DONE, "{}")
    store.add("young", "2999-01-01 00:00:00", "{}", [])
    assert store.delete_ended_before("2026-01-01 00:00:00") == []
    gone: list[str] = []
    settings = Settings(outputs_dir=tmp_path, keep_days=3)
    service = RecognitionService(settings, FakeRegistry(settings, FakeModel()))
    runner = JobRunner(service, store, on_ended=gone.append)
    runner.start()
    wait_until(lambda: gone)
    runner.stop()
    assert gone == ["done"]
    assert [record.id for record in store.jobs()[0]] == ["young", "waiting"]
