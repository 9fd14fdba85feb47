"""From what a request gives to an audio file: an upload, base64, a path under an allowed folder, or an address."""

import base64
import binascii
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from webui.api.documents import RecognizeRequest
from webui.api.url_source import UrlSource
from webui.errors import ForbiddenPathError, RequestError
from webui.service import Progress, Stage
from webui.settings import Settings

SOURCES: Final = ("audio_path", "audio_url", "audio_base64")


Opened = Callable[[Progress], AbstractContextManager[Path | bytes]]


def source_of(asked: RecognizeRequest, settings: Settings, urls: UrlSource) -> Opened:
    """Returns what gives the audio that a JSON request names; only an address is work, and is left for later.

    Raises:
        RequestError: none or several are named, or base64 that isn't.
        ForbiddenRequestError: an address, and the setting is off.
        ForbiddenPathError: a path outside of the allowed folders.
    """
    url = asked.audio_url
    if url is None or asked.audio_path is not None or asked.audio_base64 is not None:
        return given(audio_of(asked, settings))
    urls.check_enabled()
    return lambda progress: urls.fetched(url, lambda: progress(0.0, Stage.VALIDATION))


def given(audio: Path | bytes) -> Opened:
    """Returns what gives audio that is already here."""
    return lambda _progress: nullcontext(audio)


def audio_of(asked: RecognizeRequest, settings: Settings) -> Path | bytes:
    """Returns the audio that a JSON request names by path or holds.

    Raises:
        RequestError: none or several are named, or base64 that isn't.
        ForbiddenPathError: a path outside of the allowed folders.
    """
    named = [name for name in SOURCES if getattr(asked, name) is not None]
    if len(named) != 1:
        raise RequestError("api.one_source", found=" + ".join(named) or "none")
    if asked.audio_base64 is not None:
        return _decode(asked.audio_base64)
    assert asked.audio_path is not None
    return allowed_path(asked.audio_path, settings.audio_roots)


def allowed_path(given: str, roots: tuple[Path, ...]) -> Path:
    """Returns the path that a caller names, if it lies under one of ``roots`` wherever links lead; it need not exist.

    Raises:
        ForbiddenPathError: there are no roots, or it lies elsewhere.
    """
    if not roots:
        raise ForbiddenPathError("api.no_audio_roots")
    if "\0" in given or not Path(given).is_absolute():
        raise ForbiddenPathError("api.outside_roots")
    try:
        path = Path(given).resolve()
        inside = any(path.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError) as err:  # a name too long; links in a circle
        raise ForbiddenPathError("api.outside_roots") from err
    if not inside:
        raise ForbiddenPathError("api.outside_roots")
    return path


def _decode(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as err:
        raise RequestError("api.bad_base64", reason=str(err)) from err
