"""The upload quota of the page: charged before reading, returned after deletion."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.file_watch import supported
from tests.support.server_process import RunningServer, running_server
from tests.support.waiting import Clock, wait_until
from webui.errors import BusyError, SpeechEmotionError, TooOftenError
from webui.http.upload_quota import UploadQuota
from webui.service.serving.keys import hash_key, new_key
from webui.texts import Language, text
from webui.ui.browser_functions import GRADIO_TEXTS
from webui.ui.page import UPLOADS_KEPT_S

MB = 1_000_000
KEYS = [new_key() for _ in range(3)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> UploadQuota:
    return UploadQuota(caller_mb=10, total_mb=15, kept_s=3600, clock=clock)


def keep(quota: UploadQuota, caller: str, size: int) -> None:
    """Uploads as many bytes as announced."""
    with quota.charged(caller, size) as charge:
        charge.arrived = size


def refused(quota: UploadQuota, caller: str, megabytes: float) -> SpeechEmotionError:
    with pytest.raises(SpeechEmotionError) as caught, quota.charged(caller, int(megabytes * MB)):
        pass
    return caught.value


def test_limits_per_client_and_in_total(quota: UploadQuota, clock: Clock) -> None:
    keep(quota, "anna", 6 * MB)
    clock.now = 600
    keep(quota, "anna", 4 * MB)
    error = refused(quota, "anna", 0.5)
    assert isinstance(error, TooOftenError)
    assert error.code == "request.uploads_of_visitor"
    assert error.values == {"found_mb": 10, "size_mb": 0.5, "expected_mb": 10, "wait_min": 51, "retry_s": 3001}
    assert refused(quota, "anna", 7).values["wait_min"] == 61, "deleting the first upload is not enough"
    keep(quota, "ben", 5 * MB)
    error = refused(quota, "ben", 0.1)
    assert isinstance(error, BusyError)
    assert (error.code, error.values["found_mb"], error.values["expected_mb"]) == ("request.uploads_of_all", 15, 15)


def test_deleted_and_incomplete_uploads_are_not_charged(quota: UploadQuota, clock: Clock) -> None:
    with contextlib.suppress(ConnectionError), quota.charged("anna", 10 * MB):
        assert refused(quota, "anna", 1).values["found_mb"] == 10
        raise ConnectionError
    keep(quota, "anna", 10 * MB)
    assert refused(quota, "anna", 1).values["found_mb"] == 10
    clock.now = 3600
    keep(quota, "anna", 10 * MB)


def test_an_upload_larger_than_the_quota_is_refused(quota: UploadQuota) -> None:
    assert refused(quota, "anna", 11).values == {
        "found_mb": 0, "size_mb": 11, "expected_mb": 10, "wait_min": 61, "retry_s": 3601,
    }  # fmt: skip


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(MB)


def test_received_bytes_are_charged_not_announced_ones(quota: UploadQuota) -> None:
    async def upload(announced: int, arriving: int) -> int:
        with quota.charged("anna", announced) as charge:
            return len([chunk async for chunk in charge.counted(chunks(arriving))])

    assert asyncio.run(upload(1, 4)) == 4
    with pytest.raises(TooOftenError) as caught:
        asyncio.run(upload(0, 20))
    assert caught.value.values == {"found_mb": 4, "size_mb": 7, "expected_mb": 10, "wait_min": 61, "retry_s": 3601}
    assert asyncio.run(upload(6 * MB, 2)) == 2, "a refused upload is not charged"
    keep(quota, "anna", 4 * MB)  # announced bytes that were not received are not charged either
    assert refused(quota, "anna", 0.1).values["found_mb"] == 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    keys = ",".join(hash_key(key) for key in KEYS)
    folder = tmp_path_factory.mktemp("budget")
    (folder / "tmp").mkdir()
    limits = {"max_audio_mb": 1, "max_visitor_mb": 2, "max_uploads_mb": 3}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TMPDIR", str(folder / "tmp"))
        with running_server(folder / "outputs", api_keys=keys, model="builtin", **limits) as started:
            yield started
    assert "Traceback" not in started.errors.read_text()


def upload(server: RunningServer, key: str, size: int, language: str = "en") -> httpx.Response:
    headers = {"X-API-Key": key, "Accept-Language": language}
    return httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("a.wav", bytes(size))}, headers=headers)


@pytest.fixture
def cache(server: RunningServer) -> Path:
    return Path(upload(server, KEYS[2], 1).json()[0]).parents[1]


def part(size: int, field: str = "files") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.wav"\r\n\r\n'
    return head.encode() + bytes(size)


def begin(server: RunningServer, headers: str, body: bytes, path: str = "/gradio_api/upload") -> socket.socket:
    link = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=120)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEYS[0]}\r\n{headers}\r\n"
    link.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode() + body)
    return link


def chunked(*bodies: bytes) -> bytes:
    return b"".join(f"{len(body):x}\r\n".encode() + body + b"\r\n" for body in bodies)


def temporary(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.is_file()]


def is_charged(server: RunningServer) -> bool:
    """Returns whether an upload as large as the quota is refused because of the quota, not because of its content."""
    with begin(server, "Content-Length: 1390000", b"no multipart") as link, link.makefile("rb") as answer:
        status = int(answer.readline().split()[1])
    assert status in (400, 429)
    return status == 429


@pytest.mark.parametrize("headers", ["Content-Length: 950000", "Transfer-Encoding: chunked"])
def test_a_cancelled_upload_leaves_nothing(server: RunningServer, cache: Path, headers: str) -> None:
    body = part(900_000)
    with begin(server, headers, body if "Length" in headers else chunked(body)):
        wait_until(lambda: is_charged(server))
        assert len(temporary(cache)) == 1
    wait_until(lambda: not temporary(cache))
    wait_until(lambda: not is_charged(server))


def test_a_refused_upload_leaves_nothing(server: RunningServer, cache: Path) -> None:
    unread = part(10, "something") + b"\r\n--b--\r\n"
    refusals = {
        "a file over the limit": ("Transfer-Encoding: chunked", chunked(part(500_000), bytes(600_000), b"", b"")),
        "another field than files": (f"Content-Length: {len(unread)}", unread),
        "no end": ("Transfer-Encoding: chunked", chunked(part(1000)) + b"0\r\n\r\n"),
    }
    found = {}
    for name, (headers, body) in refusals.items():
        with begin(server, headers, body) as link, link.makefile("rb") as answer:
            found[name] = int(answer.readline().split()[1])
        wait_until(lambda: not temporary(cache))
    assert found == {
        "a file over the limit": 413,
        "another field than files": 400,
        "no end": 400,
    }
    wait_until(lambda: not is_charged(server))


def test_an_upload_over_the_quota_is_refused_while_it_is_received(server: RunningServer, cache: Path) -> None:
    body = chunked(*[part(600_000) + b"\r\n"] * 2)
    with begin(server, "Content-Length: 1000000", part(10)):
        wait_until(lambda: is_charged(server))
        with begin(server, "Transfer-Encoding: chunked", body) as link, link.makefile("rb") as answer:
            assert b" 429 " in answer.readline()
        wait_until(lambda: len(temporary(cache)) == 1)
    wait_until(lambda: not temporary(cache))


def test_form_fields_are_not_kept_in_memory(server: RunningServer) -> None:
    where, key = f"{server.url}/gradio_api/upload", {"X-API-Key": KEYS[0]}
    answer = httpx.post(where, data={"a": "x" * 500_000}, files={"files": b"x"}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.bad_upload")


@pytest.mark.skipif(not supported(), reason="reads /proc")
@pytest.mark.parametrize("path", ["/api/v1/recognize", "/api/v1/jobs"])
def test_an_upload_of_the_api_has_no_name_on_the_disk(server: RunningServer, cache: Path, path: str) -> None:
    def opened() -> list[str]:
        found = []
        for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(link.readlink()))
        return found

    with begin(server, "Content-Length: 1300000", part(1_200_000, "audio"), path):
        wait_until(lambda: any(str(cache.parent) in file for file in opened()))  # larger than the memory buffer
        assert all(file.endswith("(deleted)") for file in opened() if str(cache.parent) in file)
    wait_until(lambda: not any(str(cache.parent) in file for file in opened()))


def test_the_server_counts_received_bytes(server: RunningServer) -> None:
    first, second, third = KEYS
    assert upload(server, first, 1_000_001).status_code == 413, "an upload over the size limit is not charged"
    kept = [upload(server, first, 900_000 + number) for number in range(2)]
    assert [response.status_code for response in kept] == [200, 200]
    answer = upload(server, first, 900_000)
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    problem = answer.json()
    assert problem["code"] == "request.uploads_of_visitor"
    assert problem["detail"] == text("request.uploads_of_visitor", Language.EN, **problem["values"])
    assert int(answer.headers["retry-after"]) == pytest.approx(UPLOADS_KEPT_S, abs=60)
    assert upload(server, first, 900_000, "zh-CN").json()["detail"].startswith("服务器上保留着您上传的 1.8 MB")
    assert upload(server, second, 900_000).status_code == 200
    answer = upload(server, third, 900_000)
    assert (answer.status_code, answer.json()["code"]) == (503, "request.uploads_of_all")
    assert answer.headers["retry-after"]
    assert upload(server, third, 100_000).status_code == 200
    assert all(Path(response.json()[0]).stat().st_size >= 900_000 for response in kept)


def test_the_page_translates_the_error(server: RunningServer) -> None:
    answer = upload(server, KEYS[0], 900_000)
    toast = f"HTTP {answer.status_code}: {answer.text}"
    rules = {pattern.replace("(?<", "(?P<").replace("[^]", r"[\s\S]"): key for pattern, key in GRADIO_TEXTS.items()}
    (found,) = [(match, key) for pattern, key in rules.items() if (match := re.fullmatch(pattern, toast))]
    match, key = found
    assert key == "request.uploads_of_visitor"
    assert match["found_mb"] == "1.8"
    for language in Language:
        assert "SPEECH_EMOTION_MAX_VISITOR_MB" in text(key, language, **match.groupdict())
