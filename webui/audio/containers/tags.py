"""Finds the tags of music players in and around a recording: ID3v2, ID3v1, APE.

A tag is skipped by the length that it states. It can be several megabytes long, because it may contain the cover. Any
format can begin with a tag.
"""

import itertools
from collections.abc import Iterator
from typing import Final

from webui.audio.containers.sniff import detect_container
from webui.audio.source import Source

ID3_HEAD_BYTES: Final = 10
ID3V1_BYTES: Final = 128
DETECT_BYTES: Final = 64
APE_MAGIC: Final = b"APETAGEX"
APE_HEAD_BYTES: Final = 32
MAX_TAGS: Final = 1_000
MAX_CANDIDATES: Final = 20_000  # places in a file that look like a tag; in random bytes there are 12 in 100 MB
MAX_PADDING_BYTES: Final = 1 << 20  # zeros after a tag
_FOOTER_FLAG: Final = 0x10
_APE_HAS_HEADER: Final = 1 << 31
_APE_IS_HEADER: Final = 1 << 29
_BLOCK_BYTES: Final = 1 << 20


def without_leading_tags(source: Source) -> Source:
    """Returns the source without the ID3v2 tags at its start, and the zeros that follow them."""
    position = 0
    for _ in range(MAX_TAGS):
        end = id3v2_end(source, position)
        if end is None:
            break
        position = _after_padding(source, end)
    return source.view([range(position, source.size_bytes)]) if 0 < position < source.size_bytes else source


def _after_padding(source: Source, end: int) -> int:
    """Returns the position after the zeros that follow a tag; the zeros at the start of an MP4 belong to it."""
    stop = skip_zeros(source, end)
    starts = (end, stop, *range(max(end, stop - 3), stop))
    found = (start for start in starts if detect_container(source.read_at(start, DETECT_BYTES)) is not None)
    return next(found, stop)


def without_inner_tags(source: Source) -> Source:
    """Returns the source without the tags between MPEG frames or FLACs and at the end, as in joined files."""
    removed = list(_tags_between_frames(source))
    if not removed:
        return source
    starts = [0, *(tag.stop for tag in removed)]
    stops = [*(tag.start for tag in removed), source.size_bytes]
    return source.view([range(start, stop) for start, stop in zip(starts, stops, strict=True)])


def id3v2_end(source: Source, position: int) -> int | None:
    """Returns the position after the ID3v2 tag at ``position``; None if there is no complete tag."""
    head = source.read_at(position, ID3_HEAD_BYTES)
    if len(head) < ID3_HEAD_BYTES or head[:3] != b"ID3" or not 2 <= head[3] <= 4 or head[4] == 0xFF:
        return None
    size = head[6:ID3_HEAD_BYTES]  # seven bits per byte
    if max(size) >= 0x80:
        return None
    end = position + ID3_HEAD_BYTES + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    end += ID3_HEAD_BYTES if head[5] & _FOOTER_FLAG else 0
    return end if end <= source.size_bytes else None


def tag_end(source: Source, position: int) -> int | None:
    """Returns the position after the tag of any kind at ``position``; None if there is none."""
    head = source.read_at(position, ID3V1_BYTES)
    if _is_id3v1(head):
        return position + ID3V1_BYTES
    ape = _ape_tag(head, position)
    if ape is not None and ape.start == position and ape.stop <= source.size_bytes:
        return ape.stop
    return id3v2_end(source, position)


def skip_zeros(source: Source, position: int, longest: int = MAX_PADDING_BYTES) -> int:
    """Returns the position of the first byte from ``position`` that is not zero; ``position`` after too many zeros."""
    at = position
    while at < source.size_bytes and at - position <= longest:
        block = source.read_at(at, min(_BLOCK_BYTES, longest + 1))
        rest = block.lstrip(b"\0")
        if rest or not block:
            at += len(block) - len(rest)
            return at if at - position <= longest else position
        at += len(block)
    return at if at >= source.size_bytes else position


def find_all(source: Source, *needles: bytes, start: int = 0) -> Iterator[int]:
    """Yields every position of the needles from ``start``, in order."""
    longest = max(map(len, needles))
    before = b""
    while block := source.read_at(start, _BLOCK_BYTES):
        data = before + block
        offset = start - len(before)
        # A needle that ends within the overlap was already found in the block before.
        found = {at for needle in needles for at in occurrences(data, needle) if at + len(needle) > len(before)}
        yield from (offset + at for at in sorted(found))
        before = data[max(0, len(data) - longest + 1) :]
        start += len(block)


def occurrences(data: bytes, needle: bytes) -> Iterator[int]:
    """Yields every position of ``needle`` in ``data``, in order."""
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def _tags_between_frames(source: Source) -> Iterator[range]:
    """Yields the tags that are followed by a frame, by another tag or by the end of the file, in order."""
    stop = 0
    for position in list(itertools.islice(find_all(source, b"ID3", b"TAG", APE_MAGIC), MAX_CANDIDATES)):
        tag = _tag_at(source, position)
        if tag is None or tag.start < stop or tag.stop > source.size_bytes:
            continue
        end = skip_zeros(source, tag.stop) if tag.start else tag.stop
        following = source.read_at(end, ID3V1_BYTES)
        if _may_follow(following) or tag_end(source, end) is not None or _ape_tag(following, end):
            stop = end
            yield range(tag.start, end)


def _tag_at(source: Source, position: int) -> range | None:
    head = source.read_at(position, ID3V1_BYTES)
    if _is_id3v1(head):
        return range(position, position + ID3V1_BYTES)
    end = id3v2_end(source, position)
    return range(position, end) if end is not None else _ape_tag(head, position)


def _is_id3v1(head: bytes) -> bool:
    """Returns whether the bytes are an ID3v1 tag: title, artist, album and year are text that ends in zeros."""
    return len(head) == ID3V1_BYTES and head.startswith(b"TAG") and all(byte == 0 or byte >= 32 for byte in head[3:97])


def _ape_tag(head: bytes, position: int) -> range | None:
    """Returns the extent of the APE tag whose header or footer is at ``position``."""
    if len(head) < APE_HEAD_BYTES or not head.startswith(APE_MAGIC):
        return None
    size, flags = int.from_bytes(head[12:16], "little"), int.from_bytes(head[20:24], "little")
    if flags & _APE_IS_HEADER:
        return range(position, position + APE_HEAD_BYTES + size)
    start = position + APE_HEAD_BYTES - size - (APE_HEAD_BYTES if flags & _APE_HAS_HEADER else 0)
    return range(max(0, start), position + APE_HEAD_BYTES)


def _may_follow(data: bytes) -> bool:
    """Returns whether the bytes after a tag are the end of the file, a FLAC or an MPEG frame."""
    return not data or data.startswith(b"fLaC") or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0)
