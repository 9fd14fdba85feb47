"""Randomly damaged audio files: bytes changed, removed, repeated or replaced; the same for the same seed."""

import random
from collections.abc import Iterator

from tests.support.audio_files import FORMATS, voice

SECONDS = 0.6


def mutated_files(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents, cycling through all formats."""
    rng = random.Random(seed)
    whole = {form.label: form.make(voice(SECONDS, form.rate), form.rate) for form in FORMATS}
    labels = list(whole)
    for number in range(count):
        label = labels[number % len(labels)]
        yield f"{number}.{label}", _mutate(bytearray(whole[label]), rng)


def _mutate(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        if not data:
            break
        at = rng.randrange(min(len(data), rng.choice((16, 64, 512, len(data)))))
        match rng.randrange(6):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
            case 2:
                del data[at : at + rng.randrange(1, 200)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 500)]
            case 4:
                del data[max(at, 1) :]
            case _:
                data[at : at + 64] = rng.randbytes(64)
    return bytes(data)
