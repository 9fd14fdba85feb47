"""Limits of the server, and how it ends: nobody takes everything, nothing waits for ever, no work is lost."""

import io
import json
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.support.server_process import PROGRAM, ROOT, RunningServer, running_server
from webui.service.serving.keys import hash_key, new_key

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
KEYS = [new_key(), new_key()]


@pytest.fixture(scope="module")
def long_clip() -> bytes:
    """An hour of sound in little more than a megabyte a minute: far more than any test waits for."""
    clip = io.BytesIO()
    noise = np.random.default_rng(3).integers(-8, 8, 16_000 * 60, dtype=np.int16)
    with soundfile.SoundFile(clip, "w", 16_000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(noise)
    return clip.getvalue()


def post(server: RunningServer, audio: bytes, key: str = "", **fields: str) -> httpx.Response:
    where, files = f"{server.url}/api/v1/recognize", {"audio": ("a.flac", audio)}
    return httpx.post(where, files=files, data=fields, headers={"X-API-Key": key} if key else {}, timeout=90)


def wait_for_work(server: RunningServer, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(list(server.outputs_dir.glob(".draft*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, long_clip: bytes) -> Iterator[RunningServer]:
    """A server with room for two and no line, both places taken by the first key until a limit of 12 s ends them."""
    settings = {
        "api_keys": ",".join(hash_key(key) for key in KEYS),
        "max_waiting": 0,
        "max_per_client": 2,
        "max_request_s": 12,
        "max_upload_s": 2,
    }
    with (
        running_server(tmp_path_factory.mktemp("limits") / "outputs", **settings) as started,
        ThreadPoolExecutor(2) as callers,
    ):
        assert post(started, EXAMPLE.read_bytes(), KEYS[1]).status_code == 200
        taken = [callers.submit(post, started, long_clip, KEYS[0]) for _ in range(2)]
        wait_for_work(started, 2)
        yield started
        for one in taken:
            assert told(one.result()) == (504, "request.too_slow")
        assert len(list(started.outputs_dir.glob("outputs_*"))) == 1
        assert not list(started.outputs_dir.glob(".draft*"))
        assert "Traceback" not in started.errors.read_text()


def test_a_full_server_says_so_at_once(busy: RunningServer) -> None:
    took = []
    headers = {"X-API-Key": KEYS[1]}
    with httpx.Client(base_url=busy.url, headers=headers, timeout=30) as client:
        client.get("/healthz")
        for _ in range(20):
            begun = time.perf_counter()
            answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
            took.append(time.perf_counter() - begun)
            assert told(answer) == (503, "request.busy")
            assert answer.headers["retry-after"] == "5"
    assert statistics.median(took) < 0.05


def test_one_caller_has_a_share(busy: RunningServer) -> None:
    answer = post(busy, EXAMPLE.read_bytes(), KEYS[0])
    assert told(answer) == (429, "request.too_many")
    assert answer.headers["retry-after"] == "5"


def test_a_body_has_to_arrive(busy: RunningServer) -> None:
    port = int(busy.url.rsplit(":", 1)[1])
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/login"):
        with socket.create_connection(("127.0.0.1", port)) as link:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEYS[1]}\r\nContent-Length: 1000\r\n"
            kind = "multipart/form-data; boundary=a" if "upload" in path else "application/x-www-form-urlencoded"
            file = b'--a\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\nabc'
            link.sendall(f"{head}Content-Type: {kind}\r\n\r\n".encode() + file)
            link.settimeout(10)
            begun = time.monotonic()
            answer = link.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408"), path
            assert b"api.upload_slow" in answer + link.recv(65536)
            assert 1.5 < time.monotonic() - begun < 5
    where = f"{busy.url}/gradio_api/upload"
    (kept,) = httpx.post(where, files={"files": b"x"}, headers={"X-API-Key": KEYS[1]}).json()
    assert [path for path in Path(kept).parents[1].iterdir() if path.is_file()] == []


def stop_during_work(server: RunningServer, clip: bytes) -> tuple[Future[httpx.Response], float]:
    with ThreadPoolExecutor(1) as caller, httpx.Client(base_url=server.url, timeout=10) as client:
        assert post(server, EXAMPLE.read_bytes()).status_code == 200
        work = caller.submit(post, server, clip)
        wait_for_work(server, 1)
        assert client.get("/readyz").status_code == 200
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
        assert client.get("/healthz").status_code == 200
        assert told(client.post("/api/v1/recognize", files={"audio": b"x"})) == (503, "request.stopping")
        assert server.process.wait(30) == 0
        return work, time.monotonic() - begun


def test_work_under_way_is_finished(tmp_path: Path, long_clip: bytes) -> None:
    samples = soundfile.read(io.BytesIO(long_clip), frames=16_000 * 300)[0]
    clip = io.BytesIO()
    soundfile.write(clip, samples, 16_000, format="FLAC")
    with running_server(tmp_path / "outputs") as started:
        work, _ = stop_during_work(started, clip.getvalue())
        assert work.result().status_code == 200
        assert work.result().json()["source"]["duration_s"] == 300
        assert len(list(started.outputs_dir.glob("outputs_*/result.json"))) == 2
        assert started.errors.read_text() == ""


def test_work_that_takes_too_long_is_handed_back(tmp_path: Path, long_clip: bytes) -> None:
    program = "import webui.server.process\nwebui.server.process.FINISH_S = 1.0\n" + PROGRAM
    with running_server(tmp_path / "outputs", program=program) as started:
        work, took = stop_during_work(started, long_clip)
        assert told(work.result()) == (503, "request.stopping")
        assert took < 10
        assert [path.name for path in started.outputs_dir.iterdir() if path.name.startswith(".draft")] == []
        assert len(list(started.outputs_dir.glob("outputs_*/result.json"))) == 1
        assert started.errors.read_text() == ""


def test_the_time_to_end_is_within_thirty_seconds() -> None:
    from webui.server import lifespan, process

    assert process.FINISH_S + process.ABORT_S + process.CLOSE_S + lifespan.ACQUISITION_END_S < 30


def test_what_gradio_would_not_limit(busy: RunningServer) -> None:
    with httpx.Client(base_url=busy.url, headers={"X-API-Key": KEYS[1]}, timeout=30) as client:
        config = client.get("/config").json()
        assert config["max_file_size"] == 2_000_000_000
        events = [json.dumps(one) for one in config["dependencies"] if one["queue"] is not False]
        assert events
