"""Real audio in every format, made while the tests run: nothing binary is committed and no ffmpeg program is needed."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (samples,) or (samples, channels), full scale is -1 to 1


def tone(frequency_hz: float, seconds: float = 1.0, rate: int = 16_000, *, level: float = 0.5) -> Samples:
    """A sine of amplitude ``level``, ``(samples,)``."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def chirp(seconds: float = 1.0, rate: int = 16_000, *, level: float = 0.5) -> Samples:
    """A sweep from 200 to 3,000 Hz with a soft start and end: its correlation has one sharp peak."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (200 * time + (3_000 - 200) / (2 * seconds) * time**2)
    return (level * np.sin(phase) * np.sin(np.pi * time / seconds) ** 0.5).astype(np.float32)


def voice(seconds: float = 1.0, rate: int = 16_000, *, seed: int = 0, level: float = 0.3) -> Samples:
    """Noisy harmonics with syllables, enough like speech for a codec: ``(samples,)``."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 12))
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    signal = envelope * (harmonics + 0.05 * generator.normal(size=len(time)))
    return (level * signal / np.abs(signal).max()).astype(np.float32)


def stereo(left: Samples, right: Samples) -> Samples:
    """Two channels side by side, ``(samples, 2)``."""
    return np.stack([left, right], axis=1)


def with_soundfile(samples: Samples, rate: int, *, format: str, subtype: str, endian: str | None = None) -> bytes:
    """Encodes with libsndfile."""
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(file, "w", rate, channels, subtype, endian, format) as output:
        for start in range(0, max(1, len(samples)), rate):  # all at once overflows the stack in Vorbis
            output.write(samples[start : start + rate])
    return file.getvalue()


def with_pyav(
    samples: Samples,
    rate: int,
    *,
    container: str,
    codec: str,
    options: dict[str, str] | None = None,
    bit_rate: int | None = None,
    video: bool = False,
    tracks: int = 1,
    path: Path | None = None,
) -> bytes:
    """Encodes with FFmpeg's libraries, into as many equal tracks as asked for, beside a video track if asked for.

    With a ``path`` the file is written there as well.
    """
    file = io.BytesIO()
    columns = samples.reshape(len(samples), -1)
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[columns.shape[1]]
    with av.open(file if path is None else str(path), "w", format=container, options=options or {}) as output:
        picture = _video_stream(output) if video else None
        streams = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for stream in streams:
            if bit_rate is not None:
                stream.bit_rate = bit_rate
        for stream in streams:
            _encode_audio(output, stream, columns, rate, layout)
        if picture is not None:
            _encode_video(output, picture, seconds=len(columns) / rate)
    return file.getvalue() if path is None else path.read_bytes()


