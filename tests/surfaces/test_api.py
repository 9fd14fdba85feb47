"""The REST API over HTTP: a server process with the real service and the built-in model."""

import base64
import io
import os
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.support.server_process import ROOT, RunningServer, running_server
from tests.support.waiting import wait_until
from webui.api.documents import RecognizedAudio
from webui.labels import Emotion
from webui.results import RecognitionResult

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
LARGE = "emotion2vec_plus_large"


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uploads")
    (folder / "user_123").mkdir()
    (folder / "user_123" / "audio.wav").write_bytes(EXAMPLE.read_bytes())
    outside = tmp_path_factory.mktemp("outside") / "secret.wav"
    outside.write_bytes(EXAMPLE.read_bytes())
    (folder / "link.wav").symlink_to(outside)
    (folder / "inner.wav").symlink_to(folder / "user_123" / "audio.wav")
    (folder / "circle.wav").symlink_to(folder / "circle.wav")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, uploads: Path) -> Iterator[RunningServer]:
    outputs = tmp_path_factory.mktemp("api") / "outputs"
    models = tmp_path_factory.mktemp("models")
    with running_server(outputs, audio_roots=uploads, max_audio_mb=1, models_dir=models) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


def upload(client: httpx.Client, **fields: str) -> httpx.Response:
    return client.post("/api/v1/recognize", files={"audio": ("a b.wav", EXAMPLE.read_bytes())}, data=fields)


