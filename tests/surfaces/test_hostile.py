"""Hostile input to the API of a real server: no foreign file is read, no connection made, no crash, no hang."""

import base64
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.audio_files import pcm16, riff, voice
from tests.support.audio_hosts import AudioHost, audio_host
from tests.support.bombs import JSON_BOMBS, audio_bombs
from tests.support.file_watch import Watch, supported, watching
from tests.support.mutations import mutated_files
from tests.support.playlists import playlists
from tests.support.proofs import sizes
from tests.support.server_process import ROOT, RunningServer, rss_mb, running_server

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
WHERE = "/api/v1/recognize"
REVEALING = re.compile(r"Traceback|/tmp/|/home/|/root/|site-packages|\.py\b|line \d+, in")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "secret.wav").write_bytes(riff(pcm16(voice(2.0))))
    (folder / "secret.aac").write_bytes(b"\xff\xf1" + bytes(100))
    return folder


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Path:
    folder = tmp_path_factory.mktemp("uploads")
    (folder / "inside").mkdir()
    (folder / "out.wav").symlink_to(secrets / "secret.wav")
    (folder / "out").symlink_to(secrets)
    (folder / "inside" / "twice.wav").symlink_to(folder / "out.wav")
    for name, playlist in playlists(secrets).items():
        (folder / f"{name}.mp3").write_text(playlist)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, uploads: Path) -> Iterator[RunningServer]:
    outputs = tmp_path_factory.mktemp("hostile") / "outputs"
    with running_server(outputs, audio_roots=uploads, max_audio_mb=4, max_audio_s=30, max_connections=30) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


@pytest.fixture
def watch(secrets: Path) -> Iterator[Watch]:
    if not supported():
        pytest.skip("no inotify")
    with watching(secrets) as seen:
        (secrets / "secret.aac").read_bytes()
        assert "secret.aac" in seen.opened()  # the watch works
        yield seen


def check(answer: httpx.Response, *statuses: int) -> str:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert not REVEALING.search(answer.text), answer.text
    code: str = answer.json()["code"]
    return code


def upload(client: httpx.Client, data: bytes, name: str = "a.wav") -> httpx.Response:
    return client.post(WHERE, files={"audio": (name, data)})


def test_paths_outside_the_roots(client: httpx.Client, uploads: Path, secrets: Path, watch: Watch) -> None:
    secret = f"{secrets}/secret.wav"
    paths = [
        secret, f"{uploads}/../{secrets.name}/secret.wav", f"{uploads}/inside/../../{secrets.name}/secret.wav",
        f"{uploads}/out.wav", f"{uploads}/out/secret.wav", f"{uploads}/inside/twice.wav", f"{uploads}/./out.wav",
        f"{uploads}//out.wav", f"{uploads}/inside/../out.wav", f"{uploads}\0/../../{secret}", f"{uploads}/a\0.wav",
        f"file://{secret}", f"~/../{secret}", f"{uploads}x/a.wav", f"{uploads.parent}", "/", "/etc/passwd", "/dev/zero",
        "/proc/self/environ", "/proc/self/fd/0", "..", ".", "", "secret.wav", "//etc/passwd", "\\\\host\\share\\a.wav",
        "C:\\Windows\\a.wav", "%2e%2e%2fsecret.wav",
        "concat:" + secret, f"subfile,,start,0,end,0,,:{secret}", "http://127.0.0.1/a.wav", "pipe:0",
    ]  # fmt: skip
    for path in paths:
        answer = client.post(WHERE, json={"audio_path": path})
        assert check(answer, 403) == "api.outside_roots", path
        assert secrets.name not in answer.text
    assert watch.opened() == []


@pytest.mark.parametrize("path", ["", "/inside", "/missing.wav", "/" + "a" * 300, "/inside/../missing.wav"])
def test_paths_within_the_roots_that_are_not_files(client: httpx.Client, uploads: Path, path: str) -> None:
    answer = client.post(WHERE, json={"audio_path": f"{uploads}{path}"})
    check(answer, 422)
    assert str(uploads) not in answer.text


def test_files_that_name_other_files(client: httpx.Client, uploads: Path, secrets: Path, watch: Watch) -> None:
    for name, playlist in playlists(secrets).items():
        check(upload(client, playlist.encode(), "a.mp3"), 422)
        check(client.post(WHERE, json={"audio_base64": base64.b64encode(playlist.encode()).decode()}), 422)
        check(client.post(WHERE, json={"audio_path": f"{uploads}/{name}.mp3"}), 422)
    assert watch.opened() == []


