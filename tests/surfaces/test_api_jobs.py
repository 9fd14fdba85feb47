"""Jobs over HTTP, on server processes that are killed and restarted."""

import csv
import io
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from tests.support.proofs import sizes
from tests.support.server_process import ROOT, RunningServer, running_server
from tests.support.waiting import wait_for, wait_until
from webui.service.serving.keys import hash_key, new_key

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
JOBS = "/api/v1/jobs"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(EXAMPLE.read_bytes())
    noise = np.random.default_rng(1).normal(scale=0.1, size=16_000 * 240).astype(np.float32)
    soundfile.write(folder / "long.wav", noise, 16_000)
    (folder / "bad.mp3").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("jobs")
    with running_server(folder / "outputs", audio_roots=recordings, models_dir=folder / "models") as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


def document_of(client: httpx.Client, job: str) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"{JOBS}/{job}").json()
    return document


def ended(client: httpx.Client, job: str) -> dict[str, Any]:
    wait_until(lambda: document_of(client, job)["state"] in {"done", "cancelled"})
    return document_of(client, job)


def test_uploads_become_a_table_in_three_formats(client: httpx.Client, server: RunningServer) -> None:
    files = [("audio", (f"call {number}.wav", EXAMPLE.read_bytes())) for number in range(3)]
    files.append(("audio", ("bad.mp3", b"nothing")))
    response = client.post(JOBS, files=files, data={"labels": "happy,sad"})
    assert response.status_code == 202, response.text
    job = response.json()["id"]
    document = ended(client, job)
    assert (document["state"], document["total"], document["done"], document["failed"]) == ("done", 4, 3, 1)
    (failure,) = document["failures"]
    assert failure["path"] == "bad.mp3"
    assert str(server.outputs_dir) not in json.dumps(document), "the response shows paths of the server"
    rows = list(csv.DictReader(io.StringIO(client.get(document["links"]["csv"]).text)))
    assert [row["path"] for row in rows] == ["call 0.wav", "call 1.wav", "call 2.wav", "bad.mp3"]
    lines = [json.loads(line) for line in client.get(document["links"]["jsonl"]).text.splitlines()]
    columns = pyarrow.parquet.read_table(io.BytesIO(client.get(document["links"]["parquet"]).content)).to_pylist()
    single = client.post(
        "/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, data={"labels": "happy,sad"}
    ).json()
    for row, line, column in zip(rows[:3], lines[:3], columns[:3], strict=True):
        assert row["emotion"] == line["emotion"] == column["emotion"] == single["emotion"]
        assert float(row["happy"]) == line["scores"]["happy"] == column["happy"] == single["scores"]["happy"]
    wait_until(lambda: not (server.outputs_dir / ".jobs" / job).exists())  # uploads of an ended job are deleted
    assert client.delete(f"{JOBS}/{job}").status_code == 204
    assert client.get(f"{JOBS}/{job}").status_code == 404


def test_embeddings_and_frame_scores_of_a_job(client: httpx.Client, server: RunningServer, recordings: Path) -> None:
    paths = [str(recordings / name) for name in ("0.wav", "bad.mp3", "1.wav")]
    body = {"audio_paths": paths, "granularity": "frame", "extract_embedding": True}
    job = client.post(JOBS, json=body).json()["id"]
    document = ended(client, job)
    response = client.get(document["links"]["embedding"])
    assert (response.status_code, response.headers["content-type"]) == (200, "application/octet-stream")
    with np.load(io.BytesIO(response.content)) as found:
        assert found["names"].tolist() == [paths[0], paths[2]]
        embedding = found["embedding"]
    single = client.post(
        "/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, data={"inline_embedding": "true"}
    ).json()
    np.testing.assert_allclose(embedding, [single["embedding_values"]] * 2, rtol=1e-6)
    frames = pyarrow.parquet.read_table(io.BytesIO(client.get(document["links"]["parquet"]).content)).to_pylist()
    assert {row["path"]: row["state"] for row in frames} == dict(zip(paths, ("done", "failed", "done"), strict=True))
    assert len(frames) > 20
    folder = server.outputs_dir / ".jobs"
    assert [path.name for path in folder.glob(f"*{job}*")] == [f"jobs.sqlite.{job}.extras"]
    (folder / f"jobs.sqlite.{job}.extras").unlink()  # as retention does
    gone = client.get(f"{JOBS}/{job}/embedding")
    assert (gone.status_code, gone.json()["code"]) == (404, "api.extras_deleted")
    assert client.delete(f"{JOBS}/{job}").status_code == 204
    wait_until(lambda: not list(folder.glob("speech-emotion-job-*")))  # temporary files of the download
    other = client.post(JOBS, json={"audio_paths": paths[:1]}).json()
    assert "embedding" not in other["links"]
    refused = client.get(f"{JOBS}/{other['id']}/embedding")
    assert (refused.status_code, refused.json()["code"]) == (404, "api.no_embeddings")
    assert client.get(f"{JOBS}/nothing/embedding").status_code == 404


