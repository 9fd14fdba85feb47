"""Recognises files that are certainly not audio, so that the error can name their kind.

Playlists and concat scripts matter most: a decoder that accepts one would open other files on this machine.
"""

import codecs
from typing import Final

from webui.audio.containers.sniff import detect_container
from webui.errors import AudioDecodeError

# The start of such files, in lower case and without leading white space.
_PLAYLISTS: Final = {
    "#extm3u": "M3U / HLS",
    "ffconcat": "ffconcat",
    "[playlist]": "PLS",
    "[reference]": "ASX",
    "<asx": "ASX",
    "<smil": "SMIL",
    "v=0": "SDP",
}
_XML_PLAYLISTS: Final = {"<playlist": "XSPF", "<mpd": "DASH", "<asx": "ASX", "<smil": "SMIL"}
_IMAGES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypavif", "AVIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
)
_OTHERS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"%PDF-", "PDF"),
    (0, b"PK\x03\x04", "ZIP / Office"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x7fELF", "ELF"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft Office 97"),
    (0, b"\x00\x00\x00\x01Bud1", "macOS .DS_Store"),
    (0, b"SQLite format 3\x00", "SQLite"),
    (0, b"\x93NUMPY", "NumPy"),
)
_SILK: Final = (b"#!SILK", b"\x02#!SILK")  # WeChat and QQ put a byte in front, and name the file .amr
TEXT: Final = "audio.text"
_APPLE_DOUBLE: Final = bytes.fromhex("00051607")
_APPLE_PREFIX: Final = "._"
_TEXT_BLANKS: Final = "\t\n\r\f"


def reject_other_formats(head: bytes, file_name: str) -> None:
    """Raises an error if the file is certainly not audio.

    Args:
        head: the first bytes of the file.
        file_name: name of the file, for the message.

    Raises:
        AudioDecodeError: the file is a playlist, a text, an image, a document, an archive or a SILK recording.
    """
    if head.startswith(_APPLE_DOUBLE):
        raise AudioDecodeError("audio.apple_double", found=file_name, beside=file_name.removeprefix(_APPLE_PREFIX))
    for table, code in ((_IMAGES, "audio.image"), (_OTHERS, "audio.not_audio")):
        for offset, magic, kind in table:
            if head.startswith(magic, offset):
                raise AudioDecodeError(code, found=file_name, kind=kind)
    if head.startswith(_SILK):
        raise AudioDecodeError("audio.silk", found=file_name)
    content = _as_text(head) if detect_container(head) is None else None
    if content is None:
        return
    playlist = _playlist_kind(content.lstrip().lower())
    if playlist is not None:
        raise AudioDecodeError("audio.playlist", found=file_name, kind=playlist)
    raise AudioDecodeError(TEXT, found=file_name)


def _playlist_kind(content: str) -> str | None:
    kinds = (kind for start, kind in _PLAYLISTS.items() if content.startswith(start))
    if content.startswith("<?xml"):
        kinds = (kind for tag, kind in _XML_PLAYLISTS.items() if tag in content)
    return next(kinds, None)


def _as_text(head: bytes) -> str | None:
    """Returns the head as text, or None if it contains anything other than text."""
    utf_16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "gb18030"):
        try:
            content = codecs.getincrementaldecoder(encoding)().decode(head)  # the head may end within a character
        except UnicodeDecodeError:
            continue
        if content and all(char.isprintable() or char in _TEXT_BLANKS for char in content):
            return content
    return None
