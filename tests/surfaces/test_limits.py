"""Limits of the server, and its shutdown: fair shares, no endless waiting, no lost work."""

import io
import json
import re
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
from tests.support.server_scripts import HOLD_RECOGNITION
from tests.support.waiting import wait_until
from webui.service.serving.keys import hash_key, new_key

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
KEYS = [new_key(), new_key()]
LIMIT_S = 12.0  # enough for a short request on a busy machine


@pytest.fixture(scope="module")
def long_clip() -> bytes:
    """An hour of audio, about a megabyte per minute: its recognition takes far longer than any test waits."""
    clip = io.BytesIO()
    noise = np.random.default_rng(3).integers(-8, 8, 16_000 * 60, dtype=np.int16)
    with soundfile.SoundFile(clip, "w", 16_000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(noise)
    return clip.getvalue()


def post(server: RunningServer, audio: bytes, key: str = "", **fields: str) -> httpx.Response:
    where, files = f"{server.url}/api/v1/recognize", {"audio": ("a.flac", audio)}
    return httpx.post(where, files=files, data=fields, headers={"X-API-Key": key} if key else {}, timeout=300)


def wait_for_work(server: RunningServer, count: int) -> None:
    wait_until(lambda: len(list(server.outputs_dir.glob(".draft*"))) >= count)


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a queue whose two slots are both taken by the first key, until the requests have timed out."""
    settings = {
        "api_keys": ",".join(hash_key(key) for key in KEYS),
        "max_waiting": 0,
        "max_per_client": 2,
        "max_request_s": LIMIT_S,
        "max_upload_s": 2,
    }
    folder = tmp_path_factory.mktemp("limits")
    with (
        running_server(folder / "outputs", program=HOLD_RECOGNITION + PROGRAM, **settings) as started,
        ThreadPoolExecutor(2) as callers,
    ):
        assert post(started, EXAMPLE.read_bytes(), KEYS[1]).status_code == 200
        (folder / "hold").touch()
        begun = time.monotonic()
        taken = [callers.submit(post, started, EXAMPLE.read_bytes(), KEYS[0]) for _ in range(2)]
        wait_until(lambda: under_way(started) == 2)
        yield started
        wait_until(lambda: time.monotonic() > begun + LIMIT_S + 1)
        (folder / "hold").unlink()
        for request in taken:
            assert code_of(request.result()) == (504, "request.too_slow")
        assert len(list(started.outputs_dir.glob("outputs_*"))) == 1
        assert not list(started.outputs_dir.glob(".draft*"))
        assert "Traceback" not in started.errors.read_text()


def under_way(server: RunningServer) -> float:
    shown = httpx.get(f"{server.url}/metrics", headers={"X-API-Key": KEYS[1]}).text
    (count,) = re.findall(r"^speech_emotion_under_way (\S+)", shown, re.MULTILINE)
    return float(count)


def test_a_full_server_refuses_immediately(busy: RunningServer) -> None:
    took, for_comparison = [], []
    headers = {"X-API-Key": KEYS[1]}
    with httpx.Client(base_url=busy.url, headers=headers, timeout=120) as client:
        for _ in range(20):
            begun = time.perf_counter()
            client.get("/healthz")
            for_comparison.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
            took.append(time.perf_counter() - begun)
            assert code_of(answer) == (503, "request.busy")
            assert answer.headers["retry-after"] == "5"
    assert statistics.median(took) < 0.05 + 5 * statistics.median(for_comparison)  # a busy machine delays both


def test_one_client_has_a_limited_share(busy: RunningServer) -> None:
    answer = post(busy, EXAMPLE.read_bytes(), KEYS[0])
    assert code_of(answer) == (429, "request.too_many")
    assert answer.headers["retry-after"] == "5"


def test_an_incomplete_body_times_out(busy: RunningServer) -> None:
    port = int(busy.url.rsplit(":", 1)[1])
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/login"):
        with socket.create_connection(("127.0.0.1", port)) as link:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEYS[1]}\r\nContent-Length: 1000\r\n"
            kind = "multipart/form-data; boundary=a" if "upload" in path else "application/x-www-form-urlencoded"
            file = b'--a\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\nabc'
            link.sendall(f"{head}Content-Type: {kind}\r\n\r\n".encode() + file)
            link.settimeout(60)
            begun = time.monotonic()
            answer = link.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408"), path
            assert b"api.upload_slow" in answer + link.recv(65536)
            assert time.monotonic() - begun > 1.5
    where = f"{busy.url}/gradio_api/upload"
    (kept,) = httpx.post(where, files={"files": b"x"}, headers={"X-API-Key": KEYS[1]}).json()
    assert [path for path in Path(kept).parents[1].iterdir() if path.is_file()] == []


def stop_during_work(server: RunningServer, clip: bytes) -> tuple[Future[httpx.Response], float]:
    with ThreadPoolExecutor(1) as caller, httpx.Client(base_url=server.url, timeout=120) as client:
        assert post(server, EXAMPLE.read_bytes()).status_code == 200
        work = caller.submit(post, server, clip)
        wait_for_work(server, 1)
        assert client.get("/readyz").status_code == 200
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.get("/readyz").status_code == 503)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
        assert client.get("/healthz").status_code == 200
        assert code_of(client.post("/api/v1/recognize", files={"audio": b"x"})) == (503, "request.stopping")
        assert server.process.wait(120) == 0
        return work, time.monotonic() - begun


def test_shutdown_finishes_work_in_progress(tmp_path: Path, long_clip: bytes) -> None:
    samples = soundfile.read(io.BytesIO(long_clip), frames=16_000 * 300)[0]
    clip = io.BytesIO()
    soundfile.write(clip, samples, 16_000, format="FLAC")
    with running_server(tmp_path / "outputs") as started:
        work, _ = stop_during_work(started, clip.getvalue())
        assert work.result().status_code == 200
        assert work.result().json()["source"]["duration_s"] == 300
        assert len(list(started.outputs_dir.glob("outputs_*/result.json"))) == 2
        assert started.errors.read_text() == ""


def test_shutdown_aborts_work_that_takes_too_long(tmp_path: Path, long_clip: bytes) -> None:
    program = "import webui.server.process\nwebui.server.process.FINISH_S = 1.0\n" + PROGRAM
    with running_server(tmp_path / "outputs", program=program) as started:
        work, took = stop_during_work(started, long_clip)
        assert code_of(work.result()) == (503, "request.stopping")
        assert took < 60  # without the limit it would be the time of an hour of audio
        assert [path.name for path in started.outputs_dir.iterdir() if path.name.startswith(".draft")] == []
        assert len(list(started.outputs_dir.glob("outputs_*/result.json"))) == 1
        assert started.errors.read_text() == ""


def test_shutdown_takes_less_than_thirty_seconds() -> None:
    from webui.server import lifespan, process

    assert process.FINISH_S + process.ABORT_S + process.CLOSE_S + lifespan.ACQUISITION_END_S < 30


def test_limits_of_gradio_s_configuration(busy: RunningServer) -> None:
    with httpx.Client(base_url=busy.url, headers={"X-API-Key": KEYS[1]}, timeout=120) as client:
        config = client.get("/config").json()
        assert config["max_file_size"] == 2_000_000_000
        events = [json.dumps(event) for event in config["dependencies"] if event["queue"] is not False]
        assert events


# Loading blocks in native code, as PyTorch's does: it can't be interrupted.
LOAD_FOREVER = """
import time
from webui.service.models.pool import ModelPool
ModelPool._get_named = lambda *_given, **_options: time.sleep(3600)
"""


def test_ctrl_c_while_a_model_is_loading(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    script = f"import tempfile; tempfile.tempdir = {str(temporary)!r}\n" + LOAD_FOREVER + PROGRAM
    with running_server(tmp_path / "outputs", program=script, model="builtin") as server:
        wait_until(lambda: list(temporary.iterdir()))  # the folder of uploads
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(LIMIT_S * 10) == 0
    assert "Fatal Python error" not in server.errors.read_text()
    assert list(temporary.iterdir()) == []