def test_files_that_name_urls(client: httpx.Client) -> None:
    with audio_host() as host:
        for playlist in network_playlists(host):
            for name in ("a.m3u8", "a.mp3", "a.sdp", "a.wav"):
                check(upload(client, playlist, name), 422)
        assert host.connections == 0


def network_playlists(host: AudioHost) -> list[bytes]:
    url = host.url()
    hls = f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:2.0,\n{url}\n'
    return [
        hls.encode(),
        f"ffconcat version 1.0\nfile '{url}'\n".encode(),
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {host.port} RTP/AVP 0\n".encode(),
        f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>'.encode(),
        f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{url}">]><a>&b;</a>'.encode(),
        f"[playlist]\nFile1={url}\n".encode(),
        f"RTSPtext\r\nrtsp://127.0.0.1:{host.port}/\r\n".encode(),
        url.encode(),
        b"RIFF" + struct.pack("<I", 100) + b"AVI LIST" + url.encode() * 2,
    ]


def test_bombs(client: httpx.Client, server: RunningServer) -> None:
    before = rss_mb(server)
    for name, bomb in audio_bombs().items():
        begun = time.monotonic()
        check(upload(client, bomb, f"{name}.wav"), 413, 422)
        assert time.monotonic() - begun < 60, name
    headers = {"content-type": "application/json"}
    for body in (*JSON_BOMBS.values(), b'{"window_s":1e999}', b"\xff"):
        check(client.post(WHERE, content=body, headers=headers), 422)
    for where in ("/gradio_api/queue/join", "/gradio_api/call/recognize"):
        assert client.post(where, content=b"[" * 100_000, headers=headers).status_code == 422
    fields = {f"f{number}": "x" for number in range(500)}
    check(client.post(WHERE, data=fields, files={"audio": b"x"}), 400, 422)
    check(client.post(WHERE, data={"model": "x" * 2_000_000}, files={"audio": b"x"}), 400, 422)
    assert client.get("/healthz").status_code == 200
    after = rss_mb(server)
    if before is not None:
        assert after is not None
        assert after < before + 400


def test_silent_connections(server: RunningServer) -> None:
    """The connections that have been idle for longest are closed; test_connections.py has more tests."""
    port = int(server.url.rsplit(":", 1)[1])
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120)) for _ in range(60)]
        for path in ("/healthz", "/readyz", "/api/v1/models", "/"):
            assert httpx.get(server.url + path, timeout=120).status_code == 200
        assert silent[0].recv(1) == b""


@sizes("count", small=66, full=3000)
def test_mutated_files_over_all_formats(client: httpx.Client, server: RunningServer, count: int) -> None:
    statuses = []
    for name, data in mutated_files(count):
        answer = upload(client, data, name)
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            check(answer, 413, 422)
    assert len(statuses) == count
    assert statuses.count(200) > 5
    assert statuses.count(422) > 5
    assert server.process.poll() is None


def test_base64_may_be_as_large_as_an_upload(client: httpx.Client) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 3_900_000, dtype=np.uint8).tobytes()
    answer = client.post(WHERE, json={"audio_base64": base64.b64encode(noise).decode()})
    assert check(answer, 422) == "audio.unknown_format"


def test_urls_are_not_fetched_by_default(client: httpx.Client) -> None:
    with audio_host() as host:
        assert check(client.post(WHERE, json={"audio_url": host.url()}), 403) == "api.no_audio_urls"
        assert host.connections == 0


def test_unusual_requests(client: httpx.Client) -> None:
    for path in (
        "/api/v1/results/%00",
        "/api/v1/results/..%2f..%2fetc",
        "/api/v1/results/x/%00",
        "/api/v1/results?limit=x",
    ):
        answer = client.get(path)
        assert 400 <= answer.status_code < 500
        assert not REVEALING.search(answer.text)
    for name in ("../../a.wav", "a\n.wav", "\u202ea.wav", "a" * 3000, "", "<script>"):
        answer = upload(client, EXAMPLE.read_bytes(), name)
        assert answer.status_code in (200, 422), (name, answer.text)
