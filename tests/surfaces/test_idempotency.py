"""Repeated requests, waiting for a job, ids of recordings and ids of requests, over REST with a fake model."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.paths import EXAMPLE
from tests.support.rest_app import RestApp, rest_app
from tests.support.waiting import wait_until
from webui.api.idempotency import KeptAnswers
from webui.http.request_ids import configure_logging
from webui.storage import job_keys
from webui.storage.job_keys import JobKey, JobKeys
from webui.storage.job_store import JobStore

AUDIO = EXAMPLE.read_bytes()
RECOGNIZE, JOBS = "/api/v1/recognize", "/api/v1/jobs"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RestApp]:
    with rest_app(tmp_path / "outputs", audio_roots=[tmp_path], max_per_client=2) as running:
        yield running


def send(app: RestApp, route: str, key: str | None, audio: bytes = AUDIO, **fields: str) -> httpx.Response:
    """Sends an upload; like every client, with another boundary each time."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    answer: httpx.Response = app.client.post(route, files={"audio": ("a.wav", audio)}, data=fields, headers=headers)
    return answer


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_repeated_recognition_is_not_done_twice(app: RestApp) -> None:
    first = send(app, RECOGNIZE, "one", granularity="frame")
    again = send(app, RECOGNIZE, "one", granularity="frame")
    assert (again.status_code, again.content) == (200, first.content)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert app.client.get("/api/v1/results").json()["total"] == 1
    for other in (send(app, RECOGNIZE, "one"), send(app, RECOGNIZE, "one", AUDIO + b"\0", granularity="frame")):
        assert code_of(other) == (422, "api.idempotency_key_reused")
    assert send(app, RECOGNIZE, "two", granularity="frame").json()["id"] != first.json()["id"]
    assert send(app, RECOGNIZE, None).status_code == 200
    for bad in ("", "x" * 256, "\t"):
        assert code_of(send(app, RECOGNIZE, bad)) == (422, "api.bad_idempotency_key"), bad


def test_a_failed_request_can_be_repeated_with_its_key(app: RestApp) -> None:
    for _ in range(2):
        assert code_of(send(app, RECOGNIZE, "bad", b"no audio, but text")) == (422, "audio.text")


def test_the_key_of_a_request_under_way_is_in_use(app: RestApp) -> None:
    app.model.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, app, RECOGNIZE, "one")
        assert app.model.begun.wait(120)
        refused = send(app, RECOGNIZE, "one")
        assert code_of(refused) == (409, "api.idempotency_key_in_use")
        assert int(refused.headers["retry-after"]) > 0
        app.model.gate.set()
        assert first.result().status_code == 200
    assert send(app, RECOGNIZE, "one").json() == first.result().json()


def test_a_repeated_job_is_the_same_job_also_after_a_restart(tmp_path: Path) -> None:
    with rest_app(tmp_path / "outputs", max_jobs=1) as app:
        app.model.gate.clear()
        first = send(app, JOBS, "one")
        again = send(app, JOBS, "one")  # although there is no room for another job
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        assert again.headers["idempotent-replayed"] == "true"
        assert code_of(send(app, JOBS, "two")) == (503, "request.too_many_jobs")
        assert code_of(send(app, JOBS, "one", AUDIO + b"\0")) == (422, "api.idempotency_key_reused")
        assert len(list((tmp_path / "outputs" / ".jobs").glob("*/*"))) == 1, "uploads of a repetition are not stored"
    with rest_app(tmp_path / "outputs") as app:
        assert send(app, JOBS, "one").json()["id"] == first.json()["id"]
        assert send(app, JOBS, "two").json()["id"] != first.json()["id"]
        assert app.client.delete(f"{JOBS}/{first.json()['id']}").status_code == 204
        assert send(app, JOBS, "one").json()["id"] != first.json()["id"], "the key is deleted with its job"


def test_keys_are_bounded_in_number_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_keys, "MAX_KEYS", 3)
    store = JobStore(tmp_path / "jobs.sqlite")
    keys = JobKeys(store)
    for number in range(5):
        key = JobKey("anna", f"{number}", "f", float(number), f"job {number}")
        store.add(key.job, "2026-01-01 00:00:00", "{}", [], with_job=key.add)
    store.add("other", "2026-01-01 00:00:00", "{}", [], with_job=JobKey("ben", "0", "f", 4.0, "other").add)
    assert [keys.find("anna", f"{number}", 5.0) is not None for number in range(5)] == [False, False, True, True, True]
    assert keys.find("ben", "0", 5.0) is not None
    assert keys.find("anna", "4", 4.0 + job_keys.KEPT_S + 1) is None
    store.close()
    answers = KeptAnswers(max_bytes=1000)
    for number in range(10):
        answers.keep("anna", f"{number}", "f", bytes(200))
    assert [answers.find("anna", f"{number}", "f") is not None for number in range(10)] == [False] * 5 + [True] * 5
    answers.keep("anna", "large", "f", bytes(300))
    assert answers.find("anna", "large", "f") is None
    assert answers.find("ben", "9", "f") is None


def ended(app: RestApp, job: str) -> dict[str, Any]:
    document: dict[str, Any] = app.client.get(f"{JOBS}/{job}", params={"wait_s": 60}).json()
    assert document["finished"]
    return document


def waited(app: RestApp, address: str) -> httpx.Response:
    """Waits for the end of a job, from the moment when no probe of the test takes its place."""
    while (answer := app.client.get(address, params={"wait_s": 60})).status_code == 429:
        pass
    return answer


