"""Finds the links of a chained Ogg file: whole Ogg streams that follow each other in one file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from webui.audio.source import Source

OGG_PAGE: Final = b"OggS"
OGG_TABLE_AT: Final = 26  # offset of the segment table: the number of segments, then the length of each
MAX_PAGES: Final = 1_000_000  # the rest is ignored: eleven hours of pages of 40 ms
MAX_LINKS: Final = 10_000
_HEAD_BYTES: Final = OGG_TABLE_AT + 1 + 255
_ID_BYTES: Final = 64  # the longest identification header without a picture
_IS_FIRST: Final = 2
_NO_GRANULE: Final = b"\xff" * 8
_KIND_BYTES: Final = {b"\x01vorb": 16, b"OpusH": 10}  # codec, channels and, for Vorbis, the rate


@dataclass(slots=True)
class OggLink:
    """One link of a chained file, or a whole file that is not chained.

    Attributes:
        start: position of its first page.
        headers: the identification header of each of its streams, by serial number.
        first_granule: granule position of the first page with sound; 0 if there is none.
    """

    start: int
    headers: dict[bytes, bytes] = field(default_factory=dict)
    first_granule: int = 0


@dataclass(frozen=True, slots=True)
class _Page:
    position: int
    serial: bytes
    granule: bytes
    is_first: bool
    start: bytes  # of its content


def ogg_links(source: Source) -> list[OggLink]:
    """Returns the links of an Ogg file in order; a file that isn't chained has one."""
    links: list[OggLink] = []
    in_headers = False
    for page in _pages(source):
        if page.is_first:
            if not in_headers:
                if len(links) == MAX_LINKS:
                    break
                links.append(OggLink(page.position))
            links[-1].headers[page.serial] = page.start
        elif links and not links[-1].first_granule and page.granule != _NO_GRANULE:
            links[-1].first_granule = int.from_bytes(page.granule, "little")
        in_headers = page.is_first
    return links


def needs_splitting(links: list[OggLink]) -> bool:
    """Returns whether a chain must be read link by link.

    FFmpeg reads a chain as one recording, but treats links with the same serial number as one stream, and keeps the
    codec, rate and channels of the first link.
    """
    serials = [serial for link in links for serial in link.headers]
    kinds = {tuple(_kind(header) for header in link.headers.values()) for link in links}
    return len(links) > 1 and (len(set(serials)) < len(serials) or len(kinds) > 1)


def _kind(header: bytes) -> bytes:
    return header[: _KIND_BYTES.get(header[:5], 5)]


def _pages(source: Source) -> Iterator[_Page]:
    position = 0
    for _ in range(MAX_PAGES):
        head = source.read_at(position, _HEAD_BYTES + _ID_BYTES)
        if not head.startswith(OGG_PAGE):
            position = _next_page(source, position)
            if position < 0:
                return
            continue
        if len(head) <= OGG_TABLE_AT:
            return
        lengths = head[OGG_TABLE_AT + 1 : OGG_TABLE_AT + 1 + head[OGG_TABLE_AT]]
        content = OGG_TABLE_AT + 1 + len(lengths)
        start = head[content : content + min(_ID_BYTES, lengths[0] if lengths else 0)]
        yield _Page(position, head[14:18], head[6:14], bool(head[5] & _IS_FIRST), start)
        position += content + sum(lengths)


def _next_page(source: Source, position: int) -> int:
    """Returns the position of the next page from ``position``; -1 if there is none."""
    while len(block := source.read_at(position, 1 << 16)) >= len(OGG_PAGE):
        found = block.find(OGG_PAGE)
        if found >= 0:
            return position + found
        position += len(block) - len(OGG_PAGE) + 1
    return -1
