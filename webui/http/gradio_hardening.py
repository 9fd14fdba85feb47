"""The routes of Gradio that are open: what the page and gradio_client ask for. Everything else is answered 404.

Some of the closed routes fetch a web address for the caller, resize an icon to any size, run ffmpeg on an upload or
write a session to the disk; others are tools of a developer. Uploads and files have routes of this program's own.
tests/surfaces/test_gradio_routes.py fails for a route of Gradio that is listed neither as open nor as closed.
"""

from collections.abc import Sequence
from typing import Final

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from webui.http.page_events import PageEvents, Refusing

PREFIX: Final = "/gradio_api"
PAGE: Final = ("/",)  # the only one that is asked for with HEAD too
READ: Final = (
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/robots.txt",
    "/manifest.json",
    "/pwa_icon/192",  # named by the manifest; Gradio would make it of any size
    "/pwa_icon/512",
    "/assets/{path:path}",
    "/static/{path:path}",
    f"{PREFIX}/info",
    f"{PREFIX}/app_id",  # a page that lost its connection asks whether the server is still the same
)
JOIN: Final = (f"{PREFIX}/queue/join", f"{PREFIX}/call/{{api_name}}")
RUN: Final = (f"{PREFIX}/run/{{api_name}}", f"{PREFIX}/cancel", f"{PREFIX}/reset")
READ_SESSION: Final = (f"{PREFIX}/queue/data",)
READ_EVENT: Final = (f"{PREFIX}/call/{{api_name}}/{{event_id}}",)
HEARTBEAT: Final = (f"{PREFIX}/heartbeat/{{session_hash}}",)


def open_routes(gradio: ASGIApp, events: PageEvents) -> Router:
    """Returns an application that passes requests for the open routes on to Gradio, and knows no other.

    A path is matched as Gradio matches it, by Starlette and after decoding, so that no spelling of a closed one passes.

    Args:
        gradio: Gradio's application.
        events: what events pass through on their way there.
    """
    return Router(
        [
            *_routes(PAGE, ("GET", "HEAD"), gradio),
            *_routes(READ, ("GET",), gradio),
            *_routes(JOIN, ("POST",), Refusing(events.join)),
            *_routes(RUN, ("POST",), Refusing(events.run)),
            *_routes(READ_SESSION, ("GET",), Refusing(events.read_session)),
            *_routes(READ_EVENT, ("GET",), Refusing(events.read_event)),
            *_routes(HEARTBEAT, ("GET",), Refusing(events.heartbeat)),
        ],
        redirect_slashes=False,
    )


def _routes(paths: Sequence[str], methods: Sequence[str], app: ASGIApp) -> list[Route]:
    return [Route(path, app, methods=methods) for path in paths]
