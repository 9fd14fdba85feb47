"""Reverse proxies in front of the server: the path under which it is published, and the headers that they add.

Gradio reads ``X-Forwarded-Host`` and ``X-Forwarded-Proto`` of any client, so the headers are removed here unless a
trusted proxy sent them.
"""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from webui.errors import RequestError

PREFIX: Final = re.compile(r"/[A-Za-z0-9._~/-]*")  # a prefix becomes part of redirects and of the page's scripts
MAX_PREFIX: Final = 200
PUBLISHED_AT: Final[ContextVar[str]] = ContextVar("PUBLISHED_AT", default="")  # prefix of the request being served
DOT_SEGMENTS: Final = frozenset({".", ".."})
FORWARDED_HOST: Final = b"x-forwarded-host"
FORWARDED_PREFIX: Final = b"x-forwarded-prefix"
FROM_PROXIES: Final = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", FORWARDED_HOST, FORWARDED_PREFIX, b"x-gradio-server"}
)
APPLIED_HERE: Final = frozenset({FORWARDED_HOST, FORWARDED_PREFIX, b"x-gradio-server"})


class ForwardedRequests:
    """ASGI middleware, outside of all others: restores what a proxy has changed about a request.

    A proxy may remove the prefix from the path or leave it in; both work, and so do direct requests without it.
    Afterwards ``path`` begins with ``root_path``, as the ASGI specification requires.

    Args:
        app: the application.
        base_path: the path under which a proxy publishes the server; "" for the root.
        trusted: addresses and networks of the proxies whose headers are used.

    Raises:
        RequestError: ``base_path`` is not valid.
    """

    def __init__(self, app: ASGIApp, *, base_path: str, trusted: Iterable[str]) -> None:
        found = prefix_in(base_path) if base_path else ""
        if found is None:
            raise RequestError("access.bad_base_path", found=base_path)
        self._app = app
        self._base_path = found
        # Sets the address of the client and the scheme.
        self._proxied = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        trusted = client is not None and client[0] in self._proxied.trusted_hosts
        prefix = self._base_path
        removed = APPLIED_HERE if trusted else FROM_PROXIES
        headers = [(name, value) for name, value in scope["headers"] if name not in removed]
        if trusted:
            header = _last_of(scope, FORWARDED_PREFIX)
            forwarded = prefix_in(header) if header else None
            prefix = prefix if forwarded is None else forwarded
            if host := _last_of(scope, FORWARDED_HOST):
                headers = [(name, value) for name, value in headers if name != b"host"]
                headers.append((b"host", host.encode("latin-1")))
        scope = {**scope, "headers": headers}
        if prefix and scope["path"] == prefix:
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{prefix}/{'?' if query else ''}{query}", 307)(scope, receive, send)
            return
        _set_prefix(scope, prefix)
        await (self._proxied if trusted else self._app)(scope, receive, send)  # type: ignore[arg-type]


def prefix_in(text: str) -> str | None:
    """Returns a path prefix without its final slash, "" for the root; None if it is not valid."""
    if PREFIX.fullmatch(text) is None or "//" in text or len(text) > MAX_PREFIX:
        return None
    return None if DOT_SEGMENTS & set(text.split("/")) else text.removesuffix("/")


def route_path(scope: Scope) -> str:
    """Returns the path of a request without the prefix of the proxy."""
    path: str = scope["path"]
    prefix: str = scope.get("root_path", "")
    return path.removeprefix(prefix)


def _set_prefix(scope: Scope, prefix: str) -> None:
    if not prefix:
        return
    scope["root_path"] = prefix
    PUBLISHED_AT.set(prefix)
    if not scope["path"].startswith(f"{prefix}/"):
        scope["path"] = prefix + scope["path"]
        scope["raw_path"] = prefix.encode("ascii") + scope.get("raw_path", b"")


def _last_of(scope: Scope, wanted: bytes) -> str:
    """Returns the last value of a header that may be a list: the only one that the nearest proxy itself has added."""
    values = [value for name, value in scope["headers"] if name == wanted]
    return b",".join(values).decode("latin-1").rpartition(",")[2].strip()
