"""Access control: checks the host, the origin and the caller of every request, to the API and to the page alike."""

from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from webui.errors import ForbiddenRequestError, UnauthorizedError
from webui.http.forwarded import route_path
from webui.http.host import DEFAULT_PORTS, SHOWN, Host, OwnHosts, ip_address, parse_host, requested_host, site_of
from webui.http.problems import answer_error
from webui.http.sessions import Sessions
from webui.service.serving.keys import Accounts, KeyRing, read_accounts, read_keys
from webui.settings import Settings

COOKIE: Final = "speech-emotion-session"
LOGIN: Final = "/login"
OPEN_TO_ALL: Final = frozenset({"/healthz", "/readyz", LOGIN, "/favicon.ico"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OTHER_SITES: Final = frozenset({"cross-site", "same-site"})  # values of Sec-Fetch-Site for pages of other origins


class Access:
    """The access rules of one server.

    Args:
        settings: keys, logins, origins and hosts.

    Attributes:
        keys: the API keys.
        accounts: users with their passwords.
        sessions: the sessions of users who are logged in.
        restricted: whether callers need a key or a login.

    Raises:
        RequestError: a key, a login or a host in the settings is not valid.
    """

    def __init__(self, settings: Settings) -> None:
        self.keys: KeyRing = read_keys(settings.api_keys, settings.api_keys_file)
        self.accounts: Accounts = read_accounts(settings.login, settings.login_file)
        self.sessions = Sessions()
        self.restricted = is_restricted(settings)
        self._origins = frozenset(settings.cors_origins)
        self._own_hosts = OwnHosts(settings.allowed_hosts, loopback=is_loopback(settings.host))

    def caller_of(self, connection: HTTPConnection) -> str | None:
        """Returns a short name of the caller, from the key or the session; None if the request has neither."""
        key = key_in(connection)
        if key is not None and (name := self.keys.name_of(key)) is not None:
            return f"key:{name}"
        token = connection.cookies.get(COOKIE)
        return self.sessions.name_of(token) if token else None

    def check(self, request: Request) -> str | None:
        """Returns the caller's name; None if the request has no valid key or session and needs none.

        Raises:
            ForbiddenRequestError: the request comes from a page of another site, its Host header is not valid, or a
                server without access control is requested under a host name that isn't its own.
            UnauthorizedError: the request needs a key or a login.
        """
        host = requested_host(request.scope)
        # This prevents DNS rebinding. A restricted server does not need it: a page under the attacker's host name has
        # neither the cookie nor the key of a caller.
        if not self.restricted and host is not None and host not in self._own_hosts:
            raise ForbiddenRequestError("access.foreign_host", found=host.name[:SHOWN])
        if request.method not in SAFE_METHODS:
            self._check_origin(request, host)
        caller = self.caller_of(request)
        if self.restricted and caller is None and route_path(request.scope) not in OPEN_TO_ALL:
            raise UnauthorizedError("access.unauthorized")
        return caller

    def _check_origin(self, request: Request, host: Host | None) -> None:
        """Checks the headers in which a browser names the page that sends the request.

        A page of another site can't read the response, but it can send the request.

        Raises:
            ForbiddenRequestError: the page belongs to another site.
        """
        origins = request.headers.getlist("origin")
        if len(origins) == 1 and origins[0] in self._origins:
            return
        if any(not self._is_own_origin(origin, host, request.scope["scheme"]) for origin in origins):
            raise ForbiddenRequestError("access.foreign_origin", found=ascii(", ".join(origins))[:SHOWN])
        # Browsers send this header over https and to localhost only.
        if request.headers.get("sec-fetch-site") in OTHER_SITES:
            raise ForbiddenRequestError("access.cross_site")

    def _is_own_origin(self, origin: str, host: Host | None, scheme: str) -> bool:
        """Returns whether an origin is this server's own; the origin ``null`` never is.

        The default port depends on the scheme of the origin. An https page may send requests to an http server, since a
        proxy in front of the server may handle TLS.
        """
        origin_scheme, _, authority = origin.partition("://")
        page = parse_host(authority)
        if page is None or origin_scheme not in DEFAULT_PORTS or (scheme, origin_scheme) == ("https", "http"):
            return False
        default = DEFAULT_PORTS[origin_scheme]
        if host is not None and host.name == page.name and host.has_port(page.port or default, default):
            return True
        return self._own_hosts.is_allowed_origin(page, origin_scheme, host)


class AccessGuard:
    """ASGI middleware: applies the access rules to every request.

    Args:
        app: the application.
        access: the rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "websocket":  # not used by this application
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
    """Returns the redirect to the login page."""
    return RedirectResponse(request.scope.get("root_path", "") + LOGIN, 303, {"Cache-Control": "no-store"})


def is_restricted(settings: Settings) -> bool:
    """Returns whether callers need a key or a login; with an empty key file, every caller is refused."""
    return bool(settings.api_keys or settings.api_keys_file or settings.login or settings.login_file)


def caller_name(request: HTTPConnection) -> str:
    """Returns the name of a caller for counting: the key, the user, or else the IP address (for IPv6, its /64)."""
    named: str | None = getattr(request.state, "caller", None)
    return named or f"ip:{site_of(request.client.host) if request.client else ''}"


def page_user(request: HTTPConnection) -> str | None:
    """Returns the name that ``AccessGuard`` found; for Gradio's ``auth_dependency``."""
    named: str | None = getattr(request.state, "caller", None)
    return named


def key_in(connection: HTTPConnection) -> str | None:
    """Returns the API key in a request's ``Authorization`` or ``X-API-Key`` header."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    return connection.headers.get("x-api-key") or None


def is_loopback(host: str) -> bool:
    """Returns whether a server that listens on ``host`` can be reached from this machine only."""
    address = ip_address(host.strip("[]"))
    return address.is_loopback if address is not None else host == "localhost"
