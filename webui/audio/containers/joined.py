"""Finds recordings that were joined into one file, and bytes after the end of a recording.

The decoders stop at the end that the first header states, and ignore the rest.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webui.audio.containers.ebml import HEADER, SEGMENT, elements
from webui.audio.containers.joined_starts import has_known_start, later_starts
from webui.audio.containers.mp4 import SAMPLES_BOX, Box, top_level_boxes
from webui.audio.containers.ogg import needs_splitting, ogg_links
from webui.audio.containers.riff import CAF_START_BYTES, IFF_START_BYTES, UNKNOWN_FROM, chunks
from webui.audio.containers.sniff import W64_START, detect_container
from webui.audio.containers.tags import MAX_CANDIDATES, find_all, skip_zeros, tag_end
from webui.audio.source import Source

MAX_PARTS: Final = 1_000
MIN_UNUSED_BYTES: Final = 32  # fewer are padding, whatever their values
AU_SIZE_UNKNOWN: Final = 0xFFFF_FFFF
_MP4: Final = frozenset({"mp4", "m4a", "mov", "3gp"})
_MP4_BOXES: Final = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"meta", b"udta"}
)
_MATROSKA: Final = frozenset({"mkv", "webm"})
_MATROSKA_START: Final = HEADER.to_bytes(4, "big")
_RIFF: Final = frozenset({"wav", "rf64"})
_FILLERS: Final = (0xEC, 0xBF)  # void, checksum


@dataclass(frozen=True, slots=True)
class JoinedParts:
    """The recordings in a file.

    Attributes:
        parts: each recording as a separate file; the file itself if it contains only one.
        unused_bytes: number of bytes after the last recording that are neither a tag nor padding.
    """

    parts: tuple[Source, ...]
    unused_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    """The recordings of one file, each as pieces, and the positions where the file can end (with padding or not)."""

    recordings: tuple[tuple[range, ...], ...]
    ends: tuple[int, ...]


def split_joined(source: Source, container: str | None) -> JoinedParts:
    """Returns the recordings in a file, of which only the first would be decoded otherwise.

    Later recordings are found only if they have the same container as the first.
    """
    if container == "ogg":
        links = ogg_links(source)
        return _split_at(source, [link.start for link in links] if needs_splitting(links) else [])
    if container is not None and has_known_start(container):
        return _split_at(source, [0, *itertools.islice(later_starts(source, container), MAX_PARTS)])
    find_end = _FIND_END.get(container or "")
    return _walk(source, container, find_end) if find_end is not None else JoinedParts((source,))


def _split_at(source: Source, starts: list[int]) -> JoinedParts:
    if len(starts) < 2:
        return JoinedParts((source,))
    places = list(itertools.pairwise([*starts, source.size_bytes]))[:MAX_PARTS]
    parts = tuple(source.view([range(start, stop)]) for start, stop in places)
    return JoinedParts(parts, source.size_bytes - places[-1][1])


def _walk(source: Source, container: str | None, find_end: Callable[[Source], _File | None]) -> JoinedParts:
    parts: list[Source] = []
    position = 0
    while len(parts) < MAX_PARTS:
        rest = source if position == 0 else source.view([range(position, source.size_bytes)])
        if position and not _same_kind(detect_container(rest.head), container):
            break
        file = find_end(rest)
        if file is None:
            return JoinedParts((*parts, rest))
        whole = len(file.recordings) == 1 and file.ends[0] >= rest.size_bytes
        parts += [rest] if whole else [rest.view(pieces) for pieces in file.recordings]
        position += _next_start(rest, container, file.ends)
        if position >= source.size_bytes:
            break
    unused_bytes = source.size_bytes - position
    return JoinedParts(tuple(parts), unused_bytes if unused_bytes >= MIN_UNUSED_BYTES else 0)


def _next_start(source: Source, container: str | None, ends: tuple[int, ...]) -> int:
    """Returns the position of the data after a recording, behind tags and padding."""
    for end in ends:
        if end < source.size_bytes and _same_kind(detect_container(source.read_at(end, 64)), container):
            return end
    position = min(ends[0], source.size_bytes)
    while position < source.size_bytes:
        following = skip_zeros(source, position, source.size_bytes)
        tag = tag_end(source, following)
        if tag is None:
            return following
        position = tag
    return position


def _same_kind(found: str | None, expected: str | None) -> bool:
    return found == expected or any(found in kinds and expected in kinds for kinds in (_MP4, _MATROSKA, _RIFF))


def _chunk_file(source: Source) -> _File | None:
    """Returns the extent of a WAV, RF64, AIFF or CAF file; each further chunk of samples is a separate recording."""
    magic = source.head[:4]
    first: tuple[int, int] | None = None  # the start and the end of the first chunk of samples
    others: list[range] = []
    position = CAF_START_BYTES if magic == b"caff" else IFF_START_BYTES
    for chunk in chunks(source, magic):
        end = chunk.start + chunk.size
        if first is not None and not (_is_name(chunk.name) and end <= source.size_bytes):
            break
        if first is not None and detect_container(source.read_at(position, 64)) is not None:
            break
        if chunk.name in (b"data", b"SSND"):
            if first is None and (chunk.size == 0 or UNKNOWN_FROM <= chunk.size <= 0xFFFF_FFFF):
                return None  # the samples reach to the end of the file
            if first is None:
                first = (position, end)
            elif chunk.size:
                others.append(range(position, end))
        position = end + (chunk.size & 1 if magic != b"caff" else 0)
    if first is None or first[1] > source.size_bytes:
        return None
    whole = range(first[1] if others else min(position, source.size_bytes))
    recordings = ((whole,), *((range(first[0]), other) for other in others))
    return _File(recordings, (position, position - 1))


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)


def _w64_file(source: Source) -> _File | None:
    end = int.from_bytes(source.head[16:24], "little")
    return _File(((range(end),),), (end,)) if len(W64_START) + 8 < end < source.size_bytes else None


def _au_file(source: Source) -> _File | None:
    start, size = (int.from_bytes(source.head[at : at + 4], "big") for at in (4, 8))
    end = start + size
    if size in (0, AU_SIZE_UNKNOWN) or start < 24 or end >= source.size_bytes:
        return None
    return _File(((range(end),),), (end,))


def _mp4_file(source: Source) -> _File | None:
    """Returns the extent of an MP4 file.

    In a file that consists of fragments, the header can be repeated before every fragment. A repeated header begins
    another recording only if the time of the fragment after it is not later than those before.
    """
    end, last_time = 0, -1
    has_samples = False
    header: int | None = None  # position of a header after samples
    for box in top_level_boxes(source):
        if box.end > source.size_bytes and box.name not in _MP4_BOXES:
            break
        time = _fragment_time(source, box) if box.name == b"moof" else -1
        if box.name == b"ftyp" and has_samples and header is None:
            header = box.start
        elif header is not None and box.name in (b"moof", SAMPLES_BOX):
            if time <= last_time:
                break
            header = None
        last_time = max(time, last_time)
        has_samples = has_samples or box.name == SAMPLES_BOX
        end = min(box.end, source.size_bytes)
    end = end if header is None else header
    return _File(((range(end),),), (end,)) if has_samples and end < source.size_bytes else None


def _fragment_time(source: Source, fragment: Box) -> int:
    """Returns the time at which a fragment begins, in units of its track; -1 if it states none."""
    head = source.read_at(fragment.start, 512)
    at = head.find(b"tfdt")
    size = 8 if at >= 0 and head[at + 4 : at + 5] == b"\1" else 4
    return int.from_bytes(head[at + 8 : at + 8 + size], "big") if at >= 0 else -1


def _matroska_file(source: Source) -> _File | None:
    """Returns the extent of a Matroska file; if its segment has an unknown length, the next file is searched for."""
    position, has_segment = 0, False
    for identifier, start, end in elements(source, 0, source.size_bytes):
        if identifier == HEADER and has_segment:
            break
        if identifier == SEGMENT:
            has_segment = True
            if source.read_at(start - 1, 1) == b"\xff" and end == source.size_bytes:  # a segment of unknown size
                found = itertools.islice(find_all(source, _MATROSKA_START, start=start), MAX_CANDIDATES)
                end = next((at for at in found if _starts_matroska(source, at)), end)
        elif identifier not in (HEADER, *_FILLERS):
            break
        position = end
    return _File(((range(position),),), (position,)) if has_segment and position < source.size_bytes else None


def _starts_matroska(source: Source, position: int) -> bool:
    head = source.read_at(position, 64)
    return b"\x42\x82" in head and (b"webm" in head or b"matroska" in head)


_FIND_END: Final[dict[str, Callable[[Source], _File | None]]] = {
    **dict.fromkeys(("wav", "rf64", "aiff", "caf"), _chunk_file),
    **dict.fromkeys(("mp4", "m4a", "mov", "3gp"), _mp4_file),
    **dict.fromkeys(("mkv", "webm"), _matroska_file),
    "w64": _w64_file,
    "au": _au_file,
}
