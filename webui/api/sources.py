"""Opens the audio that a JSON request names: base64, a path under an allowed folder, or a URL."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from webui.api.documents import RecognizeRequest
from webui.api.url_source import UrlSource
from webui.audio.base64_text import PIECE_BYTES, data_url_start, decode_base64
from webui.errors import ForbiddenPathError, RequestError
from webui.service import Progress, Stage
from webui.settings import Settings

SOURCES: Final = ("audio_path", "audio_url", "audio_base64")

Opened = Callable[[Progress], AbstractContextManager[Path | bytes]]


def source_of(body: RecognizeRequest, settings: Settings, urls: UrlSource) -> Opened:
    """Returns a function that opens the audio of a JSON request; nothing is fetched or decoded before it is called.

    Raises:
        RequestError: the request names no source, or several.
        ForbiddenRequestError: it names a URL, and the setting for URLs is off.
        ForbiddenPathError: it names a path outside of the allowed folders.
    """
    named = [name for name in SOURCES if getattr(body, name) is not None]
    if len(named) != 1:
        raise RequestError("api.one_source", found=" + ".join(named) or "none")
    if (url := body.audio_url) is not None:
        urls.check_enabled()
        return lambda progress: urls.fetched(url, lambda: progress(0.0, Stage.VALIDATION))
    if (encoded := body.audio_base64) is not None:
        return lambda _progress: nullcontext(decoded(encoded))
    path = allowed_path(body.audio_path or "", settings.audio_roots)
    return lambda _progress: nullcontext(path)


def allowed_path(given: str, roots: tuple[Path, ...]) -> Path:
    """Returns a caller's path if it is under one of ``roots`` after all links are resolved; it need not exist.

    Raises:
        ForbiddenPathError: there are no roots, or the path is not under any of them.
    """
    if not roots:
        raise ForbiddenPathError("api.no_audio_roots")
    if "\0" in given or not Path(given).is_absolute():
        raise ForbiddenPathError("api.outside_roots")
    try:
        path = Path(given).resolve()
        inside = any(path.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError) as err:  # the name is too long, or its links form a circle
        raise ForbiddenPathError("api.outside_roots") from err
    if not inside:
        raise ForbiddenPathError("api.outside_roots")
    return path


def decoded(given: str) -> bytes:
    """Decodes base64, with or without line breaks and a data: prefix, in the standard or the URL-safe alphabet.

    Raises:
        RequestError: the text is not base64.
    """
    try:
        encoded = given.encode("ascii")
        start = data_url_start(encoded) or 0
        pieces = (encoded[at : at + PIECE_BYTES] for at in range(start, len(encoded), PIECE_BYTES))
        return b"".join(decode_base64(pieces))
    except ValueError as err:  # also the base class of binascii.Error and UnicodeEncodeError
        reason = "characters that are not ASCII" if isinstance(err, UnicodeEncodeError) else str(err)
        raise RequestError("api.bad_base64", reason=reason) from err
