"""Reads MP3, AAC, M4A, MP4, MOV, Matroska, WebM, AMR, ASF, AVI, MPEG and others with PyAV.

Only containers that hold their own samples are allowed. Playlists and concat scripts are texts that name other files;
FFmpeg would recognise them under any file name and open the files they name. A container of ``DETECTED_FORMATS`` is
opened only if its magic bytes were also found at the start of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.audio.blocks import BLOCK_VALUES, Block, CannotOpenError
from webui.audio.containers.mp4 import claims_impossible_samples, has_fragments
from webui.audio.containers.ogg import ogg_links
from webui.audio.containers.probes import has_mp3_index
from webui.audio.readers.timeline import Timeline, silent_blocks
from webui.audio.source import Source
from webui.errors import AudioDecodeError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

ALLOWED_FORMATS: Final = "wav,w64,mp3,flac,ogg,mov,matroska,aac,amr,amrnb,amrwb,aiff,caf"
DETECTED_FORMATS: Final = {  # FFmpeg's demuxers, by the container that was detected
    "asf": "asf",
    "flv": "flv",
    "avi": "avi",
    "ts": "mpegts",
    "mpg": "mpeg",
    "wv": "wv",
    "tta": "tta",
    "gsm": "gsm",
    "ac3": "ac3,eac3",
    "dts": "dts",
    "voc": "voc",
}
MAX_NEW_STREAMS: Final = 128  # for formats whose streams can begin anywhere: PyAV 18.1 does not check their index
_AMBIGUOUS: Final = frozenset({"ac3", "gsm", "ts"})  # FFmpeg must recognise these too: their magic bytes are few
_WITHOUT_HEADER: Final = frozenset({"flv", "ts", "mpg"})
_OPEN_OPTIONS: Final = {"format_whitelist": ALLOWED_FORMATS, "protocol_whitelist": "none"}
_SHORT_NAMES: Final = {"mov": "mp4", "matroska": "mkv", "amrnb": "amr", "amrwb": "amr"}
_INDEXED: Final = frozenset({"mov", "matroska", "flac", "wv", "tta"})  # others give an estimate of the length
_SAFE_PLANES: Final = 7  # with 8 or more planar channels PyAV 18.1 reads past the frame's pointers and crashes
MICROSECONDS: Final = 1_000_000  # PyAV states the times of a container in microseconds
_TO_FULL_SCALE: Final = {"i2": np.float32(2.0**-15), "i4": np.float32(2.0**-31)}


class PyavReader:
    """Reads one audio track of a recording; see ``AudioReader`` for the attributes.

    Args:
        source: the opened file.
        container: short name of the detected container; None if none was detected.
        track: number of the audio track, from 1; None: the best one that can be decoded.

    Raises:
        CannotOpenError: the container is not allowed, or its header is damaged.
        AudioDecodeError: the file has no audio or no such track, or the codec is unknown.
    """

    def __init__(self, source: Source, container: str | None, track: int | None = None) -> None:
        mp3_index = container is None and has_mp3_index(source)
        in_fragments = has_fragments(source)
        links = ogg_links(source) if container == "ogg" else []
        self._container = _open(source, container)
        try:
            self._stream = _choose_stream(self._container, track, source.file_name)
        except AudioDecodeError:
            self._container.close()
            raise
        demuxer = self._container.format.name.split(",")[0]
        short = container if container is not None else _SHORT_NAMES.get(demuxer, demuxer)
        codec = self._stream.codec_context.codec.canonical_name
        self.format = f"{short}/{codec}"
        audio = self._container.streams.audio
        self.tracks = len(audio)
        self.track = audio.index(self._stream) + 1
        self.other_tracks = tuple(audio.index(stream) + 1 for stream in _decodable(audio) if stream is not self._stream)
        start_s = _start_s(self._container)
        self.length_s = self._length_s(start_s or 0.0, in_pieces=demuxer != "mov" or in_fragments)
        self.declared_s = self.length_s if demuxer in _INDEXED or (demuxer == "mp3" and mp3_index) else None
        self.failure: Exception | None = None
        self.unused_bytes = 0
        rate = self._stream.codec_context.sample_rate
        self._timeline = Timeline(start_s, first_page_s=links[0].first_granule / rate if links and rate else None)
        self.silence = self._timeline.silence
        self._damaged = False  # whether a packet since the last frame could not be decoded

    def _length_s(self, start_s: float, *, in_pieces: bool) -> float | None:
        """Returns the length that the header states, from ``start_s`` to the end of the track, in seconds.

        Args:
            start_s: timestamp of the start of the recording.
            in_pieces: whether the stated duration is the timestamp of the end, as in Matroska and in fragments of MP4.
                A whole MP4 states the length of the track, which may start later than the recording.
        """
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            length_s = float(stream.duration * stream.time_base)
            if not in_pieces and stream.start_time is not None:
                return length_s + max(0.0, float(stream.start_time * stream.time_base) - start_s)
        elif self._container.duration is not None and len(self._container.streams) == 1:
            length_s = self._container.duration / MICROSECONDS
        else:
            return None
        return max(0.0, length_s - max(0.0, start_s))

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks in order, with silence where the timestamps have gaps.

        Parts that can't be decoded are left out or replaced by silence; ``failure`` is the first error.
        """
        pending: list[FloatArray] = []
        values, shape = 0, (0, 0)
        for frame in self._frames():
            samples = self._samples(frame)
            if samples is None or samples.size == 0:
                continue
            gap_s = self._timeline.gap_before(frame.time, damaged=self._damaged)
            self._damaged = False
            if pending and (gap_s or shape != (frame.sample_rate, samples.shape[1]) or values >= BLOCK_VALUES):
                yield Block(np.concatenate(pending), shape[0])
                pending, values = [], 0
            shape = (frame.sample_rate, samples.shape[1])
            if gap_s:
                yield from silent_blocks(gap_s, *shape)
            self._timeline.advance(len(samples) / frame.sample_rate)
            pending.append(samples)
            values += samples.size
        if pending:
            yield Block(np.concatenate(pending), shape[0])

    def _frames(self) -> Iterator[AudioFrame]:
        """Yields decoded frames; packets that can't be decoded are skipped."""
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as err:  # the rest of the container is invalid
                self.failure = self.failure or err
                return
            except IndexError:  # PyAV fails to flush a stream that began late; the chosen one is flushed by then
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError) as err:
                if any(bytes(packet)):  # zeros are padding
                    self._fail(err)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.failure = self.failure or ValueError("a frame is marked as corrupt")
                yield frame

    def _fail(self, err: Exception) -> None:
        self.failure = self.failure or err
        self._damaged = True

    def _samples(self, frame: AudioFrame) -> FloatArray | None:
        """Returns a frame's samples, ``(samples, channels)``; None if they can't be converted."""
        import av

        channels = frame.layout.nb_channels
        try:
            if frame.format.is_planar and channels > _SAFE_PLANES:
                frames = av.AudioResampler(format="flt").resample(frame)  # interleaved, otherwise unchanged
                return np.concatenate([part.to_ndarray().reshape(-1, channels) for part in frames])
            return _to_float(frame.to_ndarray(), planar=frame.format.is_planar, channels=channels)
        except (av.FFmpegError, ValueError) as err:
            self._fail(err)
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()


