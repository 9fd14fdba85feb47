"""``audio_url`` on a real server, with a real HTTP server that provides audio."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.audio_hosts import AudioHost, audio_host
from tests.support.example import EXAMPLE_EMOTION
from tests.support.server_process import RunningServer, running_server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("urls")
    settings = {"audio_urls": True, "audio_url_networks": "127.0.0.1/32", "audio_url_s": 2, "max_audio_mb": 1}
    with running_server(folder / "outputs", **settings) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@pytest.fixture(scope="module")
def host() -> Iterator[AudioHost]:
    with audio_host() as running:
        yield running


def recognize_url(server: RunningServer, url: str) -> httpx.Response:
    return httpx.post(f"{server.url}/api/v1/recognize", json={"audio_url": url}, timeout=120)


def test_audio_at_a_url_is_recognized(server: RunningServer, host: AudioHost) -> None:
    answer = recognize_url(server, host.url("/some/clip%201.wav?token=secret"))
    assert answer.status_code == 200
    assert answer.json()["source"]["file_name"] == "clip 1.wav"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/missing", 422, "api.url_status"),
        ("/drip", 422, "api.url_too_slow"),
        ("/endless", 413, "api.too_large"),
        ("/playlist", 422, "audio.playlist"),
        ("/loop", 422, "api.url_redirects"),
    ],
)
def test_errors_of_a_url(server: RunningServer, host: AudioHost, path: str, status: int, code: str) -> None:
    answer = recognize_url(server, host.url(path))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_internal_addresses_are_refused(server: RunningServer, host: AudioHost) -> None:
    with audio_host("127.0.0.2") as internal:
        for url in (
            internal.url(),
            internal.url(host="2130706434"),
            internal.url(host="0x7f.2"),
            internal.url(host="[::ffff:127.0.0.2]"),
            host.url(f"/to/{internal.url()}"),
            "http://169.254.169.254/latest/meta-data/",
            server.url.replace("localhost", "127.0.0.2") + "/api/v1/results",
            "file:///etc/passwd",
        ):
            answer = recognize_url(server, url)
            assert (answer.status_code, answer.json()["code"]) == (403, "api.url_refused"), url
        assert internal.connections == 0


def test_exactly_one_source(server: RunningServer, host: AudioHost) -> None:
    body = {"audio_url": host.url(), "audio_base64": "YQ=="}
    answer = httpx.post(f"{server.url}/api/v1/recognize", json=body)
    assert answer.json()["code"] == "api.one_source"
    form = {"audio_url": host.url()}
    answer = httpx.post(f"{server.url}/api/v1/recognize", data=form, files={"audio": b"x"})
    assert answer.json()["code"] == "api.one_source"
    assert recognize_url(server, "nothing").json()["code"] == "api.url_refused"


def test_a_job_of_urls(server: RunningServer, host: AudioHost) -> None:
    body = {"audio_urls": [host.url("/clip.wav"), "http://192.0.2.1/a.wav", host.url("/again.wav")]}
    job = httpx.post(f"{server.url}/api/v1/jobs", json=body).json()
    address = f"{server.url}/api/v1/jobs/{job['id']}"
    wait_until(lambda: httpx.get(address).json()["state"] != "running")
    job = httpx.get(address).json()
    assert (job["done"], job["failed"]) == (2, 1), job
    assert (job["failures"][0]["path"], job["failures"][0]["code"]) == ("http://192.0.2.1/a.wav", "api.url_refused")
    lines = httpx.get(f"{server.url}{job['links']['jsonl']}").text.splitlines()
    assert [json.loads(line).get("emotion") for line in lines] == [EXAMPLE_EMOTION, None, EXAMPLE_EMOTION]
