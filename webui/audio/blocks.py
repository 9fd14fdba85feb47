"""What the two readers have in common: samples come in blocks, and damage does not lose those before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

from webui.arrays import FloatArray

BLOCK_VALUES: Final = 1 << 17  # samples x channels of a block: half a megabyte, whatever the file claims


class CannotOpenError(Exception):
    """This library can't open the file; another may. Never leaves the audio package."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a recording.

    Attributes:
        samples: signal values of shape ``(samples, channels)``; full scale is -1 to 1.
        sample_rate: the sample rate in Hz. It can change from block to block.
    """

    samples: FloatArray
    sample_rate: int


class AudioReader(Protocol):
    """An opened recording.

    Attributes:
        format: container and codec, for instance ``wav/pcm_s16le``.
        tracks: how many audio tracks there are; the reader reads one.
        declared_s: length in seconds that an index in the file states; None if nothing trustworthy does.
        length_s: length in seconds to expect by the file's header; it may be an estimate, or false. None if there is
            none.
        failure: what went wrong while reading; None as long as everything could be decoded.
    """

    format: str
    tracks: int
    declared_s: float | None
    length_s: float | None
    failure: Exception | None

    def blocks(self) -> Iterator[Block]:
        """Yields the recording in order. Never raises for damage: see ``failure`` afterwards."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
