"""Options of decoding that a user can choose."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_SEPARATE_CHANNELS: Final = 8  # each needs its own samples on the disk and its own run of the model


class ChannelMode(StrEnum):
    """What is done with several channels, unless a single one is chosen by its index."""

    MIX = "mix"
    SEPARATE = "separate"


Channels = ChannelMode | int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """Options of decoding.

    Attributes:
        channels: ``mix`` averages the channels; ``separate`` also gives every channel for itself; a number is the index
            of the only channel to use, from 0.
    """

    channels: Channels = ChannelMode.MIX

    @property
    def separate(self) -> bool:
        """Whether every channel is also given for itself."""
        return self.channels == ChannelMode.SEPARATE

    @property
    def only_channel(self) -> int | None:
        """Index of the only channel to use; None if there is no such choice."""
        return self.channels if isinstance(self.channels, int) else None


DEFAULTS: Final = DecodeOptions()
