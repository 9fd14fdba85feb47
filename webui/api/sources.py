"""From what a request gives to an audio file: an upload, base64, or a path under an allowed folder."""

import base64
import binascii
from pathlib import Path
from typing import Final

from webui.api.documents import RecognizeRequest
from webui.errors import ForbiddenPathError, RequestError
from webui.settings import Settings

SOURCES: Final = ("audio_path", "audio_base64")


def audio_of(asked: RecognizeRequest, settings: Settings) -> Path | bytes:
    """Returns the audio that a JSON request names.

    Raises:
        RequestError: none or several are named, or base64 that isn't.
        ForbiddenPathError: a path outside of the allowed folders.
    """
    given = [name for name in SOURCES if getattr(asked, name) is not None]
    if len(given) != 1:
        raise RequestError("api.one_source", found=" + ".join(given) or "none")
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
