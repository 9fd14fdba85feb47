"""Reads the body of an event of the page within limits, and checks it before Gradio gets it."""

import json
import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from webui.errors import EventTooLargeError, ForbiddenRequestError, RequestError

# An event contains options and the paths of uploads; the audio itself is uploaded separately. The largest event of the
# page is a comparison: 200 files of 450 to 600 bytes (path, URL, name, size). Others have less than one kilobyte.
MAX_BYTES: Final = 128_000
MAX_NESTED: Final = 500  # objects and lists, two for each file; recursive functions would fail on deeper nesting
WEB_ADDRESS: Final = re.compile(r"\s*https?:", re.IGNORECASE)
MAX_SESSION_HASH: Final = 64  # the page's has 11 characters, gradio_client's 36
SESSION_HASH: Final = re.compile(rf"[\w-]{{1,{MAX_SESSION_HASH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageEvent:
    """An event.

    Attributes:
        body: the bytes of the body.
        session_hash: the session of the page that sends the event; None if the event contains none.
    """

    body: bytes
    session_hash: str | None

    def replayed(self, receive: Receive) -> Receive:
        """Returns a ``receive`` that returns the body again, and afterwards the messages that follow it."""
        waiting: list[Message] = [{"type": "http.request", "body": self.body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay


async def read_event(receive: Receive) -> PageEvent:
    """Reads and checks the body of an event.

    Raises:
        EventTooLargeError: the body has too many bytes.
        RequestError: it contains too many objects and lists, or its session hash is not valid.
        ForbiddenRequestError: it gives a URL as a file, which Gradio would fetch before it calls our code.
        ClientDisconnect: the client has disconnected.
    """
    body = await _read(receive)
    try:
        document = json.loads(body)
    except ValueError:
        return PageEvent(body, None)  # Gradio answers invalid JSON properly
    except RecursionError as err:
        raise RequestError("request.event_too_nested", expected=MAX_NESTED) from err
    _check_parts(document)
    session_hash = document.get("session_hash") if isinstance(document, dict) else None
    if session_hash is not None:
        check_session_hash(session_hash)
    return PageEvent(body, session_hash)


def check_session_hash(session_hash: object) -> None:
    """Refuses a session hash that neither a page nor gradio_client makes: Gradio would keep one of any length.

    Raises:
        RequestError: the session hash is not valid.
    """
    if not isinstance(session_hash, str) or not SESSION_HASH.fullmatch(session_hash):
        raise RequestError("request.bad_session_hash", expected=MAX_SESSION_HASH)


def _check_parts(document: object) -> None:
    """Checks every object and list of a document."""
    waiting = [document]
    nested = 0
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict | list):
            continue
        nested += 1
        if nested > MAX_NESTED:
            raise RequestError("request.event_too_nested", expected=MAX_NESTED)
        if isinstance(part, list):
            waiting.extend(part)
            continue
        path = part.get("path")
        if isinstance(path, str) and WEB_ADDRESS.match(path):
            raise ForbiddenRequestError("request.event_web_address")
        waiting.extend(part.values())


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BYTES:
            raise EventTooLargeError("request.event_too_large", expected_kb=MAX_BYTES // 1000)
    return bytes(body)