def test_paths_of_the_server(client: httpx.Client, recordings: Path) -> None:
    paths = [str(recordings / "0.wav"), str(recordings / "gone.wav")]
    job = client.post(JOBS, json={"audio_paths": paths, "granularity": "segment"}).json()["id"]
    document = ended(client, job)
    assert (document["done"], document["failed"], document["failures"][0]["code"]) == (1, 1, "audio.no_such_file")
    (line, _) = [json.loads(line) for line in client.get(document["links"]["jsonl"]).text.splitlines()]
    assert line["segments"]
    page = client.get(JOBS).json()
    assert page["items"][0]["id"] == job
    assert page["jobs"] == page["items"], "the key of version 0.1.0"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"audio_paths": ["/etc/passwd"]}, 403, "api.outside_roots"),
        ({"audio_urls": ["http://127.0.0.1/a.wav"]}, 403, None),
        ({}, 422, "api.job_sources"),
        ({"audio_paths": ["a"], "audio_urls": ["b"]}, 422, "api.job_sources"),
        ({"audio_paths": ["a"], "labels": ["joy"]}, 422, None),
        ({"audio_paths": ["a"], "surprise": 1}, 422, None),
    ],
)
def test_refused_jobs_are_not_added(client: httpx.Client, body: dict[str, Any], status: int, code: str) -> None:
    before = client.get(JOBS).json()["total"]
    response = client.post(JOBS, json=body)
    assert response.status_code == status, response.text
    assert code is None or response.json()["code"] == code
    assert client.get(JOBS).json()["total"] == before


def test_a_cancelled_job_keeps_its_finished_results(client: httpx.Client, recordings: Path) -> None:
    paths = [str(recordings / "0.wav"), *[str(recordings / "long.wav")] * 30]
    job = client.post(JOBS, json={"audio_paths": paths}).json()["id"]
    wait_until(lambda: document_of(client, job)["done"] >= 1)
    assert client.post(f"{JOBS}/{job}/cancel").json()["state"] in {"stopping", "cancelled"}
    document = ended(client, job)
    assert document["done"] >= 1
    assert document["cancelled"] >= 25
    rows = list(csv.DictReader(io.StringIO(client.get(document["links"]["csv"]).text)))
    assert rows[0]["state"] == "done"
    assert rows[-1]["state"] == "cancelled"


def test_interactive_requests_have_priority_over_jobs(client: httpx.Client, recordings: Path) -> None:
    job = client.post(JOBS, json={"audio_paths": [str(recordings / "long.wav")] * 50}).json()["id"]
    wait_until(lambda: document_of(client, job)["running"] >= 1)
    for _ in range(3):
        answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
        assert answer.status_code == 200
    document = client.post(f"{JOBS}/{job}/cancel").json()
    assert document["done"] < 40, "three short requests waited for the whole job"
    ended(client, job)


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_uploads_of_a_stopped_job_are_deleted(client: httpx.Client, server: RunningServer, how: str) -> None:
    noise = io.BytesIO()
    soundfile.write(noise, np.random.default_rng(2).normal(scale=0.1, size=16_000 * 120), 16_000, format="FLAC")
    files = [("audio", (f"{number}.flac", noise.getvalue())) for number in range(8)]
    job = client.post(JOBS, files=files).json()["id"]
    folder = server.outputs_dir / ".jobs" / job
    assert len(list(folder.iterdir())) == 8
    if how == "cancel":
        assert client.post(f"{JOBS}/{job}/cancel").status_code == 200
    else:
        assert client.delete(f"{JOBS}/{job}").status_code == 204
    wait_until(lambda: not folder.exists())


