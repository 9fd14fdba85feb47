"""Detects MP4 files with forged sample tables, which FFmpeg would load before it reads any samples.

A file of twenty kilobytes that claims eighty million one-byte samples costs FFmpeg two gigabytes of memory and ten
seconds.
"""

from collections.abc import Iterator
from typing import Final

from webui.audio.source import Source

MAX_BOXES: Final = 100_000
HARMLESS_SAMPLES: Final = 4_000_000
SAMPLES_BOX: Final = b"mdat"
_BLOCK_BYTES: Final = 1 << 20
_OVERLAP_BYTES: Final = 16  # the longest field that is read: name, version, size, count


def claims_impossible_samples(source: Source) -> bool:
    """Returns whether an MP4 or MOV file claims many more samples than it has bytes.

    Examines every ``stsz`` and ``trun`` table outside the media data, at any depth. Up to ``HARMLESS_SAMPLES`` (about
    130 MB in FFmpeg) are always accepted, so that a truncated file is still read. A compressed index (``cmov``) counts
    as impossible, because its tables can't be read here.
    """
    claimed = 0
    for data in _index_bytes(source):
        if b"cmov" in data:
            return True
        claimed += sum(_counts(data, b"stsz", 12)) + sum(_counts(data, b"trun", 8))
    return claimed > max(source.size_bytes, HARMLESS_SAMPLES)


def _counts(data: bytes, name: bytes, offset: int) -> Iterator[int]:
    """Yields the sample count of each table called ``name``; it is ``offset`` bytes after the start of the name."""
    at = data.find(name)
    while 0 <= at <= len(data) - _OVERLAP_BYTES:
        yield int.from_bytes(data[at + offset : at + offset + 4], "big")
        at = data.find(name, at + len(name))


def _index_bytes(source: Source) -> Iterator[bytes]:
    """Yields the top-level boxes except the media data, in pieces that overlap by one byte less than a field."""
    position = 0
    for _ in range(MAX_BOXES):
        source.stream.seek(position)
        head = source.stream.read(16)
        if len(head) < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):
            return
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        end = position + size if size >= 8 else source.size_bytes  # a size of 0 means up to the end of the file
        if head[4:8] != SAMPLES_BOX:
            yield from _pieces(source, position, min(end, source.size_bytes))
        position = end


def _pieces(source: Source, start: int, end: int) -> Iterator[bytes]:
    before = b""
    source.stream.seek(start)
    for at in range(start, end, _BLOCK_BYTES):
        block = source.stream.read(min(_BLOCK_BYTES, end - at))
        yield before + block
        before = block[1 - _OVERLAP_BYTES :]
