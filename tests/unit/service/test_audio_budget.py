"""The hourly audio budget of a client: charged before decoding, corrected afterwards, free again after an hour."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.audio_files import pcm16, riff, voice, with_pyav
from tests.support.fake_model import FakeRegistry
from tests.support.waiting import Clock, wait_for, wait_until
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.audio.decode import DecodeLimits, decode_into
from webui.audio.sample_store import MemoryStore
from webui.errors import AudioTooLongError, SpeechEmotionError, TooOftenError
from webui.http.problems import answer_error
from webui.service import RecognitionService
from webui.service.jobs.runner import JobOptions, JobRunner
from webui.service.recognition.options import AnalysisOptions
from webui.service.serving import audio_budget
from webui.service.serving.audio_budget import HOUR_S, AudioBudget
from webui.settings import Settings
from webui.storage.job_store import ItemState, JobStore
from webui.texts import Language

RATE = 16_000
LIMITS = DecodeLimits(max_bytes=10**9, max_duration_s=20.0)


@pytest.fixture
def clock() -> Clock:
    return Clock(100_000.0)


@pytest.fixture
def budget(clock: Clock) -> AudioBudget:
    return AudioBudget(100.0, clock)


def wav(seconds: float) -> bytes:
    return riff(pcm16(voice(seconds)))


def undeclared(seconds: float) -> bytes:
    """Returns a video that does not declare the length of its audio."""
    return with_pyav(voice(seconds, 48_000), 48_000, container="matroska", codec="flac", video=True)


def decode(budget: AudioBudget, caller: str | None, data: bytes, limits: DecodeLimits = LIMITS) -> MemoryStore:
    stores: list[MemoryStore] = []

    def new_store() -> MemoryStore:
        stores.append(MemoryStore())
        return stores[-1]

    with budget.charged(caller) as charge:
        decode_into(charge.metered(new_store), data, limits=limits)
    return stores[-1]


def used(budget: AudioBudget, caller: str = "anna") -> float:
    return sum(entry.seconds for entry in budget._entries(caller))


def refused(do: Callable[[], object]) -> SpeechEmotionError:
    with pytest.raises((TooOftenError, AudioTooLongError)) as caught:
        do()
    assert all(caught.value.message(language) for language in Language)
    return caught.value


def test_when_budget_becomes_free(budget: AudioBudget, clock: Clock) -> None:
    for seconds in (60.0, 30.0):
        with budget.charged("anna") as charge:
            charge.expect(seconds)
            charge.use(seconds)
        clock.now += 600
    with budget.charged("anna") as charge:
        error = refused(lambda: charge.expect(20.0))
        assert error.code == "request.audio_budget"
        assert error.values == {"found_s": 90, "size_s": 20, "expected_s": 100, "wait_min": 41, "retry_s": 2401}
        assert refused(lambda: charge.expect(75.0)).values["retry_s"] == 3001, "the first entry to expire is not enough"
        charge.expect(10.0)
        with budget.charged("ben") as other:
            other.expect(100.0)
    assert used(budget) == 90, "unused budget is returned"
    clock.now += HOUR_S - 1200
    with budget.charged("anna") as charge:
        charge.expect(70.0)
        charge.use(70.0)
    clock.now += 600
    assert used(budget) == 70
    clock.now += HOUR_S
    assert used(budget) == 0
    clock.now += 60
    used(budget, "carl")
    assert list(budget._callers) == ["carl"], "inactive clients take no memory"


def test_audio_beyond_the_expected_length_is_charged(budget: AudioBudget) -> None:
    with budget.charged("anna") as charge:
        charge.expect(10.0)
        for _ in range(5):
            charge.use(10.0)
    assert used(budget) == 50
    with budget.charged("anna") as charge:
        for _ in range(5):
            charge.use(10.0)
        error = refused(lambda: charge.use(10.0))
    assert error.code == "request.audio_budget"
    assert (error.values["found_s"], error.values["size_s"]) == (50, 60)
    assert error.values["retry_s"] == HOUR_S + 1, "the whole hour: the length is unknown"
    assert used(budget) == 110
    assert refused(lambda: budget.check("anna")).code == "request.audio_budget_spent"
    budget.check("ben")


def test_a_recording_larger_than_the_budget(budget: AudioBudget) -> None:
    with budget.charged("anna") as charge:
        error = refused(lambda: charge.expect(102.0))
        assert (type(error), error.code) == (AudioTooLongError, "audio.over_budget")
        charge.use(100.0)
        assert type(refused(lambda: charge.use(2.0))) is AudioTooLongError


def test_without_a_limit_or_a_caller_nothing_is_counted(clock: Clock) -> None:
    off, on = AudioBudget(0.0, clock), AudioBudget(1.0, clock)
    for budget, caller in ((off, "anna"), (on, None)):
        for _ in range(3):
            decode(budget, caller, wav(2.0))
        budget.note(caller, 10.0)
        budget.check(caller)
        assert not budget._callers


def test_decoded_audio_is_charged(budget: AudioBudget) -> None:
    decode(budget, "anna", wav(3.0))
    assert used(budget) == pytest.approx(3.0, abs=0.01)
    decode(budget, "anna", wav(4.0)[:-32_000])  # declares 4 s, contains 3
    assert used(budget) == pytest.approx(6.0, abs=0.01)
    decode(budget, "anna", undeclared(2.0))
    assert used(budget) == pytest.approx(8.0, abs=0.01)
    both = np.stack([voice(3.0), -voice(3.0)], axis=1)  # decoded twice, because its channels cancel each other
    decode(budget, "anna", riff(pcm16(both), channels=2))
    assert used(budget) == pytest.approx(11.0, abs=0.01)
    with pytest.raises(AudioTooLongError, match="stopped at the limit of 5 s"):
        decode(budget, "anna", undeclared(8.0), DecodeLimits(max_bytes=10**9, max_duration_s=5.0))
    assert 13.0 < used(budget) < 17.0, "a refused recording is charged for the decoded part"


def test_a_declared_length_over_the_budget_is_not_decoded(clock: Clock) -> None:
    budget = AudioBudget(5.0, clock)
    decode(budget, "anna", wav(3.0))
    stores: list[MemoryStore] = []
    with budget.charged("anna") as charge, pytest.raises(TooOftenError):
        decode_into(charge.metered(lambda: stores.append(MemoryStore()) or stores[-1]), wav(4.0), limits=LIMITS)
    assert len(stores) == 1
    assert len(stores[0]) == 0
    assert used(budget) == pytest.approx(3.0, abs=0.01)
    decode(budget, "ben", wav(4.0))


def test_simultaneous_recordings_share_the_budget(budget: AudioBudget) -> None:
    with budget.charged("anna") as first, budget.charged("anna") as second:
        first.expect(60.0)
        refused(lambda: second.expect(60.0))
        second.expect(40.0)
    assert used(budget) == 0


def test_a_comparison_is_charged_too(budget: AudioBudget) -> None:
    budget.note("anna", 90.0)
    assert refused(lambda: budget.note("anna", 30.0)).code == "request.audio_budget_spent"
    assert used(budget) == 120


def service_of(folder: Path, limit_s: float) -> RecognitionService:
    settings = Settings(outputs_dir=folder, max_audio_s_per_hour=limit_s)
    return RecognitionService(settings, FakeRegistry(settings))


def test_budget_over_rest(tmp_path: Path) -> None:
    service = service_of(tmp_path, 5.0)
    app = FastAPI()
    app.add_exception_handler(SpeechEmotionError, answer_error)
    jobs = JobsApi(service)
    app.include_router(jobs.router)
    app.include_router(Api(service).router)
    with TestClient(app) as client:

        def send(seconds: float) -> tuple[int, str, str]:
            answer = client.post("/api/v1/recognize", files={"audio": wav(seconds)})
            return answer.status_code, answer.json().get("code", ""), answer.headers.get("retry-after", "")

        assert send(3.0)[0] == 200
        status, code, retry = send(4.0)
        assert (status, code) == (429, "request.audio_budget")
        assert HOUR_S - 60 < int(retry) <= HOUR_S + 1
        assert send(2.0)[0] == 200
        assert send(0.1)[:2] == (429, "request.audio_budget_spent")
        assert service.recognize(wav(4.0)).files, "the command line has no budget"
        jobs.start()
        made = client.post("/api/v1/jobs", files=[("audio", wav(3.0)), ("audio", wav(3.0))])
        assert made.status_code == 202
        where = f"/api/v1/jobs/{made.json()['id']}"
        job = wait_for(lambda: job if "notice" in (job := client.get(where).json()) else None)
        assert (job["state"], job["waiting"], job["failed"]) == ("running", 2, 0)
        assert "were decoded for you within the last hour" in job["notice"]
        assert client.post(f"{where}/cancel").json().get("notice") is None
        jobs.stop()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    """A runner whose budget counts two seconds as an hour."""
    monkeypatch.setattr(audio_budget, "HOUR_S", 2.0)
    monkeypatch.setattr(audio_budget, "GRAIN_S", 0.1)
    return JobRunner(service_of(tmp_path / "outputs", 5.0), JobStore(tmp_path / "jobs.sqlite"))


def files(folder: Path, *lengths_s: float) -> list[tuple[str, str]]:
    found = []
    for number, seconds in enumerate(lengths_s):
        path = folder / f"{number}-{seconds}.wav"
        path.write_bytes(wav(seconds))
        found.append((path.name, str(path)))
    return found


def test_a_paused_job_continues_when_budget_is_free(runner: JobRunner, tmp_path: Path) -> None:
    first = runner.submit(files(tmp_path, 3.0, 3.0, 8.0, 3.0), AnalysisOptions(), caller="anna").id
    other = runner.submit(files(tmp_path, 3.0), AnalysisOptions(), caller="ben").id
    free = runner.submit(files(tmp_path, 3.0, 3.0, 3.0), AnalysisOptions()).id
    runner.start()
    try:
        assert wait_for(lambda: runner.pause_of(first)).code == "request.audio_budget"
        for job in (other, free):
            wait_until(lambda job=job: not runner.store.unfinished(job))  # type: ignore[misc]
        wait_until(lambda: not runner.store.unfinished(first))
        states = [item.state for item in runner.store.items(first)]
        assert states == [ItemState.DONE, ItemState.DONE, ItemState.FAILED, ItemState.DONE]
        assert '"audio.over_budget"' in str([item.outcome for item in runner.store.items(first)][2])
        assert runner.pause_of(first) is None
    finally:
        runner.stop(30)
        runner.store.close()


def test_a_job_waiting_for_budget_can_be_cancelled(runner: JobRunner, tmp_path: Path) -> None:
    job = runner.submit(files(tmp_path, 3.0, 3.0, 3.0), AnalysisOptions(), caller="anna").id
    runner.start()
    try:
        wait_until(lambda: runner.pause_of(job) is not None)
        runner.cancel(job)
        wait_until(lambda: not runner.store.unfinished(job))
        states = {item.state for item in runner.store.items(job)}
        assert states == {ItemState.DONE, ItemState.CANCELLED}
    finally:
        runner.stop(30)
        runner.store.close()


def test_the_options_of_a_job_include_its_client() -> None:
    assert JobOptions.model_validate_json("{}").caller is None, "options of an older version"
    kept = JobOptions(caller="key:a").model_dump_json(exclude_none=True)
    assert JobOptions.model_validate_json(kept).caller == "key:a"
