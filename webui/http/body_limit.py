"""Refuses a request body that is too large or arrives too slowly, before it fills memory or the disk."""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.errors import AudioTooLongError, SpeechEmotionError, UploadTimeError
from webui.http.problems import answer_error
from webui.units import BYTES_PER_MB

OVERHEAD: Final = 1.4  # size of a body over that of its audio: 4/3 for base64, and a little for a form
DRAIN_BYTES: Final = 16_000_000  # a client that is still sending when the connection closes can't read the response
DRAIN_S: Final = 2.0
SLOW, LARGE = "slow", "large"


class _BodyRefusedError(Exception):
    """The body is refused; the rest of it must not be read."""


class _Body:
    """Receives a body. When it is too large or too slow, sets ``refusal`` and raises ``_BodyRefusedError``."""

    def __init__(self, receive: Receive, limit: int, max_upload_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._until = asyncio.get_running_loop().time() + max_upload_s
        self._arrived = 0
        self._complete = False
        self.refusal: str | None = None

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(None if self._complete else self._until):
                message = await self._receive()
        except TimeoutError as err:
            self.refusal = SLOW
            raise _BodyRefusedError from err
        self._complete = self._complete or not message.get("more_body", False)
        self._arrived += len(message.get("body", b""))
        if self._arrived > self._limit:
            self.refusal = LARGE
            raise _BodyRefusedError
        return message


class BodyLimit:
    """ASGI middleware: refuses a body whose announced or actual length is over the limit, or that takes too long.

    Args:
        app: the application.
        max_audio_mb: largest audio file, in megabytes.
        max_upload_s: time that a body may take to arrive, in seconds.
    """

    def __init__(self, app: ASGIApp, *, max_audio_mb: float, max_upload_s: float) -> None:
        self._app = app
        self._max_audio_mb = max_audio_mb
        self._max_upload_s = max_upload_s
        self._limit = int(max_audio_mb * OVERHEAD * BYTES_PER_MB)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            await self._refuse(scope, receive, send, self._too_large())
            return
        body = _Body(receive, self._limit, self._max_upload_s)
        begun = False

        async def guarded_send(message: Message) -> None:
            nonlocal begun
            # After a refusal, the application may turn our exception into a response of status 500, which is dropped.
            if begun or body.refusal is None:
                begun = True
                await send(message)

        with suppress(_BodyRefusedError):
            await self._app(scope, body.receive, guarded_send)
        if body.refusal is not None and not begun:
            slow = UploadTimeError("api.upload_slow", limit_s=self._max_upload_s)
            await self._refuse(scope, receive, send, slow if body.refusal == SLOW else self._too_large())

    def _too_large(self) -> SpeechEmotionError:
        return AudioTooLongError("api.too_large", expected_mb=self._max_audio_mb)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: SpeechEmotionError) -> None:
        if isinstance(error, AudioTooLongError):
            await _drain(receive)
        response = await answer_error(Request(scope), error)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


async def _drain(receive: Receive) -> None:
    """Reads and discards a part of the body, so that the client finishes sending and reads the response."""
    read, more = 0, True
    try:
        async with asyncio.timeout(DRAIN_S):
            while more and read < DRAIN_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return
