"""Completes a WAV format chunk without its last fields, which the decoders would read from the bytes after it."""

import struct
from typing import Final

from webui.audio.containers.riff import Chunk, chunks
from webui.audio.source import Source
from webui.errors import AudioDecodeError

FULL_BYTES: Final = 16  # tag, channels, rate, bytes per second, bytes per sample of all channels, bits
MIN_BYTES: Final = 12  # without the last two
_BITS: Final = {1: (8, 16, 24, 32), 3: (32, 64), 6: (8,), 7: (8,)}  # of PCM, float, A-law and mu-law


def with_complete_format(source: Source) -> Source:
    """Returns the source, with the missing fields of a short format chunk calculated from the others.

    Raises:
        AudioDecodeError: the fields can't be calculated.
    """
    if source.head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return source
    for chunk in chunks(source, source.head[:4]):
        if chunk.name == b"data":
            return source
        if chunk.name == b"fmt ":
            return source if chunk.size >= FULL_BYTES else _completed(source, chunk)
    return source


def _completed(source: Source, chunk: Chunk) -> Source:
    order = ">" if source.head.startswith(b"RIFX") else "<"
    fields = _fields(chunk.body[: chunk.size], order)
    if fields is None:
        raise AudioDecodeError("audio.damaged_header", found=source.file_name, container="wav")
    complete = struct.pack(order + "4sIHHIIHH", b"fmt ", FULL_BYTES, *fields)
    rest = chunk.start + chunk.size + (chunk.size & 1)
    return source.view([range(chunk.start - 8), complete, range(rest, source.size_bytes)])


def _fields(body: bytes, order: str) -> tuple[int, int, int, int, int, int] | None:
    """Returns the fields of a complete chunk; None if the fields that it has contradict each other."""
    if len(body) < MIN_BYTES:
        return None
    tag, channels, rate, byte_rate = struct.unpack_from(order + "HHII", body)
    if channels == 0 or rate == 0 or byte_rate % rate:
        return None
    align = byte_rate // rate
    if len(body) >= MIN_BYTES + 2 and struct.unpack_from(order + "H", body, MIN_BYTES)[0] != align:
        return None
    bits = align // channels * 8
    if align % channels or bits not in _BITS.get(tag, ()):
        return None
    return tag, channels, rate, byte_rate, align, bits