def problem(response: httpx.Response, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert (document["status"], document["code"]) == (status, code)
    detail: str = document["detail"]
    return detail


def test_segments_and_some_labels(client: httpx.Client) -> None:
    response = upload(client, granularity="segment", labels="happy, neutral,angry", max_segment_s="1.5")
    assert response.status_code == 200, response.text
    answer = RecognizedAudio.model_validate(response.json())
    assert answer.labels == (Emotion.HAPPY, Emotion.NEUTRAL, Emotion.ANGRY)
    assert answer.segments is not None
    assert len(answer.segments) >= 2
    for segment in answer.segments:
        assert 0.25 <= segment.end_s - segment.start_s <= 1.5
        assert sum(segment.scores[emotion] for emotion in answer.labels) == pytest.approx(1.0, abs=1e-5)
    body = {
        "audio_base64": base64.b64encode(EXAMPLE.read_bytes()).decode(),
        "labels": ["sad"],
        "granularity": "segment",
    }
    answer = RecognizedAudio.model_validate(client.post("/api/v1/recognize", json=body).json())
    assert (answer.emotion, answer.confidence) == (Emotion.SAD, 1.0)
    for bad in ({"labels": "joyful"}, {"labels": ""}, {"max_segment_s": "0.1"}):
        status = upload(client, **bad).status_code
        assert status == (200 if bad == {"labels": ""} else 422), bad  # an empty field counts as omitted


def files_in(server: RunningServer) -> set[str]:
    return {str(path.relative_to(server.outputs_dir)) for path in server.outputs_dir.rglob("*")}


def test_nothing_of_a_result_is_kept(client: httpx.Client, server: RunningServer) -> None:
    kept = RecognizedAudio.model_validate(upload(client, inline_embedding="true", granularity="segment").json())
    assert (kept.kept, bool(kept.id), bool(kept.links)) == (True, True, True)
    before = files_in(server)
    answer = upload(client, keep="false", inline_embedding="true", granularity="segment").json()
    encoded = base64.b64encode(EXAMPLE.read_bytes()).decode()
    body = {"audio_base64": encoded, "keep": False, "channels": "separate", "granularity": "frame"}
    frames = client.post("/api/v1/recognize", json=body).json()
    assert files_in(server) == before
    assert (answer["kept"], answer["links"], frames["links"]) == (False, {}, {})
    assert "id" not in answer
    assert "embedding" not in answer, "it would name a file"
    unkept = RecognizedAudio.model_validate(answer)
    assert unkept.embedding_values == pytest.approx(kept.embedding_values)
    assert (unkept.scores, unkept.segments) == (kept.scores, kept.segments)
    assert frames["frames"]["rows"] == len(frames["frames"]["scores"]["happy"])
    assert not [key for key in frames["channels"][0] if "file" in key]
    problem(upload(client, keep="false", extract_embedding="true"), 422, "api.embedding_not_kept")


def test_gradio_client_gets_channels_and_keep(client: httpx.Client, server: RunningServer) -> None:
    page = Client(server.url, verbose=False, download_files=False)
    recognize = partial(page.predict, handle_file(EXAMPLE), api_name="/recognize")
    kept = recognize(channels="separate")
    assert len(kept["channels"]) == 1
    assert client.get(kept["links"]["result.json"]).json()["channels"] == kept["channels"]
    assert client.delete(f"/api/v1/results/{kept['id']}").status_code == 204
    before = files_in(server)
    unkept = recognize(keep=False)
    assert files_in(server) == before
    assert (unkept["kept"], unkept["links"], unkept["scores"]) == (False, {}, kept["scores"])
    with pytest.raises(AppError, match="Invalid channels both"):
        recognize(channels="both")


def test_an_upload_and_the_files_of_its_result(client: httpx.Client, server: RunningServer) -> None:
    response = upload(client, extract_embedding="true", granularity="frame")
    assert response.status_code == 200
    answer = RecognizedAudio.model_validate(response.json())
    assert answer.source.file_name == "a b.wav"
    assert answer.model.name == "builtin"
    assert set(answer.scores) == set(Emotion)
    assert answer.frames is not None
    assert set(answer.links) == {"result.json", "processed_audio.wav", "embedding.npy", "log.txt"}
    document = RecognitionResult.model_validate_json(client.get(answer.links["result.json"]).content)
    assert document.scores == answer.scores
    embedding = np.load(io.BytesIO(client.get(answer.links["embedding.npy"]).content))
    assert embedding.shape == answer.embedding.shape  # type: ignore[union-attr]
    with wave.open(io.BytesIO(client.get(answer.links["processed_audio.wav"]).content)) as wav:
        assert wav.getframerate() == 16_000
    assert RecognizedAudio.model_validate(client.get(f"/api/v1/results/{answer.id}").json()) == answer
    assert (server.outputs_dir / answer.id.split(".")[0] / "result.json").is_file()


def test_a_request_of_the_first_webui_still_works(client: httpx.Client, uploads: Path) -> None:
    body = {
        "audio_path": f"{uploads}/user_123/audio.wav",
        "granularity": "utterance",
        "extract_embedding": True,
    }
    answer = client.post("/api/v1/recognize", json=body).json()
    assert list(answer)[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert answer["embedding"]["shape"] == [1920]
    assert answer["source"]["file_name"] == "audio.wav"


def test_base64_and_an_inline_embedding(client: httpx.Client) -> None:
    body = {
        "audio_base64": base64.b64encode(EXAMPLE.read_bytes()).decode(),
        "file_name": "../from/us.wav",
        "inline_embedding": True,
    }
    answer = client.post("/api/v1/recognize", json=body).json()
    assert answer["source"]["file_name"] == "us.wav"
    embedding = np.load(io.BytesIO(client.get(answer["links"]["embedding.npy"]).content))
    np.testing.assert_allclose(answer["embedding_values"], embedding, rtol=1e-6)


@pytest.mark.parametrize("name", ["link.wav", "../secret.wav", "user_123/../../x.wav", "circle.wav"])
def test_paths_outside_the_roots_are_refused(client: httpx.Client, uploads: Path, name: str) -> None:
    response = client.post("/api/v1/recognize", json={"audio_path": f"{uploads}/{name}"})
    detail = problem(response, 403, "api.outside_roots")
    assert "SPEECH_EMOTION_AUDIO_ROOTS" in detail
    assert str(uploads) not in response.text


@pytest.mark.parametrize("path", ["/etc/passwd", "audio.wav", "\0", "/proc/self/environ", "/" + "x" * 5000])
def test_other_paths_are_refused(client: httpx.Client, path: str) -> None:
    problem(client.post("/api/v1/recognize", json={"audio_path": path}), 403, "api.outside_roots")


def test_links_within_the_roots_and_missing_files(client: httpx.Client, uploads: Path) -> None:
    assert client.post("/api/v1/recognize", json={"audio_path": f"{uploads}/inner.wav"}).status_code == 200
    response = client.post("/api/v1/recognize", json={"audio_path": f"{uploads}/nothing.wav"})
    assert "nothing.wav" in problem(response, 422, "audio.no_such_file")
    assert str(uploads) not in response.text  # the response does not show paths of the server


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "api.one_source"),
        ({"audio_path": "/a", "audio_base64": "YQ=="}, 422, "api.one_source"),
        ({"audio_base64": "not base64!"}, 422, "api.bad_base64"),
        ({"audio_base64": ""}, 422, "audio.empty_file"),
        ({"audio_base64": "aGFsbG8="}, 422, "audio.text"),
        ({"audio_base64": "YQ==", "granularity": "word"}, 422, "api.bad_request"),
        ({"audio_base64": "YQ==", "colour": "red"}, 422, "api.bad_request"),
        ({"audio_base64": "YQ==", "window_s": 0}, 422, "api.bad_request"),
        ({"audio_base64": "YQ==", "inline_embedding": True, "granularity": "frame"}, 422, "api.inline_frames"),
        ([1, 2], 422, "api.bad_request"),
    ],
)
def test_invalid_requests(client: httpx.Client, body: object, status: int, code: str) -> None:
    problem(client.post("/api/v1/recognize", json=body), status, code)


