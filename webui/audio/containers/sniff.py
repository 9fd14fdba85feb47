"""Detects the container format of a file from its first bytes, never from its name."""

from typing import Final

W64_START: Final = bytes.fromhex("726966662e91cf11a5d628db04c10000")

# Offset and bytes of each container; FFmpeg detects ID3 tags and bare frames (mp3, adts).
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (8, b"WAVE", "wav"),
    (0, W64_START, "w64"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"caff", "caf"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
)
_IFF_STARTS: Final = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM")
_BRANDS: Final = {b"M4A ": "m4a", b"M4B ": "m4a", b"qt  ": "mov", b"3gp": "3gp", b"3g2": "3gp"}


def detect_container(head: bytes) -> str | None:
    """Returns the container's usual short name (``"wav"``, ``"m4a"``, ``"webm"``), or None if it isn't known.

    Args:
        head: the first bytes of the file.
    """
    for offset, magic, name in _MAGIC:
        if not head.startswith(magic, offset) or (offset == 8 and head[:4] not in _IFF_STARTS):
            continue
        if name == "wav" and head[:4] in (b"RF64", b"BW64"):
            return "rf64"
        if name == "mkv" and b"webm" in head[:64]:
            return "webm"
        if name == "mp4":
            return next((short for brand, short in _BRANDS.items() if head.startswith(brand, 8)), "mp4")
        return name
    return None
