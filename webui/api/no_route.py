"""Answers requests under /api that match no route; otherwise Gradio would answer them with the page."""

from typing import Any, Final

from fastapi import HTTPException
from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from webui.http.forwarded import route_path
from webui.http.problems import language_of
from webui.texts import text

SHOWN: Final = 80  # characters of a path in an error


class NoRoute:
    """ASGI application for every method: a route of FastAPI would be limited to the methods that it lists."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Refuses one request.

        Raises:
            HTTPException: 405 with the methods of the path in `Allow`, or 404 if there is no such path.
        """
        request, path = Request(scope), route_path(scope)
        described: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
        matching = [methods for pattern, methods in described.items() if compile_path(pattern)[0].match(path)]
        methods = {method.upper() for operations in matching for method in operations}
        language = language_of(request)
        if methods:
            allowed = ", ".join(sorted(methods))
            detail = text("api.no_method", language, found=request.method[:SHOWN], expected=allowed)
            raise HTTPException(405, detail, {"Allow": allowed})
        raise HTTPException(404, text("api.no_route", language, found=path[:SHOWN]))
