"""Files with several audio tracks, made while the tests run."""

import io
from fractions import Fraction

import av
import numpy as np

from tests.support.audio_files import Samples


def with_tracks(
    tracks: list[Samples], rate: int, *, container: str = "matroska", codec: str = "aac", default: int | None = None
) -> bytes:
    """Encodes each of ``tracks``, ``(samples,)``, as a track; ``default`` is the index of the default track."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        streams = [output.add_stream(codec, rate=rate, layout="mono") for _ in tracks]
        for index, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if index == default else av.stream.Disposition(0)
        for stream, samples in zip(streams, tracks, strict=True):
            packed = np.ascontiguousarray(samples, dtype=np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            size = stream.codec_context.frame_size or 1024
            resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=size)
            for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
                for packet in stream.encode(piece):
                    output.mux(packet)
    return file.getvalue()


def with_unknown_codec(mov: bytes, track: int) -> bytes:
    """Gives a track, counted from 1, the name of a spatial codec that FFmpeg can't decode, as phones write it."""
    data = bytearray(mov)
    at = -1
    for _ in range(track):
        at = data.find(b"mp4a", at + 1)
        while data.find(b"stsd", max(0, at - 40), at) < 0:
            at = data.find(b"mp4a", at + 1)
    data[at : at + 4] = b"apac"
    there = data.find(b"esds", at)
    data[there : there + 4] = b"dapa"
    return bytes(data)
