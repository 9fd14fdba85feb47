"""Bounds what visitors upload to the page in all: the size of each file is bounded elsewhere, their number is not."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.errors import BusyError, SpeechEmotionError, TooOftenError
from webui.units import BYTES_PER_MB, as_megabytes

UPLOAD: Final = "/gradio_api/upload"
MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class _Upload:
    """One that lies on the disk, or is on its way there."""

    visitor: str
    size: int
    until_s: float


class UploadLedger:
    """What was uploaded and is still kept.

    Args:
        visitor_mb: of one visitor at a time.
        total_mb: of all visitors at a time.
        kept_s: how long an upload is kept.
        clock: seconds that only grow.
    """

    def __init__(
        self, *, visitor_mb: float, total_mb: float, kept_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._visitor_mb = visitor_mb
        self._total_mb = total_mb
        self._kept_s = kept_s
        self._clock = clock
        self._uploads: list[_Upload] = []  # oldest first

    def enter(self, visitor: str, size: int) -> _Upload:
        """Counts an upload before it arrives.

        Raises:
            TooOftenError: the visitor's would be too much.
            BusyError: all visitors' would be too much.
        """
        now = self._clock()
        self._uploads = [upload for upload in self._uploads if upload.until_s > now]
        own = [upload for upload in self._uploads if upload.visitor == visitor]
        if (values := self._too_much(own, size, self._visitor_mb, now)) is not None:
            raise TooOftenError("request.uploads_of_visitor", **values)
        if (values := self._too_much(self._uploads, size, self._total_mb, now)) is not None:
            raise BusyError("request.uploads_of_all", **values)
        upload = _Upload(visitor, size, now + self._kept_s)
        self._uploads.append(upload)
        return upload

    def remove(self, upload: _Upload) -> None:
        """Forgets one that did not arrive."""
        self._uploads = [other for other in self._uploads if other is not upload]

    def _too_much(
        self, uploads: list[_Upload], size: int, limit_mb: float, now: float
    ) -> dict[str, float | int] | None:
        """Returns what there is to say if ``uploads`` leave no room, and when there will be some."""
        found = sum(upload.size for upload in uploads)
        over = found + size - limit_mb * BYTES_PER_MB
        if over <= 0:
            return None
        wait_s = self._kept_s
        for upload in uploads:
            over -= upload.size
            if over <= 0:
                wait_s = upload.until_s - now
                break
        return {
            "found_mb": as_megabytes(found),
            "size_mb": as_megabytes(size),
            "expected_mb": as_megabytes(limit_mb * BYTES_PER_MB),
            "wait_min": int(wait_s // MINUTE_S) + 1,
            "retry_s": int(wait_s) + 1,
        }


class UploadQuota:
    """ASGI middleware: refuses an upload to the page, before it is read, that would be too much in all.

    Args:
        app: the application.
        ledger: counts.
        visitor_of: says who asks.
        refuse: answers an error.
        unannounced: bytes that an upload counts as which does not say its length.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        ledger: UploadLedger,
        visitor_of: Callable[[Request], str],
        refuse: Callable[[Request, Exception], Awaitable[ASGIApp]],
        unannounced: int,
    ) -> None:
        self._app = app
        self._ledger = ledger
        self._visitor_of = visitor_of
        self._refuse = refuse
        self._unannounced = unannounced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != UPLOAD:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        announced = request.headers.get("content-length", "")
        size = int(announced) if announced.isdigit() else self._unannounced
        try:
            upload = self._ledger.enter(self._visitor_of(request), size)
        except SpeechEmotionError as error:
            response = await self._refuse(request, error)
            await response(scope, receive, send)
            return
        arrived = False

        async def noted(message: Message) -> None:
            nonlocal arrived
            if message["type"] == "http.response.start":
                arrived = message["status"] == 200
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if not arrived:
                self._ledger.remove(upload)