def video_only(seconds: float = 0.5, *, container: str = "mp4") -> bytes:
    """A film without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        _encode_video(output, _video_stream(output), seconds=seconds)
    return file.getvalue()


def _encode_audio(output: OutputContainer, stream: AudioStream, columns: Samples, rate: int, layout: str) -> None:
    packed = np.ascontiguousarray(columns, dtype=np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate = rate
    frame.pts = 0
    frame.time_base = Fraction(1, rate)
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        for packet in stream.encode(piece):
            output.mux(packet)
    for packet in stream.encode(None):
        output.mux(packet)


def _video_stream(output: OutputContainer) -> VideoStream:
    stream = output.add_stream("mpeg4", rate=25)
    stream.width, stream.height = 64, 48
    stream.pix_fmt = "yuv420p"
    return stream


def _encode_video(output: OutputContainer, stream: VideoStream, *, seconds: float) -> None:
    for index in range(max(1, round(seconds * 25))):
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 255, dtype=np.uint8), format="rgb24")
        picture.pts = index
        for packet in stream.encode(picture):
            output.mux(packet)
    for packet in stream.encode(None):
        output.mux(packet)


def riff(
    data: bytes,
    *,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    tag: int = 1,
    claimed_bytes: int | None = None,
) -> bytes:
    """A WAV file written by hand, so that its header can lie."""
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, (rate * align) & 0xFFFF_FFFF, align & 0xFFFF, bits)
    claimed = len(data) if claimed_bytes is None else claimed_bytes
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", (36 + claimed) & 0xFFFF_FFFF) + body


def pcm16(samples: Samples) -> bytes:
    """16-bit little-endian samples without a header."""
    return np.round(samples * 32_767).astype("<i2").tobytes()


def amr_wb(seconds: float, *, seed: int = 0) -> bytes:
    """AMR wide band of random bits: any pattern is a valid frame of the 23.85 kbit/s mode. (No encoder exists.)"""
    generator = np.random.default_rng(seed)
    mode, frame_bytes = 8, 60
    frames = (bytes([mode << 3 | 4]) + generator.bytes(frame_bytes) for _ in range(round(seconds * 50)))
    return b"#!AMR-WB\n" + b"".join(frames)


def gsm(seconds: float, *, seed: int = 0) -> bytes:
    """Raw GSM 06.10 of random bits: any pattern is a valid frame of 20 ms behind its mark. (No encoder exists.)"""
    generator = np.random.default_rng(seed)
    frames = bytearray(generator.bytes(33 * round(seconds * 50)))
    frames[::33] = bytes(0xD0 | byte & 0xF for byte in frames[::33])
    return bytes(frames)


@dataclass(frozen=True)
class AudioFormat:
    """A format the program must read.

    Attributes:
        label: for test names.
        rate: sample rate that ``make`` is called with, in Hz.
        make: from ``(samples, channels)`` or ``(samples,)`` and a rate to bytes.
        expected: what ``SourceInfo.format`` must say.
        min_snr_db: how near the decoded chirp must be to the original.
        delay: samples at 16 kHz by which the codec itself is late, where the file doesn't say so.
        channels: most channels it can hold.
    """

    label: str
    rate: int
    make: Callable[[Samples, int], bytes]
    expected: str
    min_snr_db: float
    delay: int = 0
    channels: int = 2


def _sf(format: str, subtype: str, endian: str | None = None) -> Callable[[Samples, int], bytes]:
    return lambda samples, rate: with_soundfile(samples, rate, format=format, subtype=subtype, endian=endian)


def _av(container: str, codec: str, **options: int) -> Callable[[Samples, int], bytes]:
    return lambda samples, rate: with_pyav(samples, rate, container=container, codec=codec, **options)


FORMATS: Final = (
    AudioFormat("wav-u8", 16_000, _sf("WAV", "PCM_U8"), "wav/pcm_u8", 35),
    AudioFormat("wav-s16", 44_100, _sf("WAV", "PCM_16"), "wav/pcm_s16le", 80),
    AudioFormat("wav-s24", 48_000, _sf("WAV", "PCM_24"), "wav/pcm_s24le", 95),
    AudioFormat("wav-s32", 96_000, _sf("WAV", "PCM_32"), "wav/pcm_s32le", 95),
    AudioFormat("wav-f32", 22_050, _sf("WAV", "FLOAT"), "wav/pcm_f32le", 95),
    AudioFormat("wav-f64", 32_000, _sf("WAV", "DOUBLE"), "wav/pcm_f64le", 95),
    AudioFormat("wav-alaw", 16_000, _sf("WAV", "ALAW"), "wav/pcm_alaw", 30),
    AudioFormat("wav-mulaw", 16_000, _sf("WAV", "ULAW"), "wav/pcm_mulaw", 30),
    AudioFormat("wav-ima", 16_000, _sf("WAV", "IMA_ADPCM"), "wav/adpcm_ima_wav", 20),
    AudioFormat("wav-ms", 16_000, _sf("WAV", "MS_ADPCM"), "wav/adpcm_ms", 20),
    AudioFormat("wav-gsm", 16_000, _sf("WAV", "GSM610"), "wav/gsm_ms", 5, channels=1),
    AudioFormat("wav-extensible", 48_000, _sf("WAVEX", "PCM_24"), "wav/pcm_s24le", 95),
    AudioFormat("wav-big-endian", 16_000, _sf("WAV", "PCM_16", "BIG"), "wav/pcm_s16be", 80),
    AudioFormat("rf64", 16_000, _sf("RF64", "PCM_16"), "rf64/pcm_s16le", 80),
    AudioFormat("w64", 16_000, _sf("W64", "PCM_16"), "w64/pcm_s16le", 80),
    AudioFormat("aiff", 44_100, _sf("AIFF", "PCM_16"), "aiff/pcm_s16be", 80),
    AudioFormat("aiff-little-endian", 16_000, _sf("AIFF", "PCM_16", "LITTLE"), "aiff/pcm_s16le", 80),
    AudioFormat("aiff-f32", 16_000, _sf("AIFF", "FLOAT"), "aiff/pcm_f32be", 95),
    AudioFormat("caf", 16_000, _sf("CAF", "PCM_16"), "caf/pcm_s16be", 80),
    AudioFormat("caf-alac", 44_100, _sf("CAF", "ALAC_16"), "caf/alac", 80),
    AudioFormat("au", 16_000, _sf("AU", "PCM_16"), "au/pcm_s16be", 80),
    AudioFormat("flac", 44_100, _sf("FLAC", "PCM_16"), "flac/flac", 80),
    AudioFormat("flac-24", 96_000, _sf("FLAC", "PCM_24"), "flac/flac", 95),
    AudioFormat("ogg-vorbis", 44_100, _sf("OGG", "VORBIS"), "ogg/vorbis", 12),
    AudioFormat("ogg-opus", 48_000, _sf("OGG", "OPUS"), "ogg/opus", 12),
    AudioFormat("ogg-flac", 16_000, _av("ogg", "flac"), "ogg/flac", 80),
    AudioFormat("mp3", 44_100, _av("mp3", "libmp3lame"), "mp3/mp3", 12),
    AudioFormat("mp3-22k", 22_050, _av("mp3", "libmp3lame"), "mp3/mp3", 12),
    AudioFormat("m4a", 44_100, _av("ipod", "aac"), "m4a/aac", 12),
    AudioFormat("adts", 16_000, _av("adts", "aac"), "aac/aac", 12, delay=1024),
    AudioFormat("alac", 48_000, _av("ipod", "alac"), "m4a/alac", 80),
    AudioFormat("mp4", 48_000, _av("mp4", "aac"), "mp4/aac", 12),
    AudioFormat("mp4-video", 48_000, _av("mp4", "aac", video=True), "mp4/aac", 12),
    AudioFormat("mov-video", 44_100, _av("mov", "pcm_s16le", video=True), "mov/pcm_s16le", 80),
    AudioFormat("mkv-video", 48_000, _av("matroska", "flac", video=True), "mkv/flac", 80),
    AudioFormat("mka-opus", 48_000, _av("matroska", "libopus"), "mkv/opus", 12),
    AudioFormat("webm-opus", 48_000, _av("webm", "libopus"), "webm/opus", 12),
    AudioFormat("wma", 44_100, _av("asf", "wmav2", bit_rate=96_000), "asf/wmav2", 9, delay=-743),
    AudioFormat("wmv", 44_100, _av("asf", "wmav1", bit_rate=96_000, video=True), "asf/wmav1", 9, delay=-743),
    AudioFormat("flv", 44_100, _av("flv", "aac"), "flv/aac", 9, delay=372),
    AudioFormat("flv-mp3", 44_100, _av("flv", "libmp3lame"), "flv/mp3", 12, delay=401),
    AudioFormat("ts", 48_000, _av("mpegts", "aac", video=True), "ts/aac", 9, delay=341),
    AudioFormat("ts-mp2", 48_000, _av("mpegts", "mp2"), "ts/mp3", 9, delay=160),
    AudioFormat("avi", 16_000, _av("avi", "pcm_s16le", video=True), "avi/pcm_s16le", 80),
    AudioFormat("avi-mp3", 44_100, _av("avi", "libmp3lame"), "avi/mp3", 12, delay=401),
    AudioFormat("mpg", 44_100, _av("mpeg", "mp2", video=True), "mpg/mp2", 9, delay=175),
    AudioFormat("vob", 48_000, _av("vob", "ac3"), "mpg/ac3", 9, delay=85),
    AudioFormat("wv", 44_100, _av("wv", "wavpack"), "wv/wavpack", 40),
    AudioFormat("tta", 44_100, _av("tta", "tta"), "tta/tta", 40),
    AudioFormat("ac3", 48_000, _av("ac3", "ac3"), "ac3/ac3", 9, delay=85),
    AudioFormat("eac3", 48_000, _av("eac3", "eac3"), "ac3/eac3", 9, delay=85),
    AudioFormat("voc", 16_000, _av("voc", "pcm_s16le"), "voc/pcm_s16le", 80),
    AudioFormat("sph", 16_000, _sf("NIST", "PCM_16"), "sph/pcm_s16le", 80),
    AudioFormat("amr-nb", 8_000, _av("amr", "libopencore_amrnb"), "amr/amr_nb", 3, delay=80, channels=1),
    AudioFormat("3gp-amr", 8_000, _av("3gp", "libopencore_amrnb"), "3gp/amr_nb", 3, delay=-20, channels=1),
)
