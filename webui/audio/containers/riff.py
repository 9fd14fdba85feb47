"""Headers of the chunk formats (WAV, RF64, AIFF, CAF): the channels, rate and length that they state.

The decoders silently correct a length that is too great, and have one error for everything invalid. By the header
itself a recording that was cut off differs from one that is whole, and zero channels from an unknown codec.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webui.audio.source import Source

MAX_CHUNKS: Final = 1000
UNKNOWN_FROM: Final = 0x7FFF_0000  # programs that write into a pipe put such lengths; RF64 and CAF have others
IEEE_EXTENDED_BIAS: Final = 16383
CAF_START_BYTES: Final = 8
IFF_START_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """The contents of a header.

    Attributes:
        channels: the number of channels.
        sample_rate: the sample rate in Hz.
        data_bytes: length of the samples as written in the header; None if the header leaves it open.
        available_bytes: how many bytes of them the file holds.
    """

    channels: int
    sample_rate: float
    data_bytes: int | None
    available_bytes: int

    @property
    def missing_share(self) -> float:
        """Share of the stated samples that the file doesn't hold, 0.0 to 1.0."""
        if self.data_bytes is None or self.data_bytes <= self.available_bytes + 1:  # + 1: a padding byte left out
            return 0.0
        return 1.0 - self.available_bytes / self.data_bytes


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    size: int
    body: bytes  # the first 40 bytes of it


def read_chunk_header(source: Source) -> ChunkHeader | None:
    """Returns the header of a WAV, RF64, AIFF or CAF file; None for other files and for incomplete headers."""
    start = source.head[:4]
    layout = None
    shape: tuple[int, float] | None = None
    long_size: int | None = None
    for chunk in _walk(source, start):
        if chunk.name == b"ds64" and len(chunk.body) >= 16:
            long_size = struct.unpack_from("<Q", chunk.body, 8)[0]
        elif chunk.name in (b"fmt ", b"COMM", b"desc"):
            shape = _shape(chunk, start)
        elif chunk.name in (b"data", b"SSND"):
            layout = chunk
            break
    if shape is None or layout is None:
        return None
    size: int | None = long_size if long_size is not None and layout.size == 0xFFFF_FFFF else layout.size
    if size is not None and long_size is None and (size == 0 or size >= UNKNOWN_FROM):
        size = None
    return ChunkHeader(*shape, size, max(0, source.size_bytes - layout.start))


def _walk(source: Source, start: bytes) -> Iterator[_Chunk]:
    """Yields the chunks in order, until one reaches beyond the end of the file."""
    heads = {b"RIFF": "<4sI", b"RF64": "<4sI", b"BW64": "<4sI", b"RIFX": ">4sI", b"FORM": ">4sI", b"caff": ">4sq"}
    if start not in heads:
        return
    head = struct.Struct(heads[start])
    position = CAF_START_BYTES if start == b"caff" else IFF_START_BYTES
    for _ in range(MAX_CHUNKS):
        source.stream.seek(position)
        raw = source.stream.read(head.size)
        if len(raw) < head.size:
            return
        name, size = head.unpack(raw)
        position += head.size
        yield _Chunk(name, position, size if size >= 0 else 0, source.stream.read(40))
        position += size + (size & 1 if start != b"caff" else 0)
        if size < 0 or position > source.size_bytes:
            return


def _shape(chunk: _Chunk, start: bytes) -> tuple[int, float] | None:
    """Returns channels and rate in Hz of a ``fmt``, ``COMM`` or ``desc`` chunk; None if it is cut short."""
    try:
        if start == b"FORM":
            channels, exponent, mantissa = struct.unpack_from(">h6xHQ", chunk.body)
            return channels, _extended(exponent, mantissa)
        if start == b"caff":
            rate, channels = struct.unpack_from(">d16xI", chunk.body)
            return channels, rate
        channels, rate = struct.unpack_from(">HI" if start == b"RIFX" else "<HI", chunk.body, 2)
    except struct.error:
        return None
    return channels, float(rate)


def _extended(exponent: int, mantissa: int) -> float:
    """Returns an 80-bit IEEE number, which AIFF keeps its rate in; infinity if it is beyond a float."""
    try:
        return float(mantissa) * 2.0 ** ((exponent & 0x7FFF) - IEEE_EXTENDED_BIAS - 63)
    except OverflowError:
        return float("inf")
