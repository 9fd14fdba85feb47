"""The bytes of one recording, from a path or from memory, as a stream that never raises into a C library."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from webui.audio.limits import DecodeLimits
from webui.errors import AudioFetchError, AudioTooLongError, EmptyAudioError
from webui.units import BYTES_PER_MB

HEAD_BYTES: Final = 4096
NAMELESS: Final = "recording"


class ByteStream:
    """A seekable stream for the readers.

    Decoders call back into it from C, where an exception would be printed and lost: an impossible seek (damaged files
    cause it) leaves the position where it is, a failing read returns nothing and is kept in ``failure``.
    It has no name on purpose: the decoders go by content alone, and so can't find any file beside this one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        """Returns up to ``size`` bytes, none at the end."""
        try:
            return self._file.read(size)
        except OSError as err:
            self.failure = err
            return b""

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fills ``buffer`` and returns how many bytes were read."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves, if it can, and returns the new position; -1 if there is no such position."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1

    def tell(self) -> int:
        """Returns the position in bytes."""
        return self._file.tell()


@dataclass(frozen=True, slots=True)
class Source:
    """An opened recording.

    Attributes:
        stream: its bytes.
        head: the first bytes, up to ``HEAD_BYTES``.
        size_bytes: the number of bytes.
        file_name: the name the user knows it by, without folders.
    """

    stream: ByteStream
    head: bytes
    size_bytes: int
    file_name: str

    def rewound(self) -> ByteStream:
        """Returns the stream, at its start."""
        self.stream.seek(0)
        return self.stream


@contextmanager
def open_source(given: Path | bytes, limits: DecodeLimits, file_name: str | None) -> Iterator[Source]:
    """Opens a recording.

    Args:
        given: an ordinary file, or its bytes.
        limits: how much is accepted; the bytes are checked here.
        file_name: what the user calls it; by default the path's name.

    Raises:
        AudioFetchError: the path leads nowhere, to a folder or another thing that is no file, or can't be read.
        EmptyAudioError: there are no bytes.
        AudioTooLongError: there are too many bytes.
    """
    name = display_name(file_name if file_name is not None else given.name if isinstance(given, Path) else NAMELESS)
    with io.BytesIO(given) if isinstance(given, bytes) else _open_file(given) as file:
        size_bytes = file.seek(0, io.SEEK_END)
        _check_size(size_bytes, limits, name)
        stream = ByteStream(file)
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        if stream.failure is not None:
            raise _unreadable(name, stream.failure) from stream.failure
        try:
            yield Source(stream, head, size_bytes, name)
        finally:
            if stream.failure is not None:  # whatever the decoders made of it
                raise _unreadable(name, stream.failure) from stream.failure


def display_name(name: str) -> str:
    """Returns a file name fit for a log line: no folders of any system, nothing unprintable, never empty."""
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in base) or NAMELESS


def _open_file(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode  # before opening: to open a pipe would wait for its other end
        if stat.S_ISDIR(mode):
            raise AudioFetchError("audio.is_folder", found=str(path))
        if not stat.S_ISREG(mode):
            raise AudioFetchError("audio.not_a_file", found=str(path))
        return path.open("rb")
    except FileNotFoundError as err:
        raise AudioFetchError("audio.no_such_file", found=str(path)) from err
    except OSError as err:
        raise _unreadable(str(path), err) from err
    except ValueError as err:  # a null character in the path
        raise AudioFetchError("audio.no_such_file", found=str(path)) from err


def _check_size(size_bytes: int, limits: DecodeLimits, name: str) -> None:
    if size_bytes == 0:
        raise EmptyAudioError("audio.empty_file", found=name)
    if size_bytes > limits.max_bytes:
        raise AudioTooLongError(
            "audio.too_many_bytes",
            found=name,
            found_mb=size_bytes / BYTES_PER_MB,
            expected_mb=limits.max_bytes / BYTES_PER_MB,
        )


def _unreadable(found: str, err: OSError) -> AudioFetchError:
    return AudioFetchError("audio.unreadable", found=found, reason=err.strerror or type(err).__name__)
