"""Fetches audio from a caller's URL without giving the caller access to the server's own network.

A host name is resolved once, every address it has is checked, and the connection goes to a checked address, so it makes
no difference if the name resolves to something else later. The name itself is still used for the Host header, for TLS
and for checking the certificate. Each redirect is checked in the same way. Proxies, cookies and passwords of the
environment are not used.
"""

import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import httpcore
import httpx

from webui.api.url_addresses import AddressRule, Resolver, resolve
from webui.errors import AudioFetchError, AudioTooLongError, ForbiddenRequestError, OutputError, RequestError
from webui.settings import Settings
from webui.units import BYTES_PER_MB

SCHEMES: Final = ("http", "https")
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS: Final = 5
STEP_S: Final = 10.0  # longest time without any data from the other server
OK: Final = 200
HEADERS: Final = [(b"User-Agent", b"speech-emotion-webui"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]


class UrlSource:
    """Fetches audio into a temporary file.

    Args:
        settings: whether URLs are allowed, the networks that are allowed in addition to public ones, and the limits of
            size and time.
        resolver: returns the addresses of a host name; by default the system's resolver.
    """

    def __init__(self, settings: Settings, resolver: Resolver = resolve) -> None:
        self._enabled = settings.audio_urls
        self._rule = AddressRule(settings.audio_url_networks)
        self._max_mb = settings.max_audio_mb
        self._limit_s = settings.audio_url_s
        self._resolver = resolver

    @contextmanager
    def fetched(self, url: str, on_block: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """Yields the audio at ``url`` as a file, which is deleted at the end of the block.

        Args:
            url: http or https.
            on_block: called for each block that arrives; may raise to stop the transfer.

        Raises:
            ForbiddenRequestError: the setting for URLs is off, or the URL leads to an address that is not allowed.
            RequestError: ``url`` is not a URL.
            AudioFetchError: the other server does not deliver the audio.
            AudioTooLongError: the audio is too large.
            OutputError: the temporary file can't be written.
        """
        self.check_enabled()
        until = time.monotonic() + self._limit_s
        with tempfile.NamedTemporaryFile(prefix="speech-emotion-url-") as file:
            try:
                self._follow(parsed(url), file, _Backend(self._rule, self._resolver, until), on_block)
                file.flush()
            except (httpcore.TimeoutException, TimeoutError) as err:
                raise AudioFetchError("api.url_too_slow", limit_s=self._limit_s) from err
            except (httpcore.NetworkError, httpcore.ProtocolError) as err:
                raise AudioFetchError("api.url_unreachable") from err
            except OSError as err:  # network errors have classes of the library, so this one comes from the disk
                folder, reason = tempfile.gettempdir(), err.strerror or str(err)
                raise OutputError("storage.not_writable", folder=folder, reason=reason) from err
            yield Path(file.name)

    def check_enabled(self) -> None:
        """Raises ForbiddenRequestError if the setting for URLs is off."""
        if not self._enabled:
            raise ForbiddenRequestError("api.no_audio_urls")

    def _follow(self, url: httpx.URL, file: IO[bytes], backend: "_Backend", on_block: Callable[[], None]) -> None:
        with httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, max_connections=1) as pool:
            for _ in range(MAX_REDIRECTS + 1):
                target = httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/"
                )
                timeouts = dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)
                headers = [(b"Host", url.netloc), *HEADERS]
                with pool.stream("GET", target, headers=headers, extensions={"timeout": timeouts}) as response:
                    location = _header(response, b"location")
                    if response.status in REDIRECTS and location is not None:
                        url = parsed(location, base=url)
                        continue
                    if response.status != OK:
                        raise AudioFetchError("api.url_status", found=response.status)
                    self._save(response, file, on_block)
                    return
        raise AudioFetchError("api.url_redirects", expected=MAX_REDIRECTS)

    def _save(self, response: httpcore.Response, file: IO[bytes], on_block: Callable[[], None]) -> None:
        limit = int(self._max_mb * BYTES_PER_MB)
        announced = _header(response, b"content-length") or "0"
        arrived = int(announced) if announced.isdigit() else 0
        if arrived > limit:
            raise AudioTooLongError("api.too_large", expected_mb=self._max_mb)
        arrived = 0
        for block in response.iter_stream():
            on_block()
            arrived += len(block)
            if arrived > limit:
                raise AudioTooLongError("api.too_large", expected_mb=self._max_mb)
            file.write(block)


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


def file_name_of(url: str) -> str:
    """Returns the last part of a URL's path."""
    try:
        return httpx.URL(url).path.rsplit("/", 1)[-1]
    except (httpx.InvalidURL, ValueError):
        return ""


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


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
