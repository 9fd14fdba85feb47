"""From what a request gives to an audio file: an upload, base64, a path under an allowed folder, or an address."""

import base64
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


DECODE_SIGNS: Final = 1 << 20  # of base64 at a time, a multiple of 4; between two, other threads have their turn

Opened = Callable[[Progress], AbstractContextManager[Path | bytes]]


def source_of(body: RecognizeRequest, settings: Settings, urls: UrlSource) -> Opened:
    """Returns what gives the audio that a JSON request names. To fetch or decode it is work, and is left for later.

    Raises:
        RequestError: none or several are named.
        ForbiddenRequestError: an address, and the setting is off.
        ForbiddenPathError: a path outside of the allowed folders.
    """
    named = [name for name in SOURCES if getattr(body, name) is not None]
    if len(named) != 1:
        raise RequestError("api.one_source", found=" + ".join(named) or "none")
    url, encoded = body.audio_url, body.audio_base64
    if url is not None:
        urls.check_enabled()
        return lambda progress: urls.fetched(url, lambda: progress(0.0, Stage.VALIDATION))
    if encoded is not None:
        return lambda _progress: nullcontext(decoded(encoded))
    assert body.audio_path is not None
    path = allowed_path(body.audio_path, settings.audio_roots)
    return lambda _progress: nullcontext(path)


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


def decoded(given: str) -> bytes:
    """Returns what base64 says, decoded in pieces: a body of 100 MB would else hold up every other thread for a second.

    Raises:
        RequestError: it is no base64.
    """
    pieces: list[bytes] = []
    try:
        for start in range(0, len(given), DECODE_SIGNS):
            signs = given[start : start + DECODE_SIGNS]
            if signs.endswith("=") and start + DECODE_SIGNS < len(given):
                raise ValueError("data after the padding")
            pieces.append(base64.b64decode(signs, validate=True))
    except ValueError as err:  # binascii.Error is one
        raise RequestError("api.bad_base64", reason=str(err)) from err
    return b"".join(pieces)
