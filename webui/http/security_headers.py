"""Security headers: what a page of this server may load and run, and which sites may show it in a frame."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.errors import RequestError
from webui.http.forwarded import route_path
from webui.http.host import DEFAULT_PORTS, parse_host

POLICY: Final = "content-security-policy"
# Paths of data: results, uploads, events. If a browser shows such a file as a page, it runs nothing in it.
DATA_PREFIXES: Final = ("/api/", "/gradio_api/")
DATA_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; sandbox"
# 'unsafe-eval': Gradio compiles the `js` of its events from strings. 'unsafe-inline': its components set inline styles.
# data: for icons in its style sheets; blob: for a recording that its player reads and plays.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; media-src 'self' blob:; connect-src 'self' blob:; worker-src 'none'; "
    "manifest-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
MAX_PAGE_BYTES: Final = 4_000_000


class SecurityHeaders:
    """ASGI middleware, outside of all others, so that their error responses get the headers too.

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
        await self._app(scope, receive, _Response(self, route_path(scope), send).send)

    def add_to(self, start: Message, path: str, page: bytes = b"") -> None:
        """Adds the headers to a response. A policy that the response has already stays; the rule for frames is added.

        Args:
            start: the first ASGI message of the response.
            path: path of the request.
            page: the body, if it is a page: its inline scripts are allowed by their hashes.
        """
        headers = MutableHeaders(scope=start)
        own = headers.get(POLICY)
        if own is None:
            own = DATA_POLICY if path.startswith(DATA_PREFIXES) else PAGE_POLICY.format(scripts=_hashes(page))
        headers[POLICY] = f"{own}; {self._ancestors}"
        headers["X-Content-Type-Options"] = "nosniff"
        if not self._framed_elsewhere:  # this header can't allow particular sites
            headers["X-Frame-Options"] = "SAMEORIGIN"


class _Response:
    """Sends one response. A page is held back until it is complete, since the headers contain hashes of its scripts."""

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
    """Returns the hashes of a page's inline scripts, as part of a policy."""
    normalized = page.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # as browsers do before they hash a script
    digests = dict.fromkeys(hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(normalized))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _checked(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    if scheme not in DEFAULT_PORTS or parse_host(authority) is None:
        raise RequestError("access.bad_frame_ancestor", found=origin)
    return origin
