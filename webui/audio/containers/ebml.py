"""Reads the elements of Matroska and WebM files."""

from collections.abc import Iterator
from typing import Final

from webui.audio.source import Source

MAX_ELEMENTS: Final = 10_000
HEADER: Final = 0x1A45DFA3
SEGMENT: Final = 0x18538067


def elements(source: Source, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yields identifier, start and end of the content of each element; elements of unknown size end at ``stop``."""
    for _ in range(MAX_ELEMENTS):
        head = source.read_at(start, 12) if start < stop else b""
        id_bytes = 9 - head[0].bit_length() if head else 9
        size_bytes = 9 - head[id_bytes].bit_length() if len(head) > id_bytes else 9
        if id_bytes > 4 or size_bytes > 8 or len(head) < id_bytes + size_bytes:
            return
        content = start + id_bytes + size_bytes
        limit = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & limit
        end = stop if size == limit else min(content + size, stop)
        yield int.from_bytes(head[:id_bytes], "big"), content, end
        start = end
