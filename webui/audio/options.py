"""Options of decoding that a user can choose."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

MAX_SEPARATE_CHANNELS: Final = 8  # each needs its own samples on the disk and its own run of the model
MAX_HEADERLESS_CHANNELS: Final = 8
MIN_HEADERLESS_RATE: Final = 4_000
MAX_HEADERLESS_RATE: Final = 768_000


class ChannelMode(StrEnum):
    """How several channels are used, unless a single one is chosen by its index."""

    MIX = "mix"
    SEPARATE = "separate"


Channels = ChannelMode | int


class RawCodec(StrEnum):
    """Codecs of samples without a header."""

    ALAW = "alaw"
    MULAW = "mulaw"
    U8 = "u8"
    S16LE = "s16le"
    S16BE = "s16be"
    S24LE = "s24le"
    S32LE = "s32le"
    F32LE = "f32le"


@dataclass(frozen=True, slots=True)
class Headerless:
    """Format of samples without a header.

    Attributes:
        codec: how a sample is stored.
        sample_rate: sample rate in Hz.
        channels: number of channels, interleaved.
    """

    codec: RawCodec
    sample_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, written: str) -> Self:
        """Parses ``CODEC,HZ,CHANNELS``, for example ``alaw,8000,1``; without channels it is mono.

        Raises:
            ValueError: the codec is unknown, or a number is missing or out of range.
        """
        fields = [field.strip() for field in written.replace("\N{FULLWIDTH COMMA}", ",").split(",")]
        if len(fields) not in (2, 3) or not all(field.isascii() and field.isdigit() for field in fields[1:]):
            raise ValueError("CODEC,HZ,CHANNELS is expected")
        rate, channels = int(fields[1]), int(fields[2]) if len(fields) > 2 else 1
        if not MIN_HEADERLESS_RATE <= rate <= MAX_HEADERLESS_RATE or not 1 <= channels <= MAX_HEADERLESS_CHANNELS:
            raise ValueError("the sample rate or the number of channels is out of range")
        return cls(RawCodec(fields[0].lower()), rate, channels)

    def __str__(self) -> str:
        return f"{self.codec},{self.sample_rate},{self.channels}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """Options of decoding.

    Attributes:
        track: number of the audio track to use, from 1; None: the best one that can be decoded and isn't silent.
        headerless: format of the samples of a file without a header; None: the format is detected.
        channels: ``mix`` averages the channels; ``separate`` also returns each channel separately; a number is the
            index of the only channel to use, from 0.
    """

    track: int | None = None
    headerless: Headerless | None = None
    channels: Channels = ChannelMode.MIX

    @property
    def separate(self) -> bool:
        """Whether each channel is also returned separately."""
        return self.channels == ChannelMode.SEPARATE

    @property
    def only_channel(self) -> int | None:
        """Index of the only channel to use; None if no single channel was chosen."""
        return self.channels if isinstance(self.channels, int) else None


DEFAULTS: Final = DecodeOptions()