def _open(source: Source, container: str | None) -> InputContainer:
    import av

    if claims_impossible_samples(source):
        raise CannotOpenError("an MP4 with more samples than bytes")
    options, forced = dict(_OPEN_OPTIONS), None
    if container in DETECTED_FORMATS:
        options["format_whitelist"] = DETECTED_FORMATS[container]
        forced = None if container in _AMBIGUOUS else DETECTED_FORMATS[container]
    if container in _WITHOUT_HEADER:
        options["max_streams"] = str(MAX_NEW_STREAMS)
    try:
        return av.open(source.rewound(), mode="r", format=forced, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as err:
        raise CannotOpenError(str(err)) from err


def _start_s(container: InputContainer) -> float | None:
    """Returns the earliest first timestamp of any audio or video track in seconds, which is time 0 of the recording."""
    from av.stream import Disposition

    starts = [
        float(stream.start_time * stream.time_base)
        for stream in (*container.streams.audio, *container.streams.video)
        if stream.start_time is not None
        and stream.time_base is not None
        and not stream.disposition & Disposition.attached_pic  # a cover
    ]
    if starts:
        return min(starts)
    return None if container.start_time is None else container.start_time / MICROSECONDS


def _choose_stream(container: InputContainer, track: int | None, file_name: str) -> AudioStream:
    """Returns the stream of a track, or the best of those that can be decoded; the others are discarded."""
    from av.stream import Discard

    streams = container.streams
    if not streams.audio:
        code = "audio.video_without_sound" if streams.video else "audio.no_track"
        raise AudioDecodeError(code, found=file_name)
    if track is not None and track > len(streams.audio):
        raise AudioDecodeError("audio.no_such_track", found=file_name, track=track, tracks=len(streams.audio))
    wanted = streams.audio if track is None else streams.audio[track - 1 : track]
    decodable = _decodable(wanted)
    if not decodable:
        raise AudioDecodeError("audio.unknown_codec", found=file_name)
    best = streams.best("audio")
    stream = next((stream for stream in decodable if stream is best), decodable[0])
    for other in streams:
        if other is not stream:
            other.discard = Discard.all  # video packets are then not read at all
    return stream


def _decodable(streams: Sequence[AudioStream]) -> list[AudioStream]:
    """Returns the streams whose codec is known, default streams first."""
    from av.stream import Disposition

    known = [stream for stream in streams if stream.codec_context is not None]
    return sorted(known, key=lambda stream: not stream.disposition & Disposition.default)


def _to_float(array: NDArray[np.generic], *, planar: bool, channels: int) -> FloatArray:
    """Returns PCM of any type, planar ``(channels, samples)`` or interleaved, as float32 ``(samples, channels)``."""
    samples = array.T if planar else array.reshape(-1, channels)
    kind = array.dtype.str[1:]
    if kind == "u1":
        return (samples.astype(np.float32) - 128.0) / 128.0
    with np.errstate(all="ignore"):  # values that become infinite are rejected later
        return samples.astype(np.float32) * _TO_FULL_SCALE.get(kind, np.float32(1))
