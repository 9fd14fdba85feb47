"""What Gradio would do for a stranger and this page has no use for: closed at the door."""

import json
import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# file=http…: fetches any public URL for the caller; proxy=: the same for Spaces. process_recording: runs ffmpeg on what
# was uploaded. deep_link: writes a session to the disk. vibe, dev, monitoring, run-history: tools of a developer.
CLOSED: Final = re.compile(
    r"^/(gradio_api/(file=\s*https?:|proxy=|process_recording|deep_link|(undo-)?vibe-|dev/|run-history)|monitoring)",
    re.IGNORECASE,
)
WEB_ADDRESS: Final = re.compile(r"\s*https?:", re.IGNORECASE)
OWN_API: Final = "/api/"  # has limits of its own, and audio as JSON
MAX_NESTED: Final = 500  # objects and lists; a recursive reader would fail on more that are nested
MAX_JSON_BYTES: Final = 4_000_000  # an event carries options and paths; audio comes as an upload


class GradioHardening:
    """ASGI middleware: answers 404 at the closed addresses, and 403 to an event whose file is a web address.

    Gradio fetches such a file whatever its size, before any code of ours sees it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif CLOSED.match(scope["path"]):
            await _refuse(send, 404, b"Not found")
        elif scope["method"] == "POST" and _is_json(scope) and not scope["path"].startswith(OWN_API):
            body = await _read(receive, MAX_JSON_BYTES)
            if body is None:
                await _refuse(send, 413, b"Too large")
            elif body.count(b"[") + body.count(b"{") > MAX_NESTED:
                await _refuse(send, 422, b"Too deep")
            elif names_web_address(body):
                await _refuse(send, 403, b"Upload the file itself; a web address is not fetched")
            else:
                await self.app(scope, _replay(body, receive), send)
        else:
            await self.app(scope, receive, send)


def names_web_address(body: bytes) -> bool:
    """Returns whether a JSON body holds, at any depth, a file whose path is a web address."""
    try:
        waiting = [json.loads(body)]
    except ValueError:
        return False  # Gradio's own answer to it is a good one
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            path = part.get("path")
            if isinstance(path, str) and WEB_ADDRESS.match(path):
                return True
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return False


def _is_json(scope: Scope) -> bool:
    """Whether the body could be read as JSON: everything but the form of an upload."""
    return not dict(scope["headers"]).get(b"content-type", b"").lower().startswith(b"multipart/")


async def _read(receive: Receive, limit: int) -> bytes | None:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > limit:
            return None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
