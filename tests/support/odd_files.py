"""Unusual recordings: gaps, late sound, tags, incomplete headers, encryption."""

import io
import struct
from fractions import Fraction

import av
import numpy as np

from tests.support.audio_files import Samples, pcm16, riff


def remuxed(
    data: bytes,
    container: str,
    *,
    without: tuple[float, float] = (0.0, 0.0),
    late_from_s: float = -1.0,
    late_by_s: float = 0.0,
    options: dict[str, str] | None = None,
) -> bytes:
    """The same packets in another file, without those of a time range or with later timestamps from some time on."""
    file = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(file, "w", format=container, options=options or {}) as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is None or packet.pts is None:
                continue
            start_s = float(packet.pts * packet.time_base)
            if without[0] <= start_s < without[1]:
                continue
            if late_by_s and start_s >= late_from_s:
                shift = round(late_by_s / packet.time_base)
                packet.pts += shift
                packet.dts += shift
            packet.stream = stream
            output.mux(packet)
    return file.getvalue()


def late_sound(samples: Samples, rate: int, *, container: str, codec: str, late_by_s: float) -> bytes:
    """A video whose sound starts later than its picture."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream(codec, rate=rate, layout="mono")
        for index in range(round((late_by_s + len(samples) / rate) * 25)):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 255, dtype=np.uint8), format="rgb24")
            picture.pts = index
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        size = sound.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=sound.format, layout="mono", rate=rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            piece.pts += round(late_by_s * rate)
            output.mux(sound.encode(piece))
        output.mux(sound.encode(None))
    return file.getvalue()


def id3v2(content_bytes: int, *, version: int = 4, footer: bool = False) -> bytes:
    """An ID3v2 tag with a cover of random bytes."""
    size = bytes(content_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    content = np.random.default_rng(7).bytes(content_bytes)
    head = bytes([version, 0, 0x10 if footer else 0]) + size
    return b"ID3" + head + content + (b"3DI" + head if footer else b"")


def id3v1() -> bytes:
    """An ID3v1 tag, which is at the end of a file."""
    return b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b" ") + bytes(64) + b"\x0c"


def ape_tag() -> bytes:
    """An APE tag with header and footer and one item."""
    item = struct.pack("<II", 3, 0) + b"Title\0" + b"One"
    size = len(item) + 32

    def head(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, size, 1, flags) + bytes(8)

    return head(0xA000_0000) + item + head(0x8000_0000)


def riff_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a WAV."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)


def with_short_format(samples: Samples, size: int, *, bits: int = 16, channels: int = 1, tag: int = 1) -> bytes:
    """A WAV at 16 kHz whose format chunk has only ``size`` bytes."""
    data = pcm16(samples) if bits == 16 else np.round(samples * 127 + 128).astype("u1").tobytes()
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, 16_000, 16_000 * align, align, bits)[:size]
    body = b"WAVE" + riff_chunk(b"fmt ", form) + riff_chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def ogg_pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    pages, at = [], 0
    while at < len(data):
        segments = data[at + 26]
        size = 27 + segments + sum(data[at + 27 : at + 27 + segments])
        pages.append(data[at : at + size])
        at += size
    return pages


def with_serial(data: bytes, serial: int) -> bytes:
    """The Ogg file with another serial number on all of its pages."""
    return b"".join(_with_checksum(page[:14] + struct.pack("<I", serial) + page[18:]) for page in ogg_pages(data))


def _with_checksum(page: bytes) -> bytes:
    crc = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C1_1DB7 if crc & 0x8000_0000 else crc << 1) & 0xFFFF_FFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


def dts_as_pcm(seconds: float = 2.0, *, bits: int = 16, little: bool = True) -> bytes:
    """A stereo WAV at 44.1 kHz whose frames have a DTS header but no content that can be decoded."""
    blocks, size, frame_bytes = 16, 1_792, 2_048  # 512 samples a frame
    fields = (1, 1, 31, 5, 0, 1, blocks - 1, 7, size - 1, 14, 2, 6, 8, 4, 15, 5)  # value, width of each
    header = f"{0x7FFE_8001:032b}" + "".join(f"{v:0{w}b}" for v, w in zip(fields[::2], fields[1::2], strict=True))
    header = header.ljust(bits * 8, "0")
    words = [int(header[at : at + bits], 2) for at in range(0, bits * 8, bits)]
    words = [word | 0xC000 if bits == 14 and word & 0x2000 else word for word in words]
    start = b"".join(word.to_bytes(2, "little" if little else "big") for word in words)
    noise = np.random.default_rng(1)
    frames = (start + noise.bytes(frame_bytes - len(start)) for _ in range(round(seconds * 44_100 / 512)))
    return riff(b"".join(frames), channels=2, rate=44_100)


def with_entry(mp4: bytes, name: bytes) -> bytes:
    """The MP4 with another name of its audio sample entry: ``enca`` marks it as encrypted."""
    at = mp4.index(b"mp4a", mp4.index(b"stsd"))
    return mp4[:at] + name + mp4[at + 4 :]
