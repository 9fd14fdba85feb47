"""Finds recordings that are encrypted: MP4 (Common Encryption, FairPlay, Audible), Matroska and ASF."""

import itertools
from collections.abc import Iterator
from typing import Final

from webui.audio.containers.ebml import SEGMENT, elements
from webui.audio.containers.mp4 import Box, boxes, top_level_boxes
from webui.audio.source import Source
from webui.errors import AudioDecodeError

PROTECTED_ENTRIES: Final = frozenset({b"enca", b"drms", b"drmi", b"aavd"})  # instead of the codec
MAX_HEADER_BYTES: Final = 1 << 20
MAX_TRACKS: Final = 64
MAX_CHILDREN: Final = 256
ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTION: Final = (
    bytes.fromhex("fbb31122 23bd d211 b4b7 00a0c955fc6e"),  # content encryption
    bytes.fromhex("14e68a29 2226 174c b935 dae07ee9289c"),  # extended content encryption
)
_CLUSTER, _TRACKS, _TRACK = 0x1F43B675, 0x1654AE6B, 0xAE
_TYPE, _ENCODINGS, _ENCODING, _ENCRYPTION = 0x83, 0x6D80, 0x6240, 0x5035
_AUDIO: Final = b"\x02"


def reject_protected(source: Source, container: str | None) -> None:
    """Raises AudioDecodeError if all audio tracks of a recording are encrypted."""
    if container in ("mp4", "m4a", "mov", "3gp"):
        tracks = list(_mp4_tracks(source))
    elif container in ("mkv", "webm"):
        tracks = list(_matroska_tracks(source))
    else:
        tracks = [_asf_is_protected(source)]
    if tracks and all(tracks):
        raise AudioDecodeError("audio.protected", found=source.file_name)


def _mp4_tracks(source: Source) -> Iterator[bool]:
    """Yields for each audio track whether it is encrypted."""
    movies = (box for box in top_level_boxes(source) if box.name == b"moov")
    tracks = (box for movie in movies for box in _children(source, movie) if box.name == b"trak")
    for track in itertools.islice(tracks, MAX_TRACKS):
        handler = _inside(source, track, b"mdia", b"hdlr")
        table = _inside(source, track, b"mdia", b"minf", b"stbl", b"stsd")
        if handler is None or table is None or source.read_at(handler.content + 8, 4) != b"soun":
            continue
        entries = [box.name for box in itertools.islice(boxes(source, table.content + 8, table.end), MAX_CHILDREN)]
        yield bool(entries) and all(name in PROTECTED_ENTRIES for name in entries)


def _children(source: Source, box: Box) -> Iterator[Box]:
    return itertools.islice(boxes(source, box.content, box.end), MAX_CHILDREN)


def _inside(source: Source, box: Box, *names: bytes) -> Box | None:
    """Returns the first box at a path of names inside ``box``."""
    found: Box | None = box
    for name in names:
        found = next((child for child in _children(source, found) if child.name == name), None) if found else None
    return found


def _matroska_tracks(source: Source) -> Iterator[bool]:
    """Yields for each audio track before the first cluster whether it is encrypted."""
    for segment, start, stop in elements(source, 0, source.size_bytes):
        if segment != SEGMENT:
            continue
        for element, inner, inner_stop in elements(source, start, stop):
            if element == _CLUSTER:
                return
            if element == _TRACKS:
                tracks = source.read_at(inner, min(inner_stop - inner, MAX_HEADER_BYTES))
                yield from _track_encryption(source.view([tracks]))


def _track_encryption(tracks: Source) -> Iterator[bool]:
    for track, start, stop in elements(tracks, 0, tracks.size_bytes):
        if track != _TRACK:
            continue
        content = list(elements(tracks, start, stop))
        if any(kind == _TYPE and tracks.read_at(at, end - at) == _AUDIO for kind, at, end in content):
            encodings = [place for kind, *place in content if kind == _ENCODINGS]
            encoding = [place for at in encodings for kind, *place in elements(tracks, *at) if kind == _ENCODING]
            yield any(kind == _ENCRYPTION for at in encoding for kind, *_ in elements(tracks, *at))


def _asf_is_protected(source: Source) -> bool:
    if not source.head.startswith(ASF_HEADER):
        return False
    header = source.read_at(0, min(int.from_bytes(source.head[16:24], "little"), MAX_HEADER_BYTES))
    return any(identifier in header for identifier in _ASF_ENCRYPTION)
