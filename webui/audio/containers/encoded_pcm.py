"""Finds DTS and AC-3 in a WAV whose header says PCM, as CDs, S/PDIF recorders and film tools write it.

Decoded as PCM, such data is loud noise. One sync word is no proof, because any four bytes occur in PCM: several headers
must follow each other at the distances that they state.
"""

import itertools
from typing import Final

from webui.audio.containers.riff import chunks
from webui.audio.containers.tags import occurrences
from webui.audio.source import Source

SEARCHED_BYTES: Final = 1 << 19
MIN_SYNCS: Final = 4
MAX_CANDIDATES: Final = 200
PCM_TAGS: Final = (1, 0xFFFE)
_HEADER_BYTES: Final = 16

# Sync words in the byte order of the file. DTS uses 16 or 14 bits of each 16-bit word; bursts are those of IEC 61937,
# in samples of 16, 24 and 32 bits.
_DTS_16: Final = (b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80")
_DTS_14: Final = (b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8")
_BURSTS: Final = (
    b"\x72\xf8\x1f\x4e",
    b"\xf8\x72\x4e\x1f",
    b"\x00\x72\xf8\x00\x1f\x4e",
    b"\x00\x00\x72\xf8\x00\x00\x1f\x4e",
)
_AC3: Final = (b"\x0b\x77", b"\x77\x0b")
_BURST_KINDS: Final = {1: "AC-3", 7: "AAC", 11: "DTS", 12: "DTS", 13: "DTS", 17: "DTS", 21: "E-AC-3", 22: "TrueHD"}
_AC3_KBIT: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_DTS_RATES: Final = frozenset({1, 2, 3, 6, 7, 8, 11, 12, 13})


def encoded_kind(source: Source) -> str | None:
    """Returns the codec (``"DTS"``) of the data in a WAV whose header says PCM; None for real PCM and other files."""
    if source.head[:4] not in (b"RIFF", b"RF64", b"BW64"):
        return None
    align = 0
    for chunk in chunks(source, source.head[:4]):
        if chunk.name == b"fmt " and int.from_bytes(chunk.body[:2], "little") in PCM_TAGS:
            align = int.from_bytes(chunk.body[12:14], "little")
        elif chunk.name == b"data":
            return _kind_of(source.read_at(chunk.start, SEARCHED_BYTES), align) if align else None
    return None


def _kind_of(data: bytes, align: int) -> str | None:
    for syncs, kind in ((_DTS_16, "DTS"), (_DTS_14, "DTS"), (_AC3, "AC-3")):
        for sync in syncs:
            if _follow_each_other(data, sync, align):
                return kind
    for sync in _BURSTS:
        found = _burst(data, sync)
        if found is not None:
            return found
    return None


def _follow_each_other(data: bytes, sync: bytes, align: int) -> bool:
    """Returns whether there are ``MIN_SYNCS`` headers, each at a distance to the next that its fields allow."""
    for start in itertools.islice(occurrences(data, sync), MAX_CANDIDATES):
        at, count = start, 0
        while distances := _distances(data, at, sync, align):
            count += 1
            if count == MIN_SYNCS:
                return True
            steps = [step for step in distances if data.startswith(sync, at + step)]
            if not steps:
                break
            at += steps[0]
    return False


def _distances(data: bytes, at: int, sync: bytes, align: int) -> tuple[int, ...]:
    """Returns the distances to the next frame that a header allows; empty if the bytes are not a header."""
    header = data[at : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        return ()
    if sync in (*_DTS_16, *_DTS_14):
        little = sync in (_DTS_16[1], _DTS_14[1])
        return _dts_distances(header, bits=16 if sync in _DTS_16 else 14, little=little, align=align)
    return _ac3_distances(data, at, little=sync == _AC3[1])


def _dts_distances(header: bytes, *, bits: int, little: bool, align: int) -> tuple[int, ...]:
    words = [int.from_bytes(header[at : at + 2], "little" if little else "big") for at in range(0, _HEADER_BYTES, 2)]
    value = 0
    for word in words:
        value = value << bits | word & ((1 << bits) - 1)
    total = bits * len(words)

    def field(offset: int, size: int) -> int:  # bits after the sync word's 32
        return value >> (total - 32 - offset - size) & ((1 << size) - 1)

    blocks, size, rate = field(7, 7) + 1, field(14, 14) + 1, field(34, 4)
    if blocks < 6 or size < 96 or rate not in _DTS_RATES:
        return ()
    stored = -(-size * 16 // bits)
    in_time = blocks * 32 * align  # padded to the size of PCM of the same duration
    return tuple({distance for distance in (in_time, stored + (stored & 1)) if distance >= stored})


def _ac3_distances(data: bytes, at: int, *, little: bool) -> tuple[int, ...]:
    header = _swapped(data[at : at + 8]) if little else data[at : at + 8]
    code, rate = header[4] & 0x3F, header[4] >> 6
    if rate == 3 or code >= 2 * len(_AC3_KBIT) or header[5] >> 3 > 10:
        return ()
    kbit = _AC3_KBIT[code // 2]
    words = (kbit * 2, kbit * 96_000 // 44_100 + (code & 1), kbit * 3)[rate]
    frame = data[at : at + 2 * words]
    frame = _swapped(frame) if little else frame
    protected = (words >> 1) + (words >> 3)  # 16-bit words from the sync word to the end of the first checksum
    return (2 * words,) if len(frame) == 2 * words and _crc16(frame[2 : 2 * protected]) == 0 else ()


def _swapped(data: bytes) -> bytes:
    even = bytearray(data[: len(data) // 2 * 2])
    even[::2], even[1::2] = even[1::2], even[::2]
    return bytes(even)


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFF00) ^ _CRC16[crc >> 8 ^ byte]
    return crc


def _crc16_of_byte(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


_CRC16: Final = tuple(_crc16_of_byte(byte) for byte in range(256))


def _burst(data: bytes, sync: bytes) -> str | None:
    """Returns the codec of bursts that follow each other at equal distances."""
    step = len(sync) // 2  # bytes per sample
    places = itertools.islice(occurrences(data, sync), MAX_CANDIDATES)
    for first, second in itertools.pairwise(places):
        distance = second - first
        kinds = [_burst_kind(data, first + turn * distance, sync, step) for turn in range(MIN_SYNCS)]
        if distance % (2 * step) == 0 and kinds[0] is not None and len(set(kinds)) == 1:
            size = int.from_bytes(_sample(data, first, sync, step, 3), "big")
            if 0 < size // 8 <= distance:
                return kinds[0]
    return None


def _burst_kind(data: bytes, at: int, sync: bytes, step: int) -> str | None:
    if not data.startswith(sync, at):
        return None
    return _BURST_KINDS.get(int.from_bytes(_sample(data, at, sync, step, 2), "big") & 0x1F)


def _sample(data: bytes, at: int, sync: bytes, step: int, index: int) -> bytes:
    """Returns the upper 16 bits of a sample of a burst, high byte first."""
    start = at + index * step
    if sync == _BURSTS[1]:
        return data[start : start + 2]
    return data[start + step - 2 : start + step][::-1]
