"""Gradio's addresses that this page doesn't use and that would do something for a stranger."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

# file=http…: fetches any public URL for the caller; proxy=: the same for Spaces. process_recording: runs ffmpeg on what
# was uploaded. deep_link: writes a session to the disk. vibe, dev, monitoring, run-history: tools of a developer.
CLOSED: Final = re.compile(
    r"^/(gradio_api/(file=\s*https?:|proxy=|process_recording|deep_link|(undo-)?vibe-|dev/|run-history)|monitoring)",
    re.IGNORECASE,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClosedDoors:
    """ASGI middleware: answers 404 at the closed addresses, and lets everything else through."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and CLOSED.match(scope["path"]):
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not found"})
            return
        await self.app(scope, receive, send)
