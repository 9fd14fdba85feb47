"""Refuses requests that two parsers may read differently, before any rule is applied to them."""

import unicodedata
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from webui.errors import MalformedRequestError
from webui.http.problems import answer_error

CONTROL: Final = "Cc"  # Unicode's category: U+0000-001F, U+007F-009F


class MalformedRequests:
    """ASGI middleware: answers 400 to a control character in the path, and to two headers for the length of the body.

    A route's pattern ends in ``$``, which also matches before a newline: ``/upload%0A`` reaches the route ``/upload``
    and passes a rule that compares the path as a string. With both Content-Length and Transfer-Encoding, the server
    uses the latter, while a proxy or a rule may use the former.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http":
            try:
                _check(scope)
            except MalformedRequestError as error:
                response = await answer_error(Request(scope), error)
                response.headers["Connection"] = "close"  # the end of the body is ambiguous
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check(scope: Scope) -> None:
    path = scope["path"] + scope.get("raw_path", b"").decode("latin-1")
    found = next((character for character in path if unicodedata.category(character) == CONTROL), None)
    if found is not None:
        raise MalformedRequestError("request.control_character", found=f"U+{ord(found):04X}")
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise MalformedRequestError("request.two_lengths")
