"""Detects the container format of a file from its first bytes, never from its name."""

from typing import Final

ASF_START: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
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
    (0, ASF_START, "asf"),
    (0, b"FLV\x01", "flv"),
    (8, b"AVI ", "avi"),
    (0, b"\x00\x00\x01\xba", "mpg"),
    (0, b"wvpk", "wv"),
    (0, b"TTA1", "tta"),
    (0, b"Creative Voice File\x1a", "voc"),
    (0, b"NIST_1A\n", "sph"),
    (0, b"\x0b\x77", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
    (0, b"\xfe\x7f\x01\x80", "dts"),
    (0, b"\x1f\xff\xe8\x00", "dts"),
    (0, b"\xff\x1f\x00\xe8", "dts"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
)
_IFF_STARTS: Final = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM")
WITHOUT_MAGIC: Final = frozenset({"ac3", "dts", "gsm", "ts"})  # samples without a header can look like these
_TS_PACKETS: Final = (188, 192, 204)  # bytes: plain, with a timestamp before the packet, with error correction after it
_TS_SYNC: Final = 0x47
_MIN_TS_PACKETS: Final = 5
_GSM_FRAME_BYTES: Final = 33
_MIN_GSM_FRAMES: Final = 10
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
    return "ts" if _is_transport_stream(head) else "gsm" if _is_gsm(head) else None


def _is_transport_stream(head: bytes) -> bool:
    """Returns whether packets of MPEG-TS follow each other somewhere in the head; the file may begin within one."""
    starts = [at for at, byte in enumerate(head) if byte == _TS_SYNC]
    return any(
        head[start : start + size * _MIN_TS_PACKETS : size] == bytes([_TS_SYNC]) * _MIN_TS_PACKETS
        for start in starts
        for size in _TS_PACKETS
    )


def _is_gsm(head: bytes) -> bool:
    """Returns whether frames of GSM 06.10, which have no header except a mark of four bits, fill the head."""
    marks = [byte >> 4 for byte in head[::_GSM_FRAME_BYTES]]
    others = [byte >> 4 for at, byte in enumerate(head) if at % _GSM_FRAME_BYTES]
    is_marked = marks.count(0xD) >= 0.9 * len(marks) and others.count(0xD) < 0.25 * len(others)
    return len(marks) >= _MIN_GSM_FRAMES and is_marked
