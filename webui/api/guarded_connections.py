"""Connections to addresses that callers name, without giving them access to the server's own network.

A host name is resolved once, every address it has is checked, and the connection goes to a checked address, so it makes
no difference if the name resolves to something else later. The name itself is still used for the Host header, for TLS
and for checking the certificate. Proxies, cookies and passwords of the environment are not used.
"""

import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import httpcore
import httpx

from webui.api.url_addresses import AddressRule, Resolver
from webui.errors import ForbiddenRequestError, RequestError

SCHEMES: Final = ("http", "https")
STEP_S: Final = 10.0  # longest time without any data from the other server


def guarded_pool(rule: AddressRule, resolver: Resolver, until: float) -> httpcore.ConnectionPool:
    """Returns a pool with one connection at a time, to allowed addresses only.

    Args:
        rule: decides which addresses are allowed.
        resolver: returns the addresses of a host name.
        until: time by ``time.monotonic`` at which every connection ends, in seconds.
    """
    backend = _Backend(rule, resolver, until)
    return httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, max_connections=1)


def target_of(url: httpx.URL) -> httpcore.URL:
    """Returns a URL in the form of httpcore."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/")


def step_timeouts() -> dict[str, Any]:
    """Returns the ``extensions`` of a request that limit the time of each step."""
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)}


def parsed(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """Returns a URL in its parts.

    Args:
        url: the URL; it may be relative if there is a ``base``.
        base: the URL that redirected to ``url``.

    Raises:
        RequestError: it is not a URL.
        ForbiddenRequestError: its scheme is neither http nor https, or it contains a user name or a password.
    """
    try:
        found = httpx.URL(url) if base is None else base.join(url)
    except (httpx.InvalidURL, ValueError, UnicodeError) as err:
        raise RequestError("api.bad_url") from err
    if found.scheme not in SCHEMES or found.userinfo:
        raise ForbiddenRequestError("api.url_refused")
    if not found.raw_host:
        raise RequestError("api.bad_url")
    return found


class _Backend(httpcore.NetworkBackend):
    """Opens connections to checked addresses only, and limits the time that each may take."""

    def __init__(self, rule: AddressRule, resolver: Resolver, until: float) -> None:
        self._rule = rule
        self._resolver = resolver
        self._until = until
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to one of the host's addresses, if all of them are allowed."""
        try:
            addresses = self._resolver(host, port)
        except (OSError, UnicodeError) as err:  # the same error as a refusal, to hide which names exist
            raise ForbiddenRequestError("api.url_refused") from err
        if not addresses or not all(self._rule.allows(address) for address in addresses):
            raise ForbiddenRequestError("api.url_refused")
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, timeout)
            except httpcore.ConnectError:
                continue
        return self._connect(addresses[-1], port, timeout)

    def _connect(self, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.connect_tcp(address, port, _step_timeout(self._until, timeout)), self._until)


class _TimedStream(httpcore.NetworkStream):
    """A connection with a limit on the total time, however slowly the other server sends."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _step_timeout(self._until, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _step_timeout(self._until, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, _step_timeout(self._until, timeout))
        return _TimedStream(secured, self._until)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's
        return self._inner.get_extra_info(info)


def _step_timeout(until: float, timeout: float | None) -> float:
    """Returns how long one step may take, in seconds.

    Raises:
        TimeoutError: no time is left.
    """
    remaining = until - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return min(remaining, timeout if timeout is not None else STEP_S)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
