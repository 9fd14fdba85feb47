"""Bodies of page events: accepted ones, and those refused before Gradio reads them."""

import asyncio
import json

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from webui.errors import EventTooLargeError, ForbiddenRequestError, RequestError, SpeechEmotionError
from webui.http.page_event import MAX_BYTES, MAX_NESTED, PageEvent, read_event


def read(body: bytes, *, ends: bool = True) -> PageEvent:
    messages: list[Message] = [{"type": "http.request", "body": body[:1000], "more_body": True}]
    messages.append({"type": "http.request", "body": body[1000:], "more_body": not ends})
    messages.append({"type": "http.disconnect"})

    async def receive() -> Message:
        return messages.pop(0)

    return asyncio.run(read_event(receive))


def refusal(document: object) -> SpeechEmotionError:
    with pytest.raises(SpeechEmotionError) as caught:
        read(json.dumps(document).encode())
    return caught.value


def file_data(name: str) -> dict[str, object]:
    path = f"/tmp/speech-emotion-abcdefgh/{'0' * 64}/{name}"
    return {
        "path": path, "url": f"http://emotion.example.org:7860/gradio_api/file={path}", "orig_name": name,
        "size": 123_456_789, "mime_type": "audio/x-wav", "is_stream": False, "meta": {"_type": "gradio.FileData"},
    }  # fmt: skip


def test_a_comparison_of_200_files_fits() -> None:
    files = [file_data(f"recording [take {number:03}] of a speaker (happy).wav") for number in range(200)]
    event = {"data": [["builtin"], files, "en"], "fn_index": 30, "trigger_id": 60, "session_hash": "lmpilzjkkoc"}
    body = json.dumps(event).encode()
    assert 64_000 < len(body) < MAX_BYTES
    assert read(body) == PageEvent(body, "lmpilzjkkoc")


def test_a_large_event_is_refused() -> None:
    error = refusal({"data": ["x" * MAX_BYTES]})
    assert isinstance(error, EventTooLargeError)
    assert error.values == {"expected_kb": 128}


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000])
def test_a_deeply_nested_event_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read(body)
    assert caught.value.code == "request.event_too_nested"


def test_lists_and_objects_are_counted_not_brackets() -> None:
    read(json.dumps({"data": ["[{" * 10_000]}).encode())
    read(json.dumps({"data": [[]] * (MAX_NESTED - 2)}).encode())
    assert refusal({"data": [[]] * (MAX_NESTED - 1)}).code == "request.event_too_nested"


@pytest.mark.parametrize("address", ["http://a.example/b.wav", "HTTPS://a.example/b.wav", " \thttp://127.0.0.1"])
def test_a_web_address_is_refused(address: str) -> None:
    error = refusal({"data": [{"x": [{"path": address}]}]})
    assert isinstance(error, ForbiddenRequestError)


@pytest.mark.parametrize("session_hash", ["", "a" * 65, "a b", "a\n", "é", 7, ["a"], {"a": 1}])
def test_a_session_hash_is_a_short_word(session_hash: object) -> None:
    assert refusal({"data": [], "session_hash": session_hash}).code == "request.bad_session_hash"


def test_other_bodies_are_passed_to_gradio() -> None:
    for body in (b"", b"x", b"\xff", b'"a"', b"[]", b"null", b'{"data": []}'):
        assert read(body) == PageEvent(body, None)


def test_an_incomplete_event() -> None:
    with pytest.raises(ClientDisconnect):
        read(b'{"data": []', ends=False)
