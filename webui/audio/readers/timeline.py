"""Places decoded frames on the time axis of the file."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from webui.audio.blocks import BLOCK_VALUES, Block, Silence

MIN_GAP_S: Final = 0.1  # smaller differences are jitter of the timestamps, or padding of the codec


class Timeline:
    """Finds the silence that is needed before each frame, so that it starts at the time of its timestamp.

    A frame that starts less than 0.1 s late follows the one before without silence. A timestamp that goes backwards
    starts a new time axis at the current position, because joined and chained recordings start again at zero.

    Args:
        start_s: timestamp of the start of the recording, in seconds; None: that of its first frame.
        first_page_s: timestamp of the end of the first page of an Ogg file. FFmpeg counts the frames of that page from
            zero for some codecs, although the page may state a later time.
    """

    def __init__(self, start_s: float | None, *, first_page_s: float | None = None) -> None:
        self._start_s = start_s
        self._first_page_s = first_page_s
        self._position_s = 0.0
        self._last_s: float | None = None
        self.silence = Silence()

    def gap_before(self, timestamp_s: float | None, *, damaged: bool) -> float:
        """Returns the seconds of silence before a frame, and adds them to ``silence``.

        Args:
            timestamp_s: timestamp of the frame in seconds; None if it has none.
            damaged: whether packets between this frame and the one before could not be decoded.
        """
        if timestamp_s is None:
            return 0.0
        first = self._last_s is None
        backwards = timestamp_s < (self._last_s if self._last_s is not None else timestamp_s) - MIN_GAP_S
        self._last_s = timestamp_s
        after_first_page = self._first_page_s is not None and abs(timestamp_s - self._first_page_s) <= MIN_GAP_S
        if self._start_s is None or backwards or after_first_page:
            self._start_s = timestamp_s - self._position_s
        gap_s = timestamp_s - self._start_s - self._position_s
        if gap_s <= MIN_GAP_S:
            return 0.0
        self._position_s += gap_s
        self.silence.total_s += gap_s
        if not first and not damaged:
            self.silence.gap_s += gap_s
            self.silence.gaps += 1
        return gap_s

    def advance(self, seconds: float) -> None:
        """Moves the position by the length of a frame."""
        self._position_s += seconds


def silent_blocks(seconds: float, sample_rate: int, channels: int) -> Iterator[Block]:
    """Yields blocks of silence, each of which states how much silence follows it."""
    left = round(seconds * sample_rate)
    longest = max(1, BLOCK_VALUES // channels)
    while left > 0:
        samples = min(left, longest)
        left -= samples
        yield Block(np.zeros((samples, channels), np.float32), sample_rate, left / sample_rate)
