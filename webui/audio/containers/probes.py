"""Probes Ogg, MP3 and Matroska files for facts that the decoders don't report."""

from typing import Final

from webui.audio.containers.ogg import OGG_PAGE, OGG_TABLE_AT
from webui.audio.containers.stated_size import stated_bytes
from webui.audio.source import Source

OGG_PAGE_BYTES: Final = 65_307  # the longest page
MATROSKA_SEGMENT: Final = b"\x18\x53\x80\x67"
_OGG_AUDIO: Final = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
MAX_JOINED_SHARE: Final = 1 / 16  # as in FFmpeg, which estimates the length of an MP3 above this fraction
MP3_FRAME_BYTES: Final = 1_441  # the longest MPEG-1 layer III frame


def is_chained_ogg(source: Source) -> bool:
    """Returns whether an Ogg file contains several logical streams, of which libsndfile would read only the first."""
    page = _last_ogg_page(source)
    return page != b"" and page[14:18] != source.head[14:18]  # the serial number of the logical stream


def has_several_ogg_tracks(source: Source) -> bool:
    """Returns whether an Ogg file begins with several audio tracks, of which libsndfile would read only the first."""
    head, position, tracks = source.head, 0, 0
    while head.startswith(OGG_PAGE, position) and len(head) > position + OGG_TABLE_AT and head[position + 5] & 2:
        content = position + OGG_TABLE_AT + 1 + head[position + OGG_TABLE_AT]
        tracks += head.startswith(_OGG_AUDIO, content)
        position = content + sum(head[position + OGG_TABLE_AT + 1 : content])
    return tracks > 1


def is_cut_off(source: Source, container: str | None) -> bool:
    """Returns whether the end of the file is missing, for Ogg, Matroska, AVI, VOC and SPHERE.

    Args:
        source: the opened file.
        container: short name of the detected container; None if none was detected.
    """
    if container == "ogg":
        page = _last_ogg_page(source)
        lengths = page[OGG_TABLE_AT + 1 : OGG_TABLE_AT + 1 + page[OGG_TABLE_AT]] if len(page) > OGG_TABLE_AT else b""
        return page != b"" and len(page) < OGG_TABLE_AT + 1 + len(lengths) + sum(lengths)
    if container in ("mkv", "webm"):
        at = source.head.find(MATROSKA_SEGMENT)
        size = source.head[at + 4 : at + 12]  # after a first byte of 1: seven bytes of size; all ones: unknown
        if at < 0 or len(size) < 8 or size[0] != 1 or size[1:] == b"\xff" * 7:
            return False
        return at + 12 + int.from_bytes(size[1:], "big") > source.size_bytes
    return stated_bytes(source, container) > source.size_bytes


def has_mp3_index(source: Source) -> bool:
    """Returns whether an MP3 begins with a Xing or Info frame, which contains the true number of frames.

    Without such a frame, the length of an MP3 is an estimate from its bit rate. The frame does not count if it states a
    much smaller size than that of the file, because another file was then joined to it.
    """
    frame = source.read_at(0, MP3_FRAME_BYTES)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0:
        return False
    flags = frame[at + 7 : at + 8]
    size_at = at + 8 + (4 if flags and flags[0] & 1 else 0)
    stated = int.from_bytes(frame[size_at : size_at + 4], "big") if flags and flags[0] & 2 else source.size_bytes
    return source.size_bytes - stated <= source.size_bytes * MAX_JOINED_SHARE


def _last_ogg_page(source: Source) -> bytes:
    """Returns the file from the start of its last page; empty if it has no page."""
    source.stream.seek(max(0, source.size_bytes - OGG_PAGE_BYTES))
    tail = source.stream.read(OGG_PAGE_BYTES)
    last = tail.rfind(OGG_PAGE)
    return tail[last:] if last >= 0 else b""
