"""Units and rates that several parts of the program share."""

from typing import Final

BYTES_PER_MB: Final = 1_000_000
BYTES_PER_GB: Final = 1_000_000_000
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
SPEECH_RATE: Final = 16_000  # Hz; for processed_audio.wav, speech detection and every published model here


def as_megabytes(size_bytes: float) -> float | int:
    """Returns ``size_bytes`` in megabytes with one decimal, or as an integer if the decimal is zero."""
    megabytes = round(size_bytes / BYTES_PER_MB, 1)
    return int(megabytes) if megabytes.is_integer() else megabytes
