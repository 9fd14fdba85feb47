"""The id of each request: in the response header ``X-Request-ID``, and in every log line of the request.

A client or a proxy may send its own id in the same header; otherwise, or if that is not valid, a new one is made.
"""

import logging
import re
from contextvars import ContextVar
from typing import Any, Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import LOGGING_CONFIG

HEADER: Final = "X-Request-ID"
VALID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")  # nothing that could break a line of the log
REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("REQUEST_ID", default=None)
LOG_FORMAT: Final = "%(message)s%(request)s"


class RequestIds:
    """ASGI middleware, outside of all others.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(HEADER)
        request_id = given[0] if len(given) == 1 and VALID.fullmatch(given[0]) else uuid4().hex
        REQUEST_ID.set(request_id)  # not reset: uvicorn logs errors of the application in the same task afterwards

        async def identified_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, identified_send)


def configure_logging() -> dict[str, Any]:
    """Adds the id of the request to the log lines of this process, and returns uvicorn's configuration with it.

    Threads that work for a request have its context, and so do its log lines.
    """
    make_record = logging.getLogRecordFactory()

    def make_identified(*args: Any, **values: Any) -> logging.LogRecord:  # noqa: ANN401 - the library's
        record = make_record(*args, **values)
        request_id = REQUEST_ID.get()
        record.request = f" [request {request_id}]" if request_id is not None else ""
        return record

    logging.setLogRecordFactory(make_identified)
    if logging.lastResort is not None:  # writes the lines of this program to stderr
        logging.lastResort.setFormatter(logging.Formatter(LOG_FORMAT))
    formatters = {
        name: {**formatter, "fmt": f"{formatter['fmt']}%(request)s"}
        for name, formatter in LOGGING_CONFIG["formatters"].items()
    }
    return {**LOGGING_CONFIG, "formatters": formatters}