def test_invalid_bodies(client: httpx.Client) -> None:
    address = "/api/v1/recognize"
    problem(client.post(address, content=b"{", headers={"content-type": "application/json"}), 422, "api.bad_request")
    assert "missing" in problem(client.post(address), 422, "api.media_type")
    problem(client.post(address, content=b"x", headers={"content-type": "audio/wav"}), 422, "api.media_type")
    problem(client.post(address, data={"granularity": "frame"}, files={"other": b"x"}), 422, "api.one_source")
    twice = [("audio", ("a.wav", b"x")), ("audio", ("b.wav", b"y"))]
    assert "Several go to /api/v1/jobs" in problem(client.post(address, files=twice), 422, "api.one_file")
    problem(client.post(address, files={"audio": ("a.txt", b"hello there, this is text")}), 422, "audio.text")
    problem(client.get("/api/v1/nothing"), 404, "http.404")


def test_a_named_model_is_used_or_is_an_error(client: httpx.Client) -> None:
    assert upload(client, model="builtin").json()["model"]["name"] == "builtin"
    response = upload(client, model=LARGE)
    assert "never replaced by another one" in problem(response, 409, "request.weights_absent")
    assert "retry-after" not in response.headers, "repeating the request does not help"
    problem(upload(client, model="whisper"), 422, "request.unknown_model")


def test_errors_are_in_the_preferred_language(client: httpx.Client) -> None:
    response = client.post("/api/v1/recognize", json={}, headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "应为 audio_path" in problem(response, 422, "api.one_source")


def test_bodies_that_are_too_large_are_refused_early(client: httpx.Client) -> None:
    problem(client.post("/api/v1/recognize", files={"audio": ("a.wav", bytes(1_100_000))}), 413, "audio.too_many_bytes")
    problem(client.post("/api/v1/recognize", files={"audio": ("a.wav", bytes(3_000_000))}), 413, "api.too_large")
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1_000_000_000:
            sent += 65536
            yield bytes(65536)

    headers = {"content-type": "application/json"}
    with suppress(
        httpx.NetworkError, httpx.RemoteProtocolError
    ):  # the server closes the connection while the client is still sending
        problem(client.post("/api/v1/recognize", content=endless(), headers=headers), 413, "api.too_large")
    assert sent < 50_000_000


def test_results_are_listed_and_deleted(client: httpx.Client, server: RunningServer) -> None:
    first, second = (upload(client).json()["id"] for _ in range(2))
    page = client.get("/api/v1/results", params={"limit": 2}).json()
    assert [entry["id"] for entry in page["items"]] == [second, first]
    assert page["results"] == page["items"], "the key of version 0.1.0"
    assert page["total"] >= 2
    later = client.get("/api/v1/results", params={"limit": 1, "offset": 1}).json()
    assert [entry["id"] for entry in later["results"]] == [first]
    assert client.delete(f"/api/v1/results/{first}").status_code == 204
    problem(client.get(f"/api/v1/results/{first}"), 404, "api.no_result")
    problem(client.delete(f"/api/v1/results/{first}"), 404, "api.no_result")
    assert not (server.outputs_dir / first.split(".")[0]).exists()
    assert not list(server.outputs_dir.glob(".deleted*"))


def test_ids_of_results_cannot_be_guessed(client: httpx.Client, server: RunningServer) -> None:
    run_id = upload(client).json()["id"]
    name, signature = run_id.split(".")
    for guess in (name, f"{name}.{'A' * 22}", f"{name}.{signature[:-1]}", f"../{run_id}", f"outputs_x.{signature}"):
        assert client.get(f"/api/v1/results/{guess}").status_code == 404
    problem(client.get(f"/api/v1/results/{run_id}/..%2f..%2fetc%2fpasswd"), 404, "http.404")
    problem(client.get(f"/api/v1/results/{run_id}/nothing.txt"), 404, "api.no_file")
    key = server.outputs_dir / ".result_ids.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_health_models_and_openapi(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    wait_until(lambda: client.get("/readyz").status_code == 200)
    document = client.get("/api/v1/models").json()
    assert document["models"][0]["name"] == LARGE
    assert (document["answering"], document["verified"]) == ("builtin", None)
    assert LARGE in document["notice"]
    schema = client.get("/api/v1/openapi.json").json()
    assert set(schema["paths"]["/api/v1/recognize"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/json",
    }
    assert "503" in schema["paths"]["/api/v1/recognize"]["post"]["responses"]


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/api/v1/recognize", "POST"),
        ("GET", "/api/v1/recognize", "POST"),
        ("DELETE", "/api/v1/jobs", "GET, POST"),
        ("PATCH", "/api/v1/results/a.b", "DELETE, GET"),
        ("OPTIONS", "/api/v1/models", "GET"),
        ("PROPFIND", "/api/v1/jobs/a", "DELETE, GET"),
    ],
)
def test_a_wrong_method_lists_the_allowed_ones(client: httpx.Client, method: str, address: str, allowed: str) -> None:
    response = client.request(method, address)
    assert allowed in problem(response, 405, "http.405")
    assert response.headers["allow"] == allowed


