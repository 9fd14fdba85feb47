"""Limits of the audio that is accepted."""

from dataclasses import dataclass
from typing import Final, Self

from webui.units import BYTES_PER_MB

MIN_SAMPLES: Final = 400  # 25 ms at 16 kHz: one model frame
MAX_CHANNELS: Final = 512
MIN_SOURCE_RATE: Final = 4_000  # Hz; telephone audio is sampled at 8,000 Hz
MAX_SOURCE_RATE: Final = 768_000  # Hz; the highest rate of audio converters


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Maximum size and length of a recording.

    Attributes:
        max_bytes: maximum size of the file, checked before anything is read.
        max_duration_s: maximum length in seconds, checked against the samples while they are decoded and not against
            the length in the header.
    """

    max_bytes: int
    max_duration_s: float

    @classmethod
    def of(cls, max_mb: float, max_duration_s: float) -> Self:
        """Returns the limits from settings, which are in megabytes."""
        return cls(int(max_mb * BYTES_PER_MB), max_duration_s)
