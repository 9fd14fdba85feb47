"""Reads the channels, rate and length from the headers of the chunk formats (WAV, RF64, AIFF, CAF).

The decoders silently correct a length that is too great, and report all invalid headers with the same error. With the
values of the header, a truncated recording can be told from a complete one, and zero channels from an unknown codec.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webui.audio.source import Source

MAX_CHUNKS: Final = 1000
UNKNOWN_FROM: Final = 0x7FFF_0000  # programs that write to a pipe state such lengths; RF64 and CAF use other values
IEEE_EXTENDED_BIAS: Final = 16383
CAF_START_BYTES: Final = 8
IFF_START_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """The values that a header states.

    Attributes:
        channels: number of channels.
        sample_rate: sample rate in Hz.
        data_bytes: size of the sample data according to the header; None if the header leaves it open.
        available_bytes: size of the sample data in the file.
    """

    channels: int
    sample_rate: float
    data_bytes: int | None
    available_bytes: int

    @property
    def missing_share(self) -> float:
        """Fraction of the stated sample data that is missing from the file, 0.0 to 1.0."""
        if self.data_bytes is None or self.data_bytes <= self.available_bytes + 1:  # + 1: a missing padding byte
            return 0.0
        return 1.0 - self.available_bytes / self.data_bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a file.

    Attributes:
        name: its four letters.
        start: position of its content.
        size: size of its content according to the file; 0 if the file leaves it open.
        body: the first 40 bytes of the content.
    """

    name: bytes
    start: int
    size: int
    body: bytes


def read_chunk_header(source: Source) -> ChunkHeader | None:
    """Returns the header of a WAV, RF64, AIFF or CAF file; None for other files and for incomplete headers."""
    magic = source.head[:4]
    data: Chunk | None = None
    shape: tuple[int, float] | None = None
    has_long_size = False
    for chunk in chunks(source, magic):
        if chunk.name == b"ds64":
            has_long_size = True
        elif chunk.name in (b"fmt ", b"COMM", b"desc"):
            shape = _shape(chunk, magic)
        elif chunk.name in (b"data", b"SSND"):
            data = chunk
            break
    if shape is None or data is None:
        return None
    size: int | None = data.size
    if not has_long_size and (data.size == 0 or data.size >= UNKNOWN_FROM):
        size = None
    return ChunkHeader(*shape, size, max(0, source.size_bytes - data.start))


def chunks(source: Source, magic: bytes) -> Iterator[Chunk]:
    """Yields the chunks in order, the last of which may extend beyond the end of the file."""
    heads = {b"RIFF": "<4sI", b"RF64": "<4sI", b"BW64": "<4sI", b"RIFX": ">4sI", b"FORM": ">4sI", b"caff": ">4sq"}
    if magic not in heads:
        return
    head = struct.Struct(heads[magic])
    position = CAF_START_BYTES if magic == b"caff" else IFF_START_BYTES
    long_size = -1
    for _ in range(MAX_CHUNKS):
        raw = source.read_at(position, head.size)
        if len(raw) < head.size:
            return
        name, size = head.unpack(raw)
        position += head.size
        body = source.stream.read(40)
        if name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"data" and size == 0xFFFF_FFFF and long_size >= 0:
            size = long_size
        yield Chunk(name, position, size if size >= 0 else 0, body)
        position += size + (size & 1 if magic != b"caff" else 0)
        if size < 0 or position > source.size_bytes:
            return


def _shape(chunk: Chunk, magic: bytes) -> tuple[int, float] | None:
    """Returns the channels and the rate in Hz of a ``fmt``, ``COMM`` or ``desc`` chunk; None if it is truncated."""
    try:
        if magic == b"FORM":
            channels, exponent, mantissa = struct.unpack_from(">h6xHQ", chunk.body)
            return channels, _extended(exponent, mantissa)
        if magic == b"caff":
            rate, channels = struct.unpack_from(">d16xI", chunk.body)
            return channels, rate
        channels, rate = struct.unpack_from(">HI" if magic == b"RIFX" else "<HI", chunk.body, 2)
    except struct.error:
        return None
    return channels, float(rate)


def _extended(exponent: int, mantissa: int) -> float:
    """Returns the value of an 80-bit IEEE number, AIFF's format of the rate; infinity if a float can't hold it."""
    try:
        return float(mantissa) * 2.0 ** ((exponent & 0x7FFF) - IEEE_EXTENDED_BIAS - 63)
    except OverflowError:
        return float("inf")
