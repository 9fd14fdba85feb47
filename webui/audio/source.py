"""The bytes of one recording, from a path or from memory, as a stream whose methods never raise I/O errors."""

import bisect
import io
import itertools
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from webui.audio.base64_text import data_url_start, decoded_file
from webui.audio.limits import DecodeLimits
from webui.errors import AudioDecodeError, AudioFetchError, AudioTooLongError, EmptyAudioError
from webui.units import BYTES_PER_MB

HEAD_BYTES: Final = 4096
NAMELESS: Final = "recording"


class _SeekableFile(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


class ByteStream:
    """A seekable stream for the readers.

    Decoders call it from C code, where an exception would be printed and lost. Therefore an invalid seek, which
    damaged files cause, leaves the position unchanged; a failed read returns no bytes and is recorded in ``failure``.
    The stream deliberately has no file name: decoders must use only the content and can't open files next to this one.
    """

    def __init__(self, file: _SeekableFile) -> None:
        self._file = file
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        """Returns up to ``size`` bytes; an empty result means the end of the file."""
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
        """Moves to a position and returns it; returns -1 without moving if there is no such position."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1

    def tell(self) -> int:
        """Returns the current position in bytes."""
        return self._file.tell()


@dataclass(frozen=True, slots=True)
class Source:
    """An opened recording.

    Attributes:
        stream: stream of the file's bytes.
        head: the first bytes of the file, up to ``HEAD_BYTES``.
        size_bytes: size of the file.
        file_name: the file name known to the user, without folders.
    """

    stream: ByteStream
    head: bytes
    size_bytes: int
    file_name: str

    def rewound(self) -> ByteStream:
        """Returns the stream, positioned at its start."""
        self.stream.seek(0)
        return self.stream

    def read_at(self, position: int, size: int) -> bytes:
        """Returns up to ``size`` bytes from ``position``."""
        self.stream.seek(position)
        return self.stream.read(size)

    def view(self, pieces: "Sequence[range | bytes]") -> "Source":
        """Returns a source made of pieces of this one, for example without a tag, which reads from the same stream.

        Args:
            pieces: ranges of positions in this source and bytes of other content, in order.
        """
        file = _Pieces(self.stream, pieces)
        return replace(self, stream=ByteStream(file), head=file.read(HEAD_BYTES), size_bytes=file.size_bytes)


class _Pieces:
    """A file made of pieces of a stream and of other bytes."""

    def __init__(self, stream: ByteStream, pieces: Sequence[range | bytes]) -> None:
        self._stream = stream
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = [0, *itertools.accumulate(len(piece) for piece in self._pieces)]
        self._at = 0
        self.size_bytes = self._starts[-1]

    def read(self, size: int = -1, /) -> bytes:
        stop = self.size_bytes if size < 0 else min(self._at + size, self.size_bytes)
        blocks = []
        while self._at < stop:
            index = bisect.bisect_right(self._starts, self._at) - 1
            piece, offset = self._pieces[index], self._at - self._starts[index]
            wanted = min(stop - self._at, len(piece) - offset)
            if isinstance(piece, bytes):
                data = piece[offset : offset + wanted]
            else:
                self._stream.seek(piece.start + offset)
                data = self._stream.read(wanted)
            if not data:
                break
            blocks.append(data)
            self._at += len(data)
        return b"".join(blocks)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size_bytes}[whence]
        if position < 0:
            raise ValueError("a negative position")
        self._at = position
        return position

    def tell(self) -> int:
        return self._at


@contextmanager
def open_source(given: Path | bytes, limits: DecodeLimits, file_name: str | None) -> Iterator[Source]:
    """Opens a recording.

    Args:
        given: path of a regular file, or its bytes.
        limits: maximum size and length, of which the size is checked here.
        file_name: the file name known to the user, by default that of the path.

    Raises:
        AudioFetchError: the path does not exist, is not a regular file, or can't be read.
        EmptyAudioError: the file is empty.
        AudioTooLongError: the file is too large.
    """
    name = display_name(file_name if file_name is not None else given.name if isinstance(given, Path) else NAMELESS)
    with ExitStack() as opened:
        file: BinaryIO = opened.enter_context(io.BytesIO(given) if isinstance(given, bytes) else _open_file(given))
        size_bytes = file.seek(0, io.SEEK_END)
        _check_size(size_bytes, limits, name)
        if (decoded := _decoded(file, name)) is not None:
            file = opened.enter_context(decoded)
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
            if stream.failure is not None:  # the decoders may have treated it as the end of the file
                raise _unreadable(name, stream.failure) from stream.failure


def display_name(name: str) -> str:
    """Returns a file name fit for a log line: without folders or unprintable characters, and never empty."""
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in base) or NAMELESS


def _open_file(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode  # checked first, because opening a pipe would wait for its other end
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


def _decoded(file: BinaryIO, name: str) -> BinaryIO | None:
    """Returns the content of a file that is a data: URL, as some mini programs save their recordings; else None."""
    try:
        file.seek(0)
        start = data_url_start(file.read(HEAD_BYTES))
        return decoded_file(file, start) if start is not None else None
    except ValueError as err:
        raise AudioDecodeError("audio.bad_data_url", found=name, reason=str(err)) from err
    except OSError as err:
        raise _unreadable(name, err) from err


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
