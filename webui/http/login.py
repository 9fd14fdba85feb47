"""The login page, without scripts or external files. A user logs in with a password or an API key."""

from html import escape
from typing import Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from webui.errors import AudioTooLongError, TooOftenError
from webui.http.access import COOKIE, LOGIN, Access, caller_name, to_login
from webui.http.page_icon import ICON
from webui.http.problems import language_of
from webui.http.sessions import SESSION_S, FailureLimit
from webui.texts import Language, text
from webui.units import BYTES_PER_MB

LOGOUT: Final = "/logout"
MAX_FORM_BYTES: Final = 8192
HASHING_THREADS: Final = 2  # hashing one password takes 16 MB and 50 ms of a core
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send the form with `Origin: null`
}
STYLE: Final = (
    ":root{color-scheme:light dark}body{font-family:system-ui,sans-serif;display:grid;place-items:center}"
    "form{display:grid;gap:.75rem;width:min(22rem,90vw)}label{display:grid;gap:.25rem}"
    "input,button{font:inherit;padding:.5rem}p{margin:0}"
)


class LoginPage:
    """``/login`` and ``/logout``.

    Args:
        access: keys, accounts and sessions.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._failures = FailureLimit()
        self._hashing = anyio.CapacityLimiter(HASHING_THREADS)
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route(LOGIN, self.show, methods=["GET"])
        self.router.add_api_route(LOGIN, self.enter, methods=["POST"], dependencies=[Depends(_is_small)])
        self.router.add_api_route(LOGOUT, self.confirm_leaving, methods=["GET"])
        self.router.add_api_route(LOGOUT, self.leave, methods=["POST"])

    def show(self, request: Request) -> Response:
        """Shows the form; redirects to the page if no login is needed or the user is logged in already."""
        if not self._access.restricted or self._access.caller_of(request) is not None:
            return RedirectResponse(_home(request), 303)
        return self._page(request)

    async def enter(self, request: Request) -> Response:
        """Begins a session, or shows the form again."""
        async with request.form(max_files=0, max_fields=3) as form:
            given = {name: value for name, value in form.items() if isinstance(value, str)}
        key = given.get("key", "").strip()
        account = "" if key else given.get("user", "").strip()
        caller = caller_name(request)
        try:
            self._failures.check(caller, account)
        except TooOftenError as error:
            headers = {"Retry-After": str(error.values["retry_s"])}
            return self._page(request, error.message(language_of(request)), 429, headers)
        name = await self._caller_of(key, account, given.get("password", ""))
        if name is None:
            return self._page(request, text("access.login_failed", language_of(request)), 401)
        self._failures.succeeded(caller, account)
        response = RedirectResponse(_home(request), 303, {"Cache-Control": "no-store"})
        response.set_cookie(
            COOKIE, self._access.sessions.begin(name), max_age=int(SESSION_S), httponly=True, samesite="lax",
            secure=_is_secure(request), path=_home(request),
        )  # fmt: skip
        return response

    def confirm_leaving(self, request: Request) -> Response:
        """Shows a button, since a page of another site can make the browser open this address but can't press it."""
        if self._access.caller_of(request) is None:
            return to_login(request)
        return _form(language_of(request), "access.logout_title", "access.logout_button")

    def leave(self, request: Request) -> Response:
        """Ends the session."""
        self._access.sessions.end(request.cookies.get(COOKIE, ""))
        response = to_login(request)
        response.delete_cookie(COOKIE, path=_home(request))
        return response

    async def _caller_of(self, key: str, account: str, password: str) -> str | None:
        if key:
            name = self._access.keys.name_of(key)
            return f"key:{name}" if name is not None else None
        matches = await run_sync(self._access.accounts.fit, account, password, limiter=self._hashing)
        return f"user:{account}" if matches else None

    def _page(
        self, request: Request, message: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> HTMLResponse:
        language = language_of(request)
        fields = []
        if self._access.accounts:
            fields += [
                _field(language, "access.login_user", "user", "text", "username"),
                _field(language, "access.login_password", "password", "password", "current-password"),
            ]
        if self._access.keys:
            fields.append(_field(language, "access.login_key", "key", "password", "off"))
        shown = f'<p role="alert">{escape(message)}</p>' if message else ""
        content = shown + "".join(fields)
        return _form(language, "access.login_title", "access.login_button", content, status, headers)


def _form(
    language: Language,
    title_key: str,
    button_key: str,
    content: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Returns a page with a form that is sent to the page's own address."""
    title, button = (escape(text(key, language)) for key in (title_key, button_key))
    body = (
        f'<!doctype html><html lang="{language.value}"><head><meta charset="utf-8">{ICON}'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>'
        f'<body><main><form method="post"><h1>{title}</h1>{content}'
        f"<button>{button}</button></form></main></body></html>"
    )
    return HTMLResponse(body, status, HEADERS | (headers or {}))


def _field(language: Language, key: str, name: str, kind: str, complete: str) -> str:
    label = escape(text(key, language))
    return f'<label>{label}<input name="{name}" type="{kind}" autocomplete="{complete}"></label>'


def _home(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root + "/"


def _is_secure(request: Request) -> bool:
    """Returns whether the browser uses https, to the server or, by the origin, to a proxy in front of it."""
    return request.scope["scheme"] == "https" or request.headers.get("origin", "").startswith("https://")


def _is_small(request: Request) -> None:
    """Refuses a form too large for a login before it is read."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_FORM_BYTES:
        raise AudioTooLongError("api.too_large", expected_mb=MAX_FORM_BYTES / BYTES_PER_MB)
