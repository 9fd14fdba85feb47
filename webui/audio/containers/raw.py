"""Samples without a header: reads them in a given format, and recognises files that look like them.

Telephone exchanges store calls as bare A-law or mu-law, other devices as bare PCM. Nothing in such a file states its
format, so it is read only in a format that the user states. The samples get the header of a WAV and are decoded as one.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webui.audio.options import Headerless, RawCodec
from webui.audio.source import Source
from webui.errors import AudioDecodeError

RAW: Final = "raw"
_MAX_SIZE: Final = 0xFFFF_FFFF - 64
_PCM, _FLOAT, _ALAW, _MULAW = 1, 3, 6, 7  # format tags of WAV
_FORMATS: Final[dict[RawCodec, tuple[int, int]]] = {  # format tag, bytes per sample
    RawCodec.ALAW: (_ALAW, 1),
    RawCodec.MULAW: (_MULAW, 1),
    RawCodec.U8: (_PCM, 1),
    RawCodec.S16LE: (_PCM, 2),
    RawCodec.S16BE: (_PCM, 2),
    RawCodec.S24LE: (_PCM, 3),
    RawCodec.S32LE: (_PCM, 4),
    RawCodec.F32LE: (_FLOAT, 4),
}

WINDOW_BYTES: Final = 4_800  # a multiple of the size of every codec's samples, for one and two channels
MAX_WINDOWS: Final = 24  # spread over the file
MIN_WINDOWS: Final = 3  # with sound
MIN_BYTES: Final = 8_000  # half a second of 16-bit samples at 8 kHz, a second of A-law
MIN_CORRELATION: Final = 0.6  # of a sample with the one before; of random bytes it is below 0.1
MAX_OFFSET: Final = 0.3  # mean over root mean square; all bytes of text are on one side of zero
CHANNEL_MARGIN: Final = 0.02  # by which the correlation of stereo must exceed that of mono
RARE_MARGIN: Final = 0.1  # 16-bit stereo also looks like 32-bit mono
PHONE_RATE, SPEECH_RATE = 8_000, 16_000
_Samples = NDArray[np.floating[Any]]


def with_header(source: Source, headerless: Headerless) -> Source:
    """Returns the samples as a WAV file."""
    tag, size = _FORMATS[headerless.codec]
    order, magic = (">", b"RIFX") if headerless.codec is RawCodec.S16BE else ("<", b"RIFF")
    align = headerless.channels * size
    samples = min(source.size_bytes // align * align, _MAX_SIZE // align * align)
    rate = headerless.sample_rate
    form = struct.pack(f"{order}HHIIHH", tag, headerless.channels, rate, rate * align, align, 8 * size)
    head = b"WAVEfmt " + struct.pack(f"{order}I", len(form)) + form + b"data" + struct.pack(f"{order}I", samples)
    return source.view([magic + struct.pack(f"{order}I", len(head) + samples) + head, range(samples)])


def reject_headerless(source: Source) -> None:
    """Raises AudioDecodeError with a likely format if the file looks like samples without a header."""
    found = likely_format(source)
    if found is not None:
        raise AudioDecodeError("audio.headerless", found=source.file_name, likely=str(found))


def likely_format(source: Source) -> Headerless | None:
    """Returns the format in which a file without a header looks most like sound; None if there is no such format.

    Neighbouring samples of sound are similar. Sound that is read in a wrong format is noise, as are compressed and
    random data; neighbouring bytes of text are similar, but all on one side of zero.
    """
    if source.size_bytes < MIN_BYTES:
        return None
    last = source.size_bytes - WINDOW_BYTES
    starts = {round(last * part / (MAX_WINDOWS - 1)) // 24 * 24 for part in range(MAX_WINDOWS)}
    windows = [source.read_at(start, WINDOW_BYTES) for start in sorted(starts)]
    if all(_is_utf8(window) for window in windows):
        return None
    best: tuple[float, Headerless] | None = None
    for codec, to_samples in _DECODERS.items():
        for channels in (1, 2):
            likeness = _likeness([to_samples(window) for window in windows], channels)
            rate = PHONE_RATE if codec in (RawCodec.ALAW, RawCodec.MULAW, RawCodec.U8) else SPEECH_RATE
            margin = RARE_MARGIN if codec is RawCodec.S32LE else CHANNEL_MARGIN * channels
            if likeness > MIN_CORRELATION and (best is None or likeness > best[0] + margin):
                best = (likeness, Headerless(codec, rate, channels))
    return best[1] if best is not None else None


def _likeness(windows: list[_Samples], channels: int) -> float:
    """Returns the median correlation of a sample with the one before in the same channel; 0 if it can't be sound."""
    correlations = []
    sums = squares = 0.0
    for samples in windows:
        if not np.isfinite(samples).all() or np.abs(samples).max() > 8.0:
            return 0.0
        power = float(np.mean(samples**2))
        sums, squares = sums + float(samples.mean()), squares + power
        centred = samples - samples.mean()
        energy = float(np.sum(centred**2))
        if len(np.unique(samples)) > 16 and energy > 0:  # not silence
            correlations.append(float(np.sum(centred[channels:] * centred[:-channels])) / energy)
    mean, level = sums / len(windows), (squares / len(windows)) ** 0.5
    if len(correlations) < MIN_WINDOWS or abs(mean) > MAX_OFFSET * level:
        return 0.0
    return float(np.median(correlations))


def _is_utf8(window: bytes) -> bool:
    text = window[:-4].decode("utf-8", errors="ignore")
    return len(text.encode()) >= len(window) - 10 and "\0" not in text


def _alaw(data: bytes) -> _Samples:
    code = np.frombuffer(data, np.uint8).astype(np.int64) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(exponent > 0, (mantissa * 2 + 33) << np.maximum(exponent - 1, 0), mantissa * 2 + 1)
    return np.where(code & 0x80, size, -size) / 4096.0


def _mulaw(data: bytes) -> _Samples:
    code = ~np.frombuffer(data, np.uint8).astype(np.int64)
    size = ((code & 15) * 2 + 33 << (code >> 4 & 7)) - 33
    return np.where(code & 0x80, -size, size) / 8192.0


def _s24le(data: bytes) -> _Samples:
    parts = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3).astype(np.int64)
    values = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
    return (values - (values >> 23 << 24)) / 2.0**23


def _f32le(data: bytes) -> _Samples:
    with np.errstate(all="ignore"):
        return np.frombuffer(data, "<f4").astype(np.float64)


_DECODERS: Final[dict[RawCodec, Callable[[bytes], _Samples]]] = {  # in the order in which they are tried
    RawCodec.ALAW: _alaw,
    RawCodec.MULAW: _mulaw,
    RawCodec.U8: lambda data: (np.frombuffer(data, np.uint8) - 128.0) / 128.0,
    RawCodec.S16LE: lambda data: np.frombuffer(data, "<i2") / 2.0**15,
    RawCodec.S16BE: lambda data: np.frombuffer(data, ">i2") / 2.0**15,
    RawCodec.S24LE: _s24le,
    RawCodec.F32LE: _f32le,
    RawCodec.S32LE: lambda data: np.frombuffer(data, "<i4") / 2.0**31,
}
