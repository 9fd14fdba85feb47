"""Fetches audio from a caller's URL without giving the caller access to the server's own network.

``guarded_connections`` checks the address of every connection, also after a redirect.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import httpcore
import httpx

from webui.api.guarded_connections import guarded_pool, parsed, step_timeouts, target_of
from webui.api.url_addresses import AddressRule, Resolver, resolve
from webui.errors import AudioFetchError, AudioTooLongError, ForbiddenRequestError, OutputError
from webui.settings import Settings
from webui.units import BYTES_PER_MB

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS: Final = 5
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
                self._follow(parsed(url), file, until, on_block)
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

    def _follow(self, url: httpx.URL, file: IO[bytes], until: float, on_block: Callable[[], None]) -> None:
        with guarded_pool(self._rule, self._resolver, until) as pool:
            for _ in range(MAX_REDIRECTS + 1):
                headers = [(b"Host", url.netloc), *HEADERS]
                with pool.stream("GET", target_of(url), headers=headers, extensions=step_timeouts()) as response:
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


def file_name_of(url: str) -> str:
    """Returns the last part of a URL's path."""
    try:
        return httpx.URL(url).path.rsplit("/", 1)[-1]
    except (httpx.InvalidURL, ValueError):
        return ""


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)
