"""Reads recordings that were joined into one file, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Self

from webui.audio.blocks import MISSING_S, AudioReader, Block, CannotOpenError, Silence
from webui.audio.source import Source
from webui.errors import AudioDecodeError


class JoinedReader:
    """Reads several recordings as one; see ``AudioReader`` for the attributes.

    Args:
        parts: the recordings, each as a separate file.
        open_reader: opens one of them.

    Raises:
        CannotOpenError: the first recording can't be opened.
        AudioDecodeError: the first recording has no audio, or its codec is unknown.
    """

    def __init__(self, parts: Sequence[Source], open_reader: Callable[[Source], AudioReader]) -> None:
        self._parts = parts
        self._open_reader = open_reader
        self._reader = open_reader(parts[0])
        self.format = self._reader.format
        self.tracks = self._reader.tracks
        self.track = self._reader.track
        self.other_tracks = self._reader.other_tracks
        self.length_s: float | None = None
        self.declared_s: float | None = None
        self.failure: Exception | None = None
        self.silence = Silence()
        self.unused_bytes = 0

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks of all recordings in order."""
        yield from self._blocks_of_one()
        for part in self._parts[1:]:
            self._reader.__exit__()
            try:
                self._reader = self._open_reader(part)
            except (CannotOpenError, AudioDecodeError):
                self.unused_bytes += part.size_bytes
                continue
            self.tracks = max(self.tracks, self._reader.tracks)
            yield from self._blocks_of_one()

    def _blocks_of_one(self) -> Iterator[Block]:
        decoded_s = 0.0
        for block in self._reader.blocks():
            decoded_s += len(block.samples) / block.sample_rate
            yield block
        declared_s = self._reader.declared_s
        if declared_s is None or declared_s <= decoded_s + MISSING_S:
            declared_s = decoded_s
        self.declared_s = (self.declared_s or 0.0) + declared_s
        self.failure = self.failure or self._reader.failure
        silence = self._reader.silence
        self.silence.total_s += silence.total_s
        self.silence.gap_s += silence.gap_s
        self.silence.gaps += silence.gaps

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()
