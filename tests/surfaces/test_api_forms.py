"""Uploads as programs really send them: parts without a file name, base64 with line breaks, over a real server."""

import base64
from collections.abc import Iterator

import httpx
import pytest

from tests.support.paths import EXAMPLE
from tests.support.server_process import RunningServer, running_server

BOUNDARY = "part-of-a-form"
CONTENT = EXAMPLE.read_bytes()
LARGE = CONTENT[:44] + CONTENT[44:] * 12  # larger than Starlette's limit for text fields


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("forms") / "outputs") as started:
        yield started
        assert started.errors.read_text() == ""


def post(server: RunningServer, path: str, *parts: tuple[str, bytes]) -> httpx.Response:
    lines = [
        f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
        for disposition, content in parts
    ]
    body = b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return httpx.post(f"{server.url}/api/v1/{path}", content=body, headers=headers, timeout=60)


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "disposition",
    ['form-data; name="audio"', "form-data; name=audio", 'form-data; name="audio"; filename=""'],
    ids=["no name", "no quotes", "empty name"],
)
def test_a_part_without_a_file_name_is_accepted(server: RunningServer, disposition: str, content: bytes) -> None:
    answered = post(server, "recognize", (disposition, content), ('form-data; name="granularity"', b"frame"))
    assert answered.status_code == 200, answered.text
    assert answered.json()["source"]["file_name"] == "recording"
    assert answered.json()["source"]["size_bytes"] == len(content)
    assert answered.json()["granularity"] == "frame"


def test_jobs_accept_parts_without_a_file_name(server: RunningServer) -> None:
    answered = post(server, "jobs", ('form-data; name="audio"', CONTENT), ('form-data; name="audio"', CONTENT))
    assert (answered.status_code, answered.json()["total"]) == (202, 2)


@pytest.mark.parametrize("text", [b"", b"song.wav", b"/home/anna/song.wav"])
def test_text_instead_of_a_file_is_reported(server: RunningServer, text: bytes) -> None:
    answered = post(server, "recognize", ('form-data; name="audio"', text))
    assert (answered.status_code, answered.json()["code"]) == (422, "api.one_source")
    assert "a text instead of a file in the field `audio`" in answered.json()["detail"]


def test_a_file_in_another_field_is_refused(server: RunningServer) -> None:
    answered = post(server, "recognize", ('form-data; name="sound"', CONTENT))
    assert (answered.status_code, answered.json()["code"]) == (422, "api.one_source")
    assert "no file in the field `audio`" in answered.json()["detail"]


@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
def test_base64_with_line_breaks(server: RunningServer, prefix: str) -> None:
    document = {"audio_base64": prefix + base64.encodebytes(CONTENT).decode(), "file_name": "a.wav"}
    answered = httpx.post(f"{server.url}/api/v1/recognize", json=document, timeout=60)
    assert answered.status_code == 200, answered.text
    assert answered.json()["source"]["size_bytes"] == len(CONTENT)
