"""Finds the headers of later recordings in joined files of formats that don't state where a recording ends."""

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from webui.audio.containers.sniff import ASF_START
from webui.audio.containers.tags import MAX_CANDIDATES, find_all
from webui.audio.source import Source

_CHECKED_BYTES: Final = 64
_WV_INITIAL: Final = 1 << 11  # the first block of all channels


def _is_flv(head: bytes) -> bool:
    return head[5:9] == b"\0\0\0\x09"


def _is_tta(head: bytes) -> bool:
    return zlib.crc32(head[:18]) == int.from_bytes(head[18:22], "little")


def _is_first_wv_block(head: bytes) -> bool:
    flags = int.from_bytes(head[24:28], "little")
    return len(head) >= 32 and head[10] == 0 and head[16:20] == b"\0\0\0\0" and bool(flags & _WV_INITIAL)


def _is_flac(head: bytes) -> bool:
    return head[4:].startswith(_STREAMINFO)


def _is_amr(head: bytes) -> bool:
    return head[5:].startswith((b"\n", b"-WB\n"))


def _is_any(_head: bytes) -> bool:
    return True


_STREAMINFO: Final = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")  # the first block of every FLAC
_STARTS: Final[dict[str, tuple[bytes, Callable[[bytes], bool]]]] = {
    "flac": (b"fLaC", _is_flac),
    "amr": (b"#!AMR", _is_amr),
    "asf": (ASF_START, _is_any),
    "flv": (b"FLV\x01", _is_flv),
    "tta": (b"TTA1", _is_tta),
    "wv": (b"wvpk", _is_first_wv_block),
    "voc": (b"Creative Voice File\x1a", _is_any),
    "sph": (b"NIST_1A\n   1024\n", _is_any),
}


def has_known_start(container: str | None) -> bool:
    """Returns whether ``later_starts`` knows the header of a container."""
    return container in _STARTS


def later_starts(source: Source, container: str) -> Iterator[int]:
    """Yields the positions of the headers after the first one."""
    start, is_header = _STARTS[container]
    limit = None if container == "wv" else MAX_CANDIDATES  # every block of WavPack begins with the same bytes
    for position in itertools.islice(find_all(source, start, start=1), limit):
        if is_header(source.read_at(position, _CHECKED_BYTES)):
            yield position
