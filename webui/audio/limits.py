"""How much audio is accepted, and what is the least that makes sense."""

from dataclasses import dataclass
from typing import Final, Self

from webui.units import BYTES_PER_MB

MIN_SAMPLES: Final = 400  # 25 ms at 16 kHz: one model frame
MAX_CHANNELS: Final = 512
MIN_SOURCE_RATE: Final = 4_000  # Hz; telephones have 8,000
MAX_SOURCE_RATE: Final = 768_000  # Hz; the highest that converters record at


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """How much is accepted.

    Attributes:
        max_bytes: the largest file, checked before anything is read.
        max_duration_s: the longest recording in seconds, checked on what is decoded, while it is decoded. What a
            header promises does not count.
    """

    max_bytes: int
    max_duration_s: float

    @classmethod
    def of(cls, max_mb: float, max_duration_s: float) -> Self:
        """Returns the limits of the settings, which count megabytes."""
        return cls(int(max_mb * BYTES_PER_MB), max_duration_s)