def test_a_head_request_has_the_headers_of_the_problem_document(client: httpx.Client) -> None:
    response = client.head("/api/v1/models")
    assert (response.status_code, response.headers["allow"], response.content) == (405, "GET", b"")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("address", ["/api", "/api/", "/api/v1", "/api/v1/nothing"])
def test_an_unknown_path(client: httpx.Client, address: str) -> None:
    for method in ("GET", "PUT", "OPTIONS", "PROPFIND"):
        assert address in problem(client.request(method, address), 404, "http.404")
    response = client.get(address, headers={"accept-language": "zh"})
    assert "不存在" in problem(response, 404, "http.404")
    assert client.head(address).headers["content-type"] == "application/problem+json"


def test_the_page_is_served_too(client: httpx.Client) -> None:
    assert "gradio" in client.get("/").text


def test_curl(server: RunningServer) -> None:
    command = ["curl", "-sS", "-F", f"audio=@{EXAMPLE}", "-F", "granularity=frame", f"{server.url}/api/v1/recognize"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "no_proxy": "*"})
    except FileNotFoundError:
        pytest.skip("no curl")
    assert RecognizedAudio.model_validate_json(done.stdout).granularity == "frame"


def test_importing_the_api_loads_no_large_library() -> None:
    code = "import webui.api.documents, sys; assert 'torch' not in sys.modules and 'gradio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def short_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without audio roots that runs two requests at a time and queues one."""
    with running_server(tmp_path_factory.mktemp("short") / "outputs", max_waiting=1, model="builtin") as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


def test_without_roots_the_error_names_the_setting(short_queue: RunningServer) -> None:
    body = {"audio_path": "/uploads/user_123/audio.mp3", "granularity": "utterance", "extract_embedding": True}
    response = httpx.post(f"{short_queue.url}/api/v1/recognize", json=body, timeout=120)
    assert "SPEECH_EMOTION_AUDIO_ROOTS" in problem(response, 403, "api.no_audio_roots")


def test_a_full_queue_refuses_requests_and_answers_the_admitted_ones(short_queue: RunningServer) -> None:
    url = f"{short_queue.url}/api/v1/recognize"
    assert httpx.post(url, files={"audio": EXAMPLE.read_bytes()}, timeout=120).status_code == 200

    def send(_number: int) -> httpx.Response:
        return httpx.post(url, files={"audio": EXAMPLE.read_bytes()}, timeout=120)

    with ThreadPoolExecutor(40) as callers:
        responses = list(callers.map(send, range(40)))
    refused = [response for response in responses if response.status_code != 200]
    assert len(refused) < 40
    for response in refused:
        assert "Try again in" in problem(response, 503, "request.busy")
        assert response.headers["retry-after"] == "5"
    scores = {str(response.json()["scores"]) for response in responses if response.status_code == 200}
    assert len(scores) == 1


def test_work_ends_when_its_client_disconnects(short_queue: RunningServer) -> None:
    """Minutes of audio; the client disconnects right after the upload."""
    clip = io.BytesIO()
    soundfile.write(clip, np.tile(soundfile.read(EXAMPLE, dtype="float32")[0], 120), 16_000, format="FLAC")
    url, outputs = f"{short_queue.url}/api/v1/recognize", short_queue.outputs_dir
    before = len(list(outputs.glob("outputs_*")))
    with suppress(httpx.ReadTimeout):
        httpx.post(url, files={"audio": clip.getvalue()}, timeout=httpx.Timeout(60, read=0.5))
    assert httpx.post(url, files={"audio": EXAMPLE.read_bytes()}, timeout=120).status_code == 200
    wait_until(lambda: not list(outputs.glob(".draft*")))
    assert len(list(outputs.glob("outputs_*"))) == before + 1


def test_a_client_that_disconnects_during_an_upload_is_no_server_error(
    client: httpx.Client, server: RunningServer
) -> None:
    def disconnected() -> int:
        return client.get("/metrics").text.count('status="499"')

    port = int(server.url.rsplit(":", 1)[1])
    for path, kind in (("recognize", "multipart/form-data; boundary=a"), ("jobs", "application/json")):
        with socket.create_connection(("127.0.0.1", port)) as link:
            head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            link.sendall(f"{head}Content-Type: {kind}\r\n\r\n--a\r\n".encode())
    wait_until(lambda: disconnected() >= 2)
    assert "api.unexpected" not in client.get("/metrics").text
