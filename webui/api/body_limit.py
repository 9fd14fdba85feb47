"""Refuses a body that is larger than any audio may be while it arrives, before it fills memory or the disk."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.requests import Request

from webui.api.problems import answer_error
from webui.errors import AudioTooLongError

PREFIX: Final = "/api/"
OVERHEAD: Final = 1.4  # base64 takes 4 bytes for 3; a form adds a little
BYTES_PER_MB: Final = 1_000_000
DRAIN_BYTES: Final = 16_000_000  # a caller that still sends when the connection closes never reads the answer
DRAIN_S: Final = 2.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class _TooLargeError(Exception):
    """More arrived than is allowed."""


class BodyLimit:
    """ASGI middleware: answers 413 to a body over the limit, by its announced length or by what really comes.

    Args:
        app: the application.
        max_audio_mb: largest audio file, in megabytes.
    """

    def __init__(self, app: App, *, max_audio_mb: float) -> None:
        self._app = app
        self._max_audio_mb = max_audio_mb
        self._limit = int(max_audio_mb * OVERHEAD * BYTES_PER_MB)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        arrived, begun = 0, False

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._limit:
                raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLargeError:
            if not begun:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await _drain(receive)
        error = AudioTooLongError("api.too_large", expected_mb=self._max_audio_mb)
        response = await answer_error(Request(scope), error)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


async def _drain(receive: Receive) -> None:
    """Reads on for a moment and throws it away."""
    read, more = 0, True
    try:
        async with asyncio.timeout(DRAIN_S):
            while more and read < DRAIN_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return
