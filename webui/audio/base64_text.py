"""Decodes the variants of base64 in use: with line breaks (RFC 2045), URL-safe, without padding, as a data: URL."""

import base64
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

WHITESPACE: Final = b" \t\r\n\v\f"
STANDARD: Final = bytes.maketrans(b"-_", b"+/")
DATA_URL: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*data:[^,\s]{0,200};base64,", re.IGNORECASE)
PIECE_BYTES: Final = 1 << 20  # between pieces, other threads can run: 100 MB at once would block them for a second
IN_MEMORY_BYTES: Final = 8 << 20  # larger files are decoded to the disk


def decode_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the decoded bytes of a base64 text that is given in pieces.

    Only the URL-safe alphabet allows text without padding: elsewhere, missing padding means that the end is missing.

    Raises:
        ValueError: the text is not base64.
    """
    rest, padding, url_safe = b"", 0, False
    for piece in pieces:
        url_safe = url_safe or b"-" in piece or b"_" in piece
        digits, sign, after = piece.translate(STANDARD, WHITESPACE).partition(b"=")
        if after.strip(b"=") or (padding and digits):
            raise ValueError("data after the padding")
        padding += len(sign) + len(after)
        rest += digits
        whole = len(rest) // 4 * 4
        yield base64.b64decode(rest[:whole], validate=True)
        rest = rest[whole:]
    if len(rest) == 1 or (padding != -len(rest) % 4 and not (url_safe and padding == 0)):
        raise ValueError("incorrect padding")
    yield base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)


def data_url_start(head: bytes) -> int | None:
    """Returns where the base64 of a data: URL begins, or None if ``head`` is not the start of one."""
    found = DATA_URL.match(head)
    return found.end() if found is not None else None


def decoded_file(file: BinaryIO, start: int) -> BinaryIO:
    """Returns a new temporary file with the decoded bytes of a base64 text in a file.

    Args:
        file: the file.
        start: where the text begins.

    Raises:
        ValueError: the text is not base64.
        OSError: the file can't be read, or the disk is full.
    """
    decoded = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - returned open
    try:
        file.seek(start)
        for part in decode_base64(iter(lambda: file.read(PIECE_BYTES), b"")):
            decoded.write(part)
    except BaseException:
        decoded.close()
        raise
    return decoded  # type: ignore[return-value]
