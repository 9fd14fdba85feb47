"""What every answer tells a browser: what a page of this server may load and run, and who may show it in a frame."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.errors import RequestError
from webui.http.host import DEFAULT_PORTS, parse_host

POLICY: Final = "content-security-policy"
# Of what is no page: results, uploads, events. A browser that shows such a file all the same runs nothing in it.
DATA_PREFIXES: Final = ("/api/", "/gradio_api/")
DATA_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; sandbox"
# 'unsafe-eval': Gradio makes functions of the texts in its events' `js`. Styles inline: its components set them. data:
# are icons in its style sheets, blob: is a recording, which its player reads and plays.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; media-src 'self' blob:; connect-src 'self' blob:; worker-src 'none'; "
    "manifest-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
MAX_PAGE_BYTES: Final = 4_000_000


class SecurityHeaders:
    """ASGI middleware, around all others: the headers are on their refusals too.

    Args:
        app: the application.
        frame_ancestors: origins of other sites that may show the page in a frame.

    Raises:
        RequestError: one of them is not an origin.
    """

    def __init__(self, app: ASGIApp, *, frame_ancestors: Iterable[str] = ()) -> None:
        self._app = app
        origins = [_checked(origin) for origin in frame_ancestors]
        self._ancestors = " ".join(["frame-ancestors 'self'", *origins])
        self._framed_elsewhere = bool(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(self, scope["path"], send).send)

    def add_to(self, start: Message, path: str, page: bytes = b"") -> None:
        """Puts the headers on an answer. A stricter policy of its own stays; who may frame it is one rule for all.

        Args:
            start: its first message.
            path: what was asked.
            page: its body, if that is a page: its own scripts may run, and none that is put into it later.
        """
        headers = MutableHeaders(scope=start)
        own = headers.get(POLICY)
        if own is None:
            own = DATA_POLICY if path.startswith(DATA_PREFIXES) else PAGE_POLICY.format(scripts=_hashes(page))
        headers[POLICY] = f"{own}; {self._ancestors}"
        headers["X-Content-Type-Options"] = "nosniff"
        if not self._framed_elsewhere:  # it can't name a site
            headers["X-Frame-Options"] = "SAMEORIGIN"


class _Answer:
    """One answer on its way out. A page waits until it is whole, since its scripts' hashes are in its head."""

    def __init__(self, rules: SecurityHeaders, path: str, send: Send) -> None:
        self._rules = rules
        self._path = path
        self._send = send
        self._start: Message | None = None
        self._page = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _is_page(message):
                self._start = message
                return
            self._rules.add_to(message, self._path)
        elif message["type"] == "http.response.body" and self._start is not None:
            self._page += message.get("body", b"")
            if message.get("more_body", False) and len(self._page) <= MAX_PAGE_BYTES:
                return
            self._rules.add_to(self._start, self._path, bytes(self._page))
            await self._send(self._start)
            message = {**message, "body": bytes(self._page)}
            self._start = None
        await self._send(message)


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    return headers.get("content-type", "").startswith("text/html") and POLICY not in headers


def _hashes(page: bytes) -> str:
    """Returns the inline scripts of a page as a policy names them."""
    read = page.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # as a browser reads it
    digests = dict.fromkeys(hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(read))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _checked(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    if scheme not in DEFAULT_PORTS or parse_host(authority) is None:
        raise RequestError("access.bad_frame_ancestor", found=origin)
    return origin
