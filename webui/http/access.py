"""Who may do what: one guard in front of the API, the page, its events, uploads and files alike."""

from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from webui.errors import ForbiddenRequestError, UnauthorizedError
from webui.http.host import DEFAULT_PORTS, SHOWN, Host, OwnHosts, ip_address, parse_host, requested_host, site_of
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

    Attributes:
        keys: the API keys.
        accounts: users with their passwords.
        sessions: who is logged in.
        restricted: whether callers have to say who they are.

    Raises:
        RequestError: a key, a login or a host in the settings makes no sense.
    """

    def __init__(self, settings: Settings) -> None:
        self.keys: KeyRing = read_keys(settings.api_keys, settings.api_keys_file)
        self.accounts: Accounts = read_accounts(settings.login, settings.login_file)
        self.sessions = Sessions()
        self.restricted = is_restricted(settings)
        self._origins = frozenset(settings.cors_origins)
        self._own_hosts = OwnHosts(settings.allowed_hosts, loopback=is_loopback(settings.host))

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
            ForbiddenRequestError: another site's page asks, the host makes no sense, or an open server is called by a
                name that isn't its own.
            UnauthorizedError: a key or a login is needed.
        """
        host = requested_host(request.scope)
        # Where callers have to say who they are, a page on a name of its own has neither their cookie nor their key.
        if not self.restricted and host is not None and host not in self._own_hosts:
            raise ForbiddenRequestError("access.foreign_host", found=host.name[:SHOWN])
        if request.method not in SAFE_METHODS:
            self._check_origin(request, host)
        caller = self.caller_of(request)
        if self.restricted and caller is None and request.scope["path"] not in OPEN_TO_ALL:
            raise UnauthorizedError("access.unauthorized")
        return caller

    def _check_origin(self, request: Request, host: Host | None) -> None:
        """Looks at what a browser says of the page that sends it.

        A page of another site can't read the answer, but it can cause the request.

        Raises:
            ForbiddenRequestError: it is another site's.
        """
        origins = request.headers.getlist("origin")
        if len(origins) == 1 and origins[0] in self._origins:
            return
        if any(not self._is_own_origin(origin, host, request.scope["scheme"]) for origin in origins):
            raise ForbiddenRequestError("access.foreign_origin", found=ascii(", ".join(origins))[:SHOWN])
        # Browsers leave it out on plain http, but to localhost.
        if request.headers.get("sec-fetch-site") in OTHER_SITES:
            raise ForbiddenRequestError("access.cross_site")

    def _is_own_origin(self, origin: str, host: Host | None, scheme: str) -> bool:
        """Whether an origin is the address that the request asks. ``null`` is none.

        The origin's scheme decides what an absent port means, and an https page may ask a server that speaks http: a
        proxy in front of it speaks TLS.
        """
        claimed, _, authority = origin.partition("://")
        page = parse_host(authority)
        if page is None or claimed not in DEFAULT_PORTS or (scheme, claimed) == ("https", "http"):
            return False
        default = DEFAULT_PORTS[claimed]
        if host is not None and host.name == page.name and host.has_port(page.port or default, default):
            return True
        return self._own_hosts.is_allowed_origin(page, claimed, host)


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
            return to_login(request)
        return await answer_error(request, error)


def to_login(request: HTTPConnection) -> RedirectResponse:
    """Returns the answer that sends a browser to the login."""
    return RedirectResponse(request.scope.get("root_path", "") + LOGIN, 303, {"Cache-Control": "no-store"})


def is_restricted(settings: Settings) -> bool:
    """Returns whether callers have to say who they are. An empty file of keys lets nobody in; it opens no server."""
    return bool(settings.api_keys or settings.api_keys_file or settings.login or settings.login_file)


def caller_name(request: HTTPConnection) -> str:
    """Returns who asks, for counting: a key, a user, or else an address (of IPv6, a site's)."""
    named: str | None = getattr(request.state, "caller", None)
    return named or f"ip:{site_of(request.client.host) if request.client else ''}"


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
    address = ip_address(host.strip("[]"))
    return address.is_loopback if address is not None else host == "localhost"
