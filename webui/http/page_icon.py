"""The icon of the page, by an address relative to the page.

Without a link, browsers look for an icon at the root of the host, which behind a proxy may be another server's.
Gradio's page links a manifest there, which does not exist unless the page can be installed as an app.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ICON: Final = '<link rel="icon" href="favicon.ico">'
MANIFEST: Final = b'<link rel="manifest" href="/manifest.json" />'


class PageIcon:
    """ASGI application: replaces the link to the manifest in another application's page by one to the icon.

    Args:
        app: the other application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        held: list[Message] = []
        page = bytearray()

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            page.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = bytes(page).replace(MANIFEST, ICON.encode())
            headers = MutableHeaders(scope=held[0])
            if "content-length" in headers and body:
                headers["content-length"] = str(len(body))
            await send(held[0])
            await send({**message, "body": body})

        await self._app(scope, receive, complete)