def test_a_request_waits_for_the_end_of_a_job(app: RestApp) -> None:
    app.model.gate.clear()
    job = send(app, JOBS, None).json()["id"]
    address = f"{JOBS}/{job}"
    early = app.client.get(address, params={"wait_s": 0.05}).json()
    assert (early["state"], early["finished"]) == ("running", False)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(waited, app, address) for _ in range(2)]
        wait_until(lambda: app.client.get(address, params={"wait_s": 0.001}).status_code == 429)  # both are counted
        assert not any(request.done() for request in waiting)
        app.model.gate.set()
        assert [request.result().json()["state"] for request in waiting] == ["done", "done"]
    assert app.client.get(address, params={"wait_s": 60}).json()["state"] == "done"
    assert app.client.get(f"{JOBS}/nothing", params={"wait_s": 60}).status_code == 404
    for bad in ("-1", "61", "nan"):
        assert app.client.get(address, params={"wait_s": bad}).status_code == 422, bad


def test_waiting_ends_when_the_server_stops(app: RestApp) -> None:
    app.model.gate.clear()
    address = f"{JOBS}/{send(app, JOBS, None).json()['id']}"
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(waited, app, address) for _ in range(2)]
        wait_until(lambda: app.client.get(address, params={"wait_s": 0.001}).status_code == 429)
        app.service.scheduler.drain.stop()
        assert [request.result().json()["state"] for request in waiting] == ["running", "running"]
    assert app.client.get(address, params={"wait_s": 60}).json()["finished"] is False


def test_states_of_a_job(app: RestApp, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(AUDIO)
    good, bad = str(tmp_path / "good.wav"), str(tmp_path / "gone.wav")

    def add(*paths: str) -> str:
        job: str = app.client.post(JOBS, json={"audio_paths": paths}).json()["id"]
        return job

    failed = ended(app, add(bad, bad))
    assert (failed["state"], failed["failed"]) == ("failed", 2)
    mixed = ended(app, add(bad, good))
    assert (mixed["state"], mixed["failed"], mixed["done"]) == ("done", 1, 1)
    for finished in (failed, mixed):  # a finished job cannot be cancelled any more
        assert app.client.post(f"{JOBS}/{finished['id']}/cancel").json()["state"] == finished["state"]
    app.model.gate.clear()
    app.model.begun.clear()
    job = add(good, good)
    assert app.model.begun.wait(120)
    stopping = app.client.post(f"{JOBS}/{job}/cancel").json()
    assert (stopping["state"], stopping["finished"]) == ("stopping", False)
    app.model.gate.set()
    assert ended(app, job)["state"] == "cancelled"


def test_recordings_have_ids_in_the_order_of_the_request(app: RestApp, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in (3, 1, 2, 1)]
    for name in names[:3]:
        (tmp_path / name).write_bytes(AUDIO)
    paths = [str(tmp_path / name) for name in (*names, "gone.wav")]
    job = ended(app, app.client.post(JOBS, json={"audio_paths": paths}).json()["id"])
    ids = [f"{job['id']}.{number}" for number in range(5)]
    address = f"{JOBS}/{job['id']}/recordings"
    page = app.client.get(address).json()
    assert [(entry["id"], entry["path"]) for entry in page["items"]] == list(zip(ids, paths, strict=True))
    assert [entry["state"] for entry in page["items"]] == ["done"] * 4 + ["failed"]
    assert page["items"][4]["error"]["code"] == "audio.no_such_file"
    part = app.client.get(address, params={"offset": 3, "limit": 1}).json()
    assert ([entry["id"] for entry in part["items"]], part["total"]) == ([ids[3]], 5)
    assert [failure["id"] for failure in job["failures"]] == ids[4:]
    lines = app.client.get(job["links"]["csv"]).text.lstrip("\ufeff").splitlines()
    assert [line.rsplit(",", 1)[-1] for line in lines] == ["id", *ids]
    for line, expected in zip(app.client.get(job["links"]["jsonl"]).text.splitlines(), ids, strict=True):
        assert f'"id": "{expected}"' in line


@pytest.mark.parametrize("given", ["abc-1.2:3/4+5=", "x" * 128])
def test_a_valid_request_id_is_taken(app: RestApp, given: str) -> None:
    for path in ("/healthz", JOBS, "/api/v1/nothing"):
        assert app.client.get(path, headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "two words", "line\x1b[0m"])
def test_any_other_request_id_is_replaced(app: RestApp, given: str | None) -> None:
    headers = {"X-Request-ID": given} if given is not None else {}
    ids = [app.client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(len(found) == 32 for found in ids)


@pytest.fixture
def _logging_of_a_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    make_record = logging.getLogRecordFactory()
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler())
    assert "%(request)s" in configure_logging()["formatters"]["default"]["fmt"]
    yield
    logging.setLogRecordFactory(make_record)


@pytest.mark.usefixtures("_logging_of_a_server")
def test_log_lines_contain_the_request_id(app: RestApp, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_given: object, **_options: object) -> None:
        logging.getLogger("webui.test").warning("from the thread of the request")
        raise ZeroDivisionError

    app.service.recognize = fail  # type: ignore[method-assign, assignment]
    answer = app.client.post(RECOGNIZE, files={"audio": AUDIO}, headers={"X-Request-ID": "trace-7"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "trace-7")
    assert [record.__dict__["request"] for record in caplog.records] == [" [request trace-7]"] * 2
    assert logging.lastResort is not None
    assert [logging.lastResort.format(record).splitlines()[0] for record in caplog.records] == [
        "from the thread of the request [request trace-7]",
        f"Unexpected error {answer.json()['values']['error_id']} in the API [request trace-7]",
    ]
