"""Start and end of server processes, and Gradio features that are disabled."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file

from tests.support.paths import EXAMPLE
from tests.support.server_process import RunningServer, free_port, running_server
from webui.api.documents import RecognizedAudio
from webui.errors import RequestError
from webui.labels import Emotion
from webui.server.exposure import has_compare_tab, may_start_downloads
from webui.server.listen import PORTS_TRIED, open_listener
from webui.service import RecognitionService
from webui.service.serving.keys import hash_key, new_key
from webui.settings import Settings
from webui.ui.page import MAX_WAITING, build_page
from webui.ui.tabs.recognize_runs import MODEL_CONCURRENCY, MODEL_QUEUE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "outputs", max_audio_mb=1) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Client:
    return Client(server.url, verbose=False, download_files=False)


def test_the_next_free_port_is_used() -> None:
    port = free_port()
    with open_listener("127.0.0.1", port) as first, open_listener("127.0.0.1", port) as second:
        assert first.getsockname()[1] == port
        assert port < second.getsockname()[1] < port + PORTS_TRIED


def test_a_port_is_reserved_immediately() -> None:
    with open_listener("127.0.0.1", free_port()) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=2), pytest.raises(OSError, match="in use"):
            socket.socket().bind(("127.0.0.1", port))


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"can't listen on 192\.0\.2\.1:7860 .*SPEECH_EMOTION_HOST"):
        open_listener("192.0.2.1", 7860)


def test_no_free_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
        with pytest.raises(RequestError, match="65535 to 65535 are all taken"):
            open_listener("127.0.0.1", 65535)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_prints_its_url_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with open_listener("127.0.0.1", free_port()) as taken:
        port = taken.getsockname()[1]
        with running_server(tmp_path / "outputs", port=port) as started:
            used = int(started.url.rsplit(":", 1)[1])
            assert started.lines == (
                f"Port {port} is taken; using {used} instead.",
                f"Running on local URL: http://localhost:{used}",
            )
            assert httpx.get(started.url).status_code == 200
            (cache,) = _cache_folders(started)
            assert cache.stat().st_mode & 0o777 == 0o700
            with httpx.stream("GET", f"{started.url}/gradio_api/heartbeat/open-page") as open_page:
                assert open_page.status_code == 200
                started.process.send_signal(number)
                assert started.process.wait(180) == 0
            assert started.errors.read_text() == ""  # an open page does not delay the shutdown
            assert not cache.exists()


def _cache_folders(server: RunningServer) -> list[Path]:
    sent = httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("a.txt", b"a")}).json()
    return [Path(sent[0]).parents[1]]


def test_the_page_uses_no_other_server(server: RunningServer) -> None:
    config = httpx.get(f"{server.url}/config").json()
    assert config["analytics_enabled"] is False
    theme = httpx.get(f"{server.url}/theme.css").text
    assert "@import" not in theme
    assert set(re.findall(r"https?://([^/'\"]+)", theme)) <= {"www.w3.org"}  # an SVG namespace, not a request


def test_one_endpoint_is_public(server: RunningServer) -> None:
    info = httpx.get(f"{server.url}/gradio_api/info").json()
    assert list(info["named_endpoints"]) == ["/recognize"]
    assert info["unnamed_endpoints"] == {}
    names = [parameter["parameter_name"] for parameter in info["named_endpoints"]["/recognize"]["parameters"]]
    assert names == ["audio", "granularity", "extract_embedding", "channels", "keep"]


def test_the_public_endpoint_returns_the_result_document(client: Client) -> None:
    answer = client.predict(handle_file(EXAMPLE), "frame", False, api_name="/recognize")
    result = RecognizedAudio.model_validate(answer)
    assert set(result.links) == {"log.txt", "processed_audio.wav", "result.json"}
    assert result.source.file_name == EXAMPLE.name
    assert sum(result.scores.values()) == pytest.approx(1.0, abs=1e-4)
    assert result.frames is not None
    assert result.frames.scores is not None
    assert set(result.frames.scores) == set(Emotion)
    assert list(answer)[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]


def test_errors_of_the_public_endpoint(client: Client, tmp_path: Path) -> None:
    bad = tmp_path / "notes.mp3"
    bad.write_text("notes " * 100)
    with pytest.raises(Exception, match=r"notes\.mp3"):
        client.predict(handle_file(bad), "utterance", False, api_name="/recognize")


def test_run_folders_are_not_served(server: RunningServer, client: Client) -> None:
    client.predict(handle_file(EXAMPLE), "utterance", True, api_name="/recognize")
    files = list(server.outputs_dir.glob("outputs_*/*"))
    assert {file.name for file in files} >= {"result.json", "processed_audio.wav", "log.txt", "embedding.npy"}
    assert np.load(next(file for file in files if file.name == "embedding.npy")).ndim == 1
    for file in files:
        assert httpx.get(f"{server.url}/gradio_api/file={file}").status_code == 403


@pytest.mark.parametrize("path", ["/etc/passwd", str(EXAMPLE)])
def test_a_path_that_was_not_uploaded_is_refused(server: RunningServer, path: str) -> None:
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "utterance", False]}
    event = httpx.post(f"{server.url}/gradio_api/call/recognize", json=body).json()["event_id"]
    stream = httpx.get(f"{server.url}/gradio_api/call/recognize/{event}", timeout=120).text
    assert stream.startswith("event: error")
    assert "root:" not in stream


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.wav", "HTTPS://example.com/a.wav"])
def test_a_web_address_is_not_fetched(server: RunningServer, address: str) -> None:
    body = {"data": [{"path": address, "meta": {"_type": "gradio.FileData"}}, "utterance", False]}
    assert httpx.post(f"{server.url}/gradio_api/call/recognize", json=body).status_code == 403
    body = {"data": body["data"], "fn_index": 0, "session_hash": "a"}
    assert httpx.post(f"{server.url}/gradio_api/queue/join", json=body).status_code == 403


def test_an_upload_over_the_limit_is_refused(server: RunningServer) -> None:
    sent = httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("big.wav", bytes(1_000_001))})
    assert (sent.status_code, sent.json()["code"]) == (413, "api.too_large")


def test_unknown_errors_are_not_shown(server: RunningServer) -> None:
    config = httpx.get(f"{server.url}/config").json()
    assert config["show_error"] is False
    assert config["max_file_size"] == 1_000_000


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"allowed_hosts": "emotion.example.org"}, False),
        ({"trusted_proxies": "127.0.0.1"}, False),
        ({"host": "0.0.0.0", "api_keys": hash_key(new_key())}, True),
        ({"host": "0.0.0.0", "compare_tab": "on"}, True),
        ({"compare_tab": "off"}, False),
    ],
)
def test_who_can_compare_models_and_start_downloads(settings: dict[str, str], allowed: bool) -> None:
    assert has_compare_tab(Settings(**settings)) is allowed  # type: ignore[arg-type]
    without_tab = settings == {"compare_tab": "off"}  # only the tab is off, not downloads
    assert may_start_downloads(Settings(**settings)) is (allowed or without_tab)  # type: ignore[arg-type]


@pytest.mark.parametrize("switch", ["on", "off"])
def test_comparisons_and_downloads_can_be_disabled(tmp_path: Path, switch: str) -> None:
    settings = {"allowed_hosts": "emotion.example.org", "compare_tab": switch, "auto_download": False}
    with running_server(tmp_path / "outputs", models_dir=tmp_path / "models", **settings) as started:
        config = httpx.get(f"{started.url}/config").json()
        elements = {part["props"].get("elem_id") for part in config["components"]}
        assert ("compare-start" in elements) is (switch == "on")
        assert "upload" in elements
        ids = {event["api_name"]: event["id"] for event in config["dependencies"]}
        assert ("compare" in ids) is (switch == "on")
        assert {"recognize", "run"} <= ids.keys()
        assert ("start_download" in ids) is (switch == "on")
        assert ("cancel_download" in ids) is (switch == "on")
        body = {"data": ["en", ""], "fn_index": ids["refresh_status"], "session_hash": "a"}
        status = httpx.post(f"{started.url}/gradio_api/run/refresh_status", json=body).json()["data"]
        assert status[1]["visible"] is (switch == "on")
        assert "are not on this machine" in status[0]


def test_events_with_a_model_share_a_bounded_queue(tmp_path: Path) -> None:
    page = build_page(RecognitionService(Settings(outputs_dir=tmp_path)), cache_dir=tmp_path)
    queued = [event for event in page.fns.values() if event.queue and event.name not in {"leave", "stop"}]
    (comparison,) = [event for event in queued if event.concurrency_id != MODEL_QUEUE]
    assert (comparison.name, comparison.concurrency_limit) == ("compare", 1)  # a comparison loads its own models
    queued.remove(comparison)
    assert len(queued) == 2
    assert {event.concurrency_limit for event in queued} <= {MODEL_CONCURRENCY, "default"}
    assert page._queue.max_size == MAX_WAITING
