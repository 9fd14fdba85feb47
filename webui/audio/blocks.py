"""The interface of the two readers: samples are read in blocks, so damage does not lose the blocks before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

from webui.arrays import FloatArray

BLOCK_VALUES: Final = 1 << 17  # samples x channels per block: half a megabyte, whatever the header claims

MISSING_S: Final = 0.25  # a smaller difference between the stated and the decoded length is codec padding


class CannotOpenError(Exception):
    """This library can't open the file, but another one may; caught inside the audio package."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of a recording.

    Attributes:
        samples: signal values of shape ``(samples, channels)``; full scale is -1 to 1.
        sample_rate: sample rate in Hz; it can change from block to block.
        following_s: length in seconds of the silence that is certain to follow, so that a limit can be applied before a
            long gap is written.
    """

    samples: FloatArray
    sample_rate: int
    following_s: float = 0.0


@dataclass(slots=True)
class Silence:
    """The silence that a reader inserted where the timestamps of the file have gaps.

    Attributes:
        total_s: seconds of silence in all.
        gap_s: seconds of silence between two frames that were both decoded, without damage in between.
        gaps: number of these gaps.
    """

    total_s: float = 0.0
    gap_s: float = 0.0
    gaps: int = 0


class AudioReader(Protocol):
    """An opened recording.

    Attributes:
        format: container and codec, for instance ``wav/pcm_s16le``.
        tracks: number of audio tracks in the file, of which the reader reads one.
        track: number of the track that is read, from 1.
        other_tracks: numbers of the other tracks that can be decoded.
        declared_s: length in seconds that an index in the file states; None if the file has no reliable index.
        length_s: expected length in seconds according to the file's header, which may be an estimate or wrong. None if
            the header states no length.
        failure: the first error while reading; None as long as everything could be decoded.
        silence: the silence that was inserted so far.
        unused_bytes: number of bytes at the end of the file that are not padding and were not read.
    """

    format: str
    tracks: int
    track: int
    other_tracks: tuple[int, ...]
    declared_s: float | None
    length_s: float | None
    failure: Exception | None
    silence: Silence
    unused_bytes: int

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks in order. Damage does not raise an error but sets ``failure``."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
