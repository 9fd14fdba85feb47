"""Finds the time of the last frame of a FLAC, which libFLAC doesn't report."""

from typing import Final

from webui.audio.containers.tags import occurrences
from webui.audio.source import Source

TAIL_BYTES: Final = 1 << 17
STREAMINFO_AT: Final = 8
_SYNCS: Final = (b"\xff\xf8", b"\xff\xf9")  # numbered by frame (equal sizes), or by first sample (varying sizes)
_HEADER_BYTES: Final = 16  # the longest header
_NUMBER_AT: Final = 4


def last_frame_s(source: Source) -> float:
    """Returns the greatest timestamp among the frames at the end of a FLAC, in seconds; 0 if there is none."""
    info = source.head[STREAMINFO_AT : STREAMINFO_AT + 34]
    rate = int.from_bytes(info[10:13], "big") >> 4
    if len(info) < 34 or rate == 0:
        return 0.0
    frame_samples = int.from_bytes(info[2:4], "big")
    start = max(0, source.size_bytes - TAIL_BYTES)
    tail = source.read_at(start, TAIL_BYTES)
    latest = 0
    for sync in _SYNCS:
        for at in occurrences(tail, sync):
            number = _frame_number(tail[at : at + _HEADER_BYTES])
            if number is not None:
                latest = max(latest, number * (frame_samples if sync == _SYNCS[0] else 1))
    return latest / rate


def _frame_number(header: bytes) -> int | None:
    """Returns the number in a frame header, coded like a character in UTF-8; None if the header's checksum is wrong."""
    lead = header[_NUMBER_AT] if len(header) > _NUMBER_AT else 0x80
    extra = max(0, 7 - (lead ^ 0xFF).bit_length())  # bytes after the first, of six bits each
    if 0x80 <= lead < 0xC0 or lead == 0xFF:
        return None
    number = lead & (0x7F if lead < 0x80 else 0x3F >> extra)
    size_code, rate_code = header[2] >> 4, header[2] & 15
    end = _NUMBER_AT + 1 + extra
    for byte in header[_NUMBER_AT + 1 : end]:
        number = number << 6 | byte & 0x3F
    end += {6: 1, 7: 2}.get(size_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    return number if len(header) > end and _crc8(header[:end]) == header[end] else None


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
