"""Jobs with a model on a GPU: several recordings share its batches; nothing else changes."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.waiting import wait_until
from webui.engine.protocol import GPU_CONCURRENCY, Prediction, Window
from webui.progress import Stage
from webui.service import RecognitionService
from webui.service.jobs.runner import JobRunner
from webui.service.recognition.options import AnalysisOptions
from webui.settings import Settings
from webui.storage.job_store import ItemState, JobStore

RATE = 16_000
FILES = 60
BATCH_S = 0.1  # enough for a busy machine to decode the recordings of the next batch


class Device(FakeModel):
    """Needs time for a batch if it is a GPU, records batch sizes and fails if two calls run at once."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.info = self.info.model_copy(update={"device": device})
        self.batches: list[int] = []
        self.lock = threading.Lock()

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        assert self.lock.acquire(blocking=False), "two calls of the model at the same time"
        try:
            self.batches.append(len(windows))
            if self.info.device != "cpu":
                time.sleep(BATCH_S)
            return super().predict(windows, with_features=with_features)
        finally:
            self.lock.release()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(FILES):
        tone = np.sin(np.arange(RATE // 2) * 0.01 * (number + 1)).astype(np.float32)
        soundfile.write(folder / f"{number}.wav", tone * 0.3, RATE)
    return [(f"{number}.wav", str(folder / f"{number}.wav")) for number in range(FILES)]


class Running:
    """A runner with its own store and a model on the given device."""

    def __init__(self, folder: Path, device: str, store: str = "jobs.sqlite") -> None:
        self.model = Device(device)
        settings = Settings(outputs_dir=folder / "outputs")
        self.service = RecognitionService(settings, FakeRegistry(settings, self.model))
        self.runner = JobRunner(self.service, JobStore(folder / store))

    def counts(self, job: str) -> dict[ItemState, int]:
        record = self.runner.store.job(job)
        assert record is not None
        return record.counts

    def begun(self, clips: list[tuple[str, str]], done: int) -> str:
        """Starts a job, and returns its id when that many recordings are done."""
        job = self.runner.submit(clips, AnalysisOptions()).id
        self.runner.start()
        self.until(job, done)
        return job

    def until(self, job: str, done: int) -> None:
        wait_until(lambda: self.counts(job)[ItemState.DONE] >= done)

    def end(self) -> None:
        self.runner.stop(120)
        assert [thread for thread in self.runner._threads if thread.is_alive()] == []

    def results(self, job: str) -> dict[int, str]:
        done = (item for item in self.runner.store.items(job) if item.state is ItemState.DONE)
        return {item.number: item.outcome or "" for item in done}


def test_recordings_share_the_batches_of_a_gpu_and_get_their_own_answers(
    tmp_path: Path, clips: list[tuple[str, str]]
) -> None:
    gpu, cpu = Running(tmp_path / "gpu", "cuda:0"), Running(tmp_path / "cpu", "cpu")
    scores = {}
    for running in (gpu, cpu):
        job = running.begun(clips, FILES)
        running.end()
        answers = running.results(job)
        assert list(answers) == list(range(FILES))
        scores[running] = [json.loads(answers[number])["scores"] for number in range(FILES)]
    assert scores[gpu] == scores[cpu]
    assert len({json.dumps(clip_scores) for clip_scores in scores[cpu]}) > FILES // 2, (
        "different clips must have different results"
    )
    assert sum(gpu.model.batches) == FILES, "every recording was computed once"
    assert gpu.model.batches[0] == 1, "the concurrency is only known after loading"
    assert max(gpu.model.batches) > GPU_CONCURRENCY / 2
    assert len(gpu.model.batches) < FILES / 3
    assert cpu.model.batches == [1] * FILES
    assert len(gpu.runner._threads) == GPU_CONCURRENCY
    assert len(cpu.runner._threads) == 1


def test_an_interactive_caller_waits_for_the_current_batch(tmp_path: Path, clips: list[tuple[str, str]]) -> None:
    running = Running(tmp_path, "cuda:0")
    job = running.begun(clips * 10, GPU_CONCURRENCY)
    for _ in range(5):
        seen: list[int] = []

        def look(_fraction: float, stage: Stage, seen: list[int] = seen) -> None:
            if stage is Stage.INFERENCE:
                seen.append(len(running.model.batches))

        running.service.recognize(Path(clips[0][1]), progress=look)
        assert seen[-1] - seen[0] <= 3  # its own, one that started just before and one just after
    running.runner.cancel(job)
    running.end()


def test_cancelling_stops_all_running_items(tmp_path: Path, clips: list[tuple[str, str]]) -> None:
    running = Running(tmp_path, "cuda:0")
    job = running.begun(clips, 5)
    running.runner.cancel(job)
    wait_until(lambda: not running.counts(job)[ItemState.RUNNING])
    counts = running.counts(job)
    assert counts[ItemState.DONE] + counts[ItemState.CANCELLED] == FILES
    assert 5 <= counts[ItemState.DONE] < FILES
    other = running.runner.submit(clips[:3], AnalysisOptions()).id
    running.until(other, 3)
    running.end()


def test_the_next_process_resumes_and_repeats_nothing(tmp_path: Path, clips: list[tuple[str, str]]) -> None:
    first = Running(tmp_path, "cuda:0")
    job = first.begun(clips, 20)
    first.end()
    counts, done = first.counts(job), first.results(job)
    assert counts[ItemState.RUNNING] == 0
    assert 20 <= len(done) < FILES
    first.runner.store.close()
    second = Running(tmp_path, "cuda:0")
    second.runner.start()
    second.until(job, FILES)
    second.end()
    answers = second.results(job)
    assert {number: answers[number] for number in done} == done
    assert sum(second.model.batches) == FILES - len(done)


def test_after_a_fallback_to_the_cpu_items_run_one_at_a_time(tmp_path: Path, clips: list[tuple[str, str]]) -> None:
    running = Running(tmp_path, "cuda:0")
    running.runner.start()
    job = running.runner.submit(clips, AnalysisOptions()).id
    running.until(job, FILES)
    running.model.info = running.model.info.model_copy(update={"device": "cpu"})  # as after a failure of the GPU
    running.runner.wait(job, 0.1)
    another = running.runner.submit(clips[: GPU_CONCURRENCY * 2], AnalysisOptions()).id
    running.until(another, GPU_CONCURRENCY)
    assert running.counts(another)[ItemState.RUNNING] <= 1
    running.until(another, GPU_CONCURRENCY * 2)
    running.end()
