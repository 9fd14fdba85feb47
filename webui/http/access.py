"""Who may do what: one door in front of the API, the page, its events, uploads and files alike."""

import ipaddress
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from webui.errors import ForbiddenRequestError, UnauthorizedError
from webui.http.problems import answer_error
from webui.http.sessions import Sessions
from webui.service.serving.keys import Accounts, KeyRing, read_accounts, read_keys
from webui.settings import Settings

COOKIE: Final = "speech-emotion-session"
LOGIN: Final = "/login"
OPEN_TO_ALL: Final = frozenset({"/healthz", "/readyz", LOGIN, "/favicon.ico"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OTHER_SITES: Final = frozenset({"cross-site", "same-site"})  # what a browser says of a page of another origin


class Access:
    """The rules of one server.

    Args:
        settings: keys, logins, origins and hosts.

    Raises:
        RequestError: a key or a login in the settings makes no sense.
    """

    def __init__(self, settings: Settings) -> None:
        self.keys: KeyRing = read_keys(settings.api_keys, settings.api_keys_file)
        self.accounts: Accounts = read_accounts(settings.login, settings.login_file)
        self.sessions = Sessions()
        self._configured = bool(
            settings.api_keys or settings.api_keys_file or settings.login or settings.login_file
        )  # an empty file of keys lets nobody in; it does not open the server
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        self._checks_host = not self._configured and is_loopback(settings.host)

    @property
    def restricted(self) -> bool:
        """Whether callers have to say who they are."""
        return self._configured

    def caller_of(self, connection: HTTPConnection) -> str | None:
        """Returns a short name of who asks, by key or by session; None for somebody unknown."""
        key = key_in(connection)
        if key is not None and (name := self.keys.name_of(key)) is not None:
            return f"key:{name}"
        token = connection.cookies.get(COOKIE)
        return self.sessions.name_of(token) if token else None

    def check(self, request: Request) -> str | None:
        """Returns the caller's name, None where nobody has to give one.

        Raises:
            ForbiddenRequestError: another site's page asks, or the server is called by a name that isn't its own.
            UnauthorizedError: a key or a login is needed.
        """
        if self._checks_host and not self._is_own_name(request):
            raise ForbiddenRequestError("access.foreign_host", found=request.url.hostname or "")
        if request.method not in SAFE_METHODS and self._is_from_elsewhere(request):
            raise ForbiddenRequestError("access.cross_site")
        caller = self.caller_of(request)
        if self.restricted and caller is None and request.url.path not in OPEN_TO_ALL:
            raise UnauthorizedError("access.unauthorized")
        return caller

    def _is_from_elsewhere(self, request: Request) -> bool:
        """Whether a browser sends it for a page of another site, which could not read the answer but cause it."""
        if request.headers.get("sec-fetch-site") not in OTHER_SITES:
            return False
        return request.headers.get("origin") not in self._origins

    def _is_own_name(self, request: Request) -> bool:
        """Whether it is a name that no stranger's DNS can give to this machine, to let a page of theirs in."""
        name = (request.url.hostname or "localhost").lower()
        return "." not in name or name in self._hosts or name.endswith(".localhost") or _address(name) is not None


class AccessGuard:
    """ASGI middleware: applies the rules to every request, whoever answers it.

    Args:
        app: the application.
        access: the rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            request = Request(scope)
            try:
                scope.setdefault("state", {})["caller"] = self._access.check(request)
            except (ForbiddenRequestError, UnauthorizedError) as error:
                response = await self._refusal(request, error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, request: Request, error: Exception) -> Response:
        wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if isinstance(error, UnauthorizedError) and wants_page:
            return RedirectResponse(request.scope.get("root_path", "") + LOGIN, 303, {"Cache-Control": "no-store"})
        return await answer_error(request, error)


def caller_name(request: HTTPConnection) -> str:
    """Returns who asks, for counting: a key, a user, or else an address."""
    named: str | None = getattr(request.state, "caller", None)
    return named or f"ip:{request.client.host if request.client else ''}"


def page_user(request: HTTPConnection) -> str | None:
    """Gradio's ``auth_dependency``: the name that ``AccessGuard`` found."""
    named: str | None = getattr(request.state, "caller", None)
    return named


def key_in(connection: HTTPConnection) -> str | None:
    """Returns the API key that a request gives in either header."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    return connection.headers.get("x-api-key") or None


def is_loopback(host: str) -> bool:
    """Returns whether a server that listens on ``host`` can be reached from this machine alone."""
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