def test_uploads_survive_a_killed_server_until_the_job_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / ".jobs"
    with running_server(tmp_path / "outputs", models_dir=tmp_path / "models") as server:
        files = [("audio", (f"{number}.wav", EXAMPLE.read_bytes())) for number in range(100)]
        job = httpx.post(f"{server.url}{JOBS}", files=files, timeout=120).json()["id"]
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    assert len(list((folder / job).iterdir())) == 100
    (folder / "half").mkdir()  # of a job whose upload was incomplete
    (folder / "half" / "0").write_bytes(b"RIFF")
    with (
        running_server(tmp_path / "outputs", models_dir=tmp_path / "models") as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        assert not (folder / "half").exists()
        assert ended(client, job)["done"] == 100
        wait_until(lambda: not (folder / job).exists())


@sizes("kills", small=2, full=40)
def test_a_killed_server_resumes_jobs_and_repeats_nothing(tmp_path: Path, recordings: Path, kills: int) -> None:
    settings = {"audio_roots": recordings, "models_dir": tmp_path / "models"}
    paths = [str(recordings / f"{number % 4}.wav") for number in range(20 * kills)]
    job, seen = "", {}
    for attempt in range(kills + 1):
        with running_server(tmp_path / "outputs", **settings) as server:
            with httpx.Client(base_url=server.url, timeout=120) as client:
                if not job:
                    job = client.post(JOBS, json={"audio_paths": paths}).json()["id"]
                if attempt == kills:
                    assert ended(client, job)["done"] == 20 * kills
                else:
                    goal = 5 * (attempt + 1)
                    wait_until(lambda job=job, goal=goal: document_of(client, job)["done"] >= goal)  # type: ignore[misc]
                lines = [
                    json.loads(line) for line in client.get(f"{JOBS}/{job}/results?format=jsonl").text.splitlines()
                ]
            if attempt < kills:
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
        done = {number: line for number, line in enumerate(lines) if line["state"] == "done"}
        assert {number: done[number]["timestamp"] for number in seen} == seen, "a result was computed twice"
        seen = {number: line["timestamp"] for number, line in done.items()}
    assert len(seen) == 20 * kills
    assert [path.name for path in (tmp_path / "outputs").iterdir() if path.name.startswith("outputs_")] == []


def test_a_second_server_does_not_use_the_jobs_of_the_first(server: RunningServer, tmp_path: Path) -> None:
    with running_server(server.outputs_dir, models_dir=tmp_path) as second, httpx.Client(base_url=second.url) as client:
        response = client.get(JOBS)
        assert (response.status_code, response.json()["code"]) == (507, "storage.jobs_in_use")
        assert client.get("/healthz").status_code == 200


def refusal_of(client: httpx.Client, body: dict[str, object]) -> httpx.Response | None:
    """Returns the refusal of a job for its client's limit; a job that was accepted instead is cancelled."""
    response = client.post(JOBS, json=body)
    if response.status_code == 202:
        job = response.json()["id"]
        client.post(f"{JOBS}/{job}/cancel")
        ended(client, job)
    return response if response.status_code == 429 else None


def assert_waiting_ends_at_sigterm(server: RunningServer, client: httpx.Client, body: dict[str, object]) -> None:
    """Stops the server while a request waits for a job; the request is answered first."""
    job = wait_for(lambda: made.json()["id"] if (made := client.post(JOBS, json=body)).status_code == 202 else None)

    def waited() -> httpx.Response | None:
        answer = client.get(f"{JOBS}/{job}", params={"wait_s": 60})
        return answer if answer.status_code != 429 else None  # a probe was waiting

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for, waited)
        wait_until(lambda: client.get(f"{JOBS}/{job}", params={"wait_s": 0.001}).status_code == 429)
        server.process.send_signal(signal.SIGTERM)
        assert waiting.result().json()["state"] == "running"
    assert server.process.wait(120) == 0


def test_limits_of_jobs_in_total_and_per_client(tmp_path: Path, recordings: Path) -> None:
    keys = [new_key(), new_key()]
    settings = {
        "api_keys": ",".join(hash_key(key) for key in keys),
        "audio_roots": recordings,
        "models_dir": tmp_path / "models",
        "max_jobs": 2,
        "max_per_client": 1,
    }
    body = {"audio_paths": [str(recordings / "long.wav")] * 50}
    with running_server(tmp_path / "outputs", **settings) as server:
        first, second = (httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=120) for key in keys)
        jobs = [first.post(JOBS, json=body).json()["id"] for _ in range(2)]
        refused = first.post(JOBS, json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "request.too_many_jobs")
        assert refused.json()["values"] == {"found": 2, "expected": 2, "retry_s": 60}
        assert refused.headers["retry-after"] == "60"
        assert first.get(JOBS).json()["total"] == 2
        for job in jobs:
            assert first.post(f"{JOBS}/{job}/cancel").status_code == 200
            ended(first, job)
        port = int(server.url.rsplit(":", 1)[1])
        head = f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {keys[0]}\r\nContent-Length: 1000\r\n"
        short = {"audio_paths": [str(recordings / "0.wav")]}
        with ExitStack() as links:

            def attempt() -> httpx.Response | None:
                """Begins a request, and sends another meanwhile; whichever comes second is refused."""
                link = links.enter_context(socket.create_connection(("127.0.0.1", port)))
                link.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + b"{")
                return refusal_of(first, short)

            refused = wait_for(attempt)
            assert refused.json()["code"] == "request.too_many"
            assert second.post(JOBS, json=short).status_code in {202, 503}
        assert_waiting_ends_at_sigterm(server, second, body)
        assert "Traceback" not in server.errors.read_text()
