"""Passes only those requests to Gradio that the page and gradio_client send; all other routes of Gradio answer 404.

Some of the closed routes fetch a URL for the caller, resize an icon to any size, run ffmpeg on an upload or write a
session to the disk; others are developer tools. Uploads and downloads have routes in ``webui/ui/page_files.py``.
tests/surfaces/test_gradio_routes.py fails for a route of Gradio that is listed neither as open nor as closed.
"""

from collections.abc import Sequence
from typing import Final

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from webui.http.page_events import ErrorResponses, PageEvents
from webui.http.page_icon import PageIcon

PREFIX: Final = "/gradio_api"
PAGE: Final = ("/",)  # the only one that also takes HEAD requests
READ: Final = (
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/robots.txt",
    "/manifest.json",
    "/pwa_icon/192",  # the two sizes in the manifest; Gradio would resize the icon to any size
    "/pwa_icon/512",
    "/assets/{path:path}",
    "/static/{path:path}",
    f"{PREFIX}/info",
    f"{PREFIX}/app_id",  # a page that reconnects checks whether the server has been restarted
)
JOIN: Final = (f"{PREFIX}/queue/join", f"{PREFIX}/call/{{api_name}}")
RUN: Final = (f"{PREFIX}/run/{{api_name}}", f"{PREFIX}/cancel", f"{PREFIX}/reset")
READ_SESSION: Final = (f"{PREFIX}/queue/data",)
READ_EVENT: Final = (f"{PREFIX}/call/{{api_name}}/{{event_id}}",)
HEARTBEAT: Final = (f"{PREFIX}/heartbeat/{{session_hash}}",)


def open_routes(gradio: ASGIApp, events: PageEvents) -> Router:
    """Returns an application that passes requests for the open routes on to Gradio, and answers 404 to all others.

    Paths are matched as in Gradio, by Starlette and after decoding, so that no other spelling opens a closed route.

    Args:
        gradio: Gradio's application.
        events: checks and counts events before Gradio gets them.
    """
    return Router(
        [
            *_routes(PAGE, ("GET", "HEAD"), PageIcon(gradio)),
            *_routes(READ, ("GET",), gradio),
            *_routes(JOIN, ("POST",), ErrorResponses(events.join)),
            *_routes(RUN, ("POST",), ErrorResponses(events.run)),
            *_routes(READ_SESSION, ("GET",), ErrorResponses(events.read_session)),
            *_routes(READ_EVENT, ("GET",), ErrorResponses(events.read_event)),
            *_routes(HEARTBEAT, ("GET",), ErrorResponses(events.heartbeat)),
        ],
        redirect_slashes=False,
    )


def _routes(paths: Sequence[str], methods: Sequence[str], app: ASGIApp) -> list[Route]:
    return [Route(path, app, methods=methods) for path in paths]
