"""Counts and times every request to the API and to the page."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.service.serving.metrics import Metrics

KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN: Final = "other"  # one label for all unknown routes and methods, so that their number stays bounded


class RequestMetrics:
    """ASGI middleware.

    Args:
        app: the application.
        metrics: the metrics that are updated.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        finally:
            method = scope["method"] if scope["method"] in KNOWN_METHODS else UNKNOWN
            self._metrics.answered(method, _route(scope), status, time.perf_counter() - begun)


def _route(scope: Scope) -> str:
    """Returns the pattern of the route that handled the request, so that ids in paths don't become labels."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else UNKNOWN
