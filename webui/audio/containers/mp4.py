"""Detects MP4 files with forged sample tables, which FFmpeg would load before it reads any samples.

A file of twenty kilobytes that claims eighty million one-byte samples costs FFmpeg two gigabytes of memory and ten
seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webui.audio.source import Source

MAX_BOXES: Final = 100_000
HARMLESS_SAMPLES: Final = 4_000_000
SAMPLES_BOX: Final = b"mdat"
_BLOCK_BYTES: Final = 1 << 20
_OVERLAP_BYTES: Final = 16  # the longest field that is read: name, version, size, count


@dataclass(frozen=True, slots=True)
class Box:
    """The position of a box.

    Attributes:
        name: its four letters.
        start: position of the box.
        content: position of its content.
        end: position after the box, which can be after the end of the file.
    """

    name: bytes
    start: int
    content: int
    end: int


def top_level_boxes(source: Source) -> Iterator[Box]:
    """Yields the boxes of the file in order, up to the first position that has no valid box."""
    return boxes(source, 0, source.size_bytes)


def boxes(source: Source, start: int, stop: int) -> Iterator[Box]:
    """Yields the boxes from ``start`` in order; the last one may end after ``stop``."""
    for _ in range(MAX_BOXES):
        head = source.read_at(start, 16) if start < stop else b""
        if len(head) < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):
            return
        size, content = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:], "big"), start + 16
        end = start + size if size >= 8 else stop  # a size of 0 means up to the end of the file
        yield Box(head[4:8], start, content, end)
        start = end


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


def has_fragments(source: Source) -> bool:
    """Returns whether the samples are in movie fragments (``moof``)."""
    return any(box.name == b"moof" for box in top_level_boxes(source))


def _counts(data: bytes, name: bytes, offset: int) -> Iterator[int]:
    """Yields the sample count of each table called ``name``; it is ``offset`` bytes after the start of the name."""
    at = data.find(name)
    while 0 <= at <= len(data) - _OVERLAP_BYTES:
        yield int.from_bytes(data[at + offset : at + offset + 4], "big")
        at = data.find(name, at + len(name))


def _index_bytes(source: Source) -> Iterator[bytes]:
    """Yields the top-level boxes except the media data, in pieces that overlap by one byte less than a field."""
    for box in top_level_boxes(source):
        if box.name != SAMPLES_BOX:
            yield from _pieces(source, box.start, min(box.end, source.size_bytes))


def _pieces(source: Source, start: int, end: int) -> Iterator[bytes]:
    before = b""
    source.stream.seek(start)
    for at in range(start, end, _BLOCK_BYTES):
        block = source.stream.read(min(_BLOCK_BYTES, end - at))
        yield before + block
        before = block[1 - _OVERLAP_BYTES :]
