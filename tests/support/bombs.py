"""Small request bodies that expand when they are decoded."""

import io
import zipfile
import zlib
from typing import Final

import numpy as np
import soundfile

from tests.support.audio_files import pcm16, riff, voice

JSON_BOMBS: Final = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "a long number": b'{"window_s":' + b"9" * 6000 + b"}",
}


def audio_bombs() -> dict[str, bytes]:
    """Returns audio uploads by name."""
    silence = io.BytesIO()
    with soundfile.SoundFile(silence, "w", 8000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(8000 * 60, dtype=np.int16))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.wav", bytes(20_000_000))
    gzip = zlib.compressobj(9, wbits=31)
    return {
        "an hour in half a megabyte": silence.getvalue(),
        "zip": archive.getvalue(),
        "gzip": gzip.compress(bytes(20_000_000)) + gzip.flush(),
        "a WAV of 4 GB": riff(pcm16(voice(0.1)))[:40] + b"\xff\xff\xff\xff",
        "a WAV of 65535 channels": b"RIFF\x24\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\xff\xff\x80>\0\0\0\0\0\0"
        b"\xfe\xff\x10\0data\xff\xff\xff\xff" + bytes(1000),
    }
