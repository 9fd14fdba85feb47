"""Compares the size that the header of an AVI, VOC or SPHERE file states with the size of the file."""

import re
from collections.abc import Callable
from typing import Final

from webui.audio.containers.riff import UNKNOWN_FROM
from webui.audio.source import Source

MAX_BLOCKS: Final = 100_000
_SPHERE_FIELD: Final = re.compile(rb"^(sample_count|sample_n_bytes|channel_count) -i (\d{1,12})\s*$", re.MULTILINE)
_SPHERE_HEADER_BYTES: Final = re.compile(rb"NIST_1A\n\s*(\d{1,6})\n")
_VOC_START_AT: Final = 20


def stated_bytes(source: Source, container: str | None) -> int:
    """Returns the size of the file according to its header; 0 if the header states none."""
    find = _FINDERS.get(container or "")
    return find(source) if find is not None else 0


def without_rest(source: Source, container: str | None) -> Source:
    """Returns a SPHERE file without what follows its samples, which libsndfile would read as samples."""
    stated = stated_bytes(source, container) if container == "sph" else 0
    return source.view([range(stated)]) if 0 < stated < source.size_bytes else source


def _avi_bytes(source: Source) -> int:
    size = int.from_bytes(source.head[4:8], "little")
    return 8 + size if size < UNKNOWN_FROM else 0


def _sphere_bytes(source: Source) -> int:
    header = _SPHERE_HEADER_BYTES.match(source.head)
    fields = {name: int(value) for name, value in _SPHERE_FIELD.findall(source.head)}
    if header is None or len(fields) < 3:
        return 0
    return int(header[1]) + fields[b"sample_count"] * fields[b"sample_n_bytes"] * fields[b"channel_count"]


def _voc_bytes(source: Source) -> int:
    """Returns the end of the last block."""
    position = int.from_bytes(source.head[_VOC_START_AT : _VOC_START_AT + 2], "little")
    for _ in range(MAX_BLOCKS):
        block = source.read_at(position, 4)
        if len(block) < 4 or block[0] == 0:  # the block that ends the file has no size
            break
        position += 4 + int.from_bytes(block[1:4], "little")
    return position


_FINDERS: Final[dict[str, Callable[[Source], int]]] = {"avi": _avi_bytes, "sph": _sphere_bytes, "voc": _voc_bytes}
