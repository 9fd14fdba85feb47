"""Decodes audio of any format, from a path or bytes, to mono at 16 kHz and at the model's sample rate.

The format is detected from the content, never from the file name. libsndfile reads the formats that it supports well,
PyAV reads the others, and soxr resamples. (pydub is not used: it starts an ffmpeg process, and its resampler has no
anti-aliasing filter.)

``decode`` returns the waveform as an array. ``decode_into`` streams it to a store in blocks of half a megabyte, so that
hours of audio need no more memory than seconds. Both give the same samples.

Imperfect recordings are handled as follows:

- Damaged or truncated file: the part that could be decoded is used, with a warning that states its length, if it has
  at least one model frame (25 ms); otherwise decoding fails. A damaged packet is skipped, and the packets after it are
  used.
- Timestamps: the signal follows those of the container. Where a frame starts more than 0.1 s after the end of the one
  before, silence is inserted. Time 0 is the earliest timestamp of any track, also of a video track.
- Several recordings joined into one file: they are read one after the other if they have the same container; otherwise
  there is a warning about the bytes that were not used.
- Several tracks: the default one of those that can be decoded is used; if it is silent, the next one that isn't, with
  a warning. ``DecodeOptions.track`` chooses one.
- Several channels: they are averaged. If they cancel each other (opposite polarity), only the loudest channel is used,
  with a warning. ``DecodeOptions.channels`` chooses one channel, or returns every channel in addition to the mix.
- Samples beyond full scale (float files, overshoot of codecs and of resampling): the whole signal is scaled to a peak
  of 1. This changes its level, not its shape; if it exceeded full scale by more than 3 dB, there is a warning. Nothing
  is clipped. Each sample rate is scaled by its own peak, so the 16 kHz signal does not depend on the model.
- NaN and infinity: decoding fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from webui.arrays import FloatArray
from webui.audio.blocks import MISSING_S
from webui.audio.containers.riff import ChunkHeader, read_chunk_header
from webui.audio.layout import examine
from webui.audio.limits import MIN_SAMPLES, DecodeLimits
from webui.audio.options import DEFAULTS, DecodeOptions
from webui.audio.quality import are_different, are_same, quality_warnings
from webui.audio.read import DecodeAttempt, DecodeTask, OnProgress, read_best
from webui.audio.sample_store import MemoryStore, NewStore, SampleStore
from webui.audio.signal.mixdown import MonoSignal, check_shape
from webui.audio.signal.output import ResampledSignal
from webui.audio.signal.statistics import measure
from webui.audio.source import Source, open_source
from webui.errors import AudioDecodeError, AudioTooShortError, EmptyAudioError
from webui.results import Notice, SourceInfo
from webui.units import SPEECH_RATE

__all__ = ["DecodeLimits", "Recording", "StoredRecording", "StoredSignal", "decode", "decode_into"]


@dataclass(frozen=True, slots=True)
class Recording:
    """A decoded recording, ready for a model.

    Attributes:
        waveform: signal values in [-1, 1], shape ``(samples,)``, float32.
        sample_rate: sample rate of the waveform in Hz.
        source: description of the file that was decoded.
        warnings: problems of the recording that the user should know about.
    """

    waveform: FloatArray
    sample_rate: int
    source: SourceInfo
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A recording at one sample rate.

    Attributes:
        waveform: signal values in [-1, 1], float32, read slice by slice.
        sample_rate: sample rate of the waveform in Hz.
        mean: mean of the signal values.
        variance: population variance of the signal values.
    """

    waveform: SampleStore
    sample_rate: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """One channel of a recording.

    Attributes:
        speech: the channel at 16 kHz.
        model: the channel at the model's sample rate; the same object as ``speech`` if that rate is 16 kHz.
        warnings: problems of this channel.
    """

    speech: StoredSignal
    model: StoredSignal
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A decoded recording whose samples are in stores; the caller of ``decode_into`` closes it.

    Attributes:
        speech: the recording at 16 kHz, used for saving, playback and speech detection.
        model: the recording at the model's sample rate; the same object as ``speech`` if that rate is 16 kHz.
        source: description of the file that was decoded.
        warnings: problems of the recording that the user should know about.
        channels: each channel separately, if that was requested; of a mono recording, the recording itself.
        same_channels: whether there are several channels and all carry the same signal.
    """

    speech: StoredSignal
    model: StoredSignal
    source: SourceInfo
    warnings: tuple[Notice, ...]
    channels: tuple[StoredChannel, ...] = ()
    same_channels: bool = False

    @property
    def stores(self) -> tuple[SampleStore, ...]:
        """Every store of the recording; the same store can occur several times."""
        parts: tuple[StoredRecording | StoredChannel, ...] = (self, *self.channels)
        signals = (signal for part in parts for signal in (part.speech, part.model))
        return tuple(signal.waveform for signal in signals)

    def close(self) -> None:
        """Frees the space of the stores."""
        for store in self.stores:
            store.close()


def decode(
    source: Path | bytes,
    *,
    limits: DecodeLimits,
    file_name: str | None = None,
    sample_rate: int = SPEECH_RATE,
    options: DecodeOptions = DEFAULTS,
) -> Recording:
    """Decodes a recording to mono float32.

    Args:
        source: path of a file in any supported format, or its bytes.
        limits: maximum size, checked before reading, and maximum length, checked while decoding.
        file_name: the file name known to the user, by default the name of the path. It does not affect decoding.
        sample_rate: sample rate to resample to, in Hz.
        options: which track and channels are used, and the format of samples without a header; the mix is returned
            even if every channel is requested.

    Returns:
        The recording, at least 25 ms long. Mono integer PCM of up to 24 bits that already has the sample rate is
        returned unchanged, bit for bit.

    Raises:
        AudioFetchError: the path can't be read.
        EmptyAudioError: there are no bytes, or no samples.
        AudioTooShortError: the recording is shorter than 25 ms.
        AudioTooLongError: the recording exceeds the limits.
        AudioDecodeError: the bytes are not audio in a supported format, or none of it can be decoded.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import soundfile
        >>> tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4_000) / 8_000)  # half a second at 8 kHz
        >>> wav = io.BytesIO()
        >>> soundfile.write(wav, tone, 8_000, format="WAV")
        >>> recording = decode(wav.getvalue(), limits=DecodeLimits.of(max_mb=10, max_duration_s=60))
        >>> recording.waveform.shape, recording.sample_rate
        ((8000,), 16000)
        >>> recording.source.format
        'wav/pcm_s16le'
        >>> [warning.code for warning in recording.warnings]
        ['audio.narrow_band']
    """
    stored = decode_into(
        MemoryStore, source, limits=limits, file_name=file_name, model_rate=sample_rate, options=options
    )
    return Recording(stored.model.waveform[:], stored.model.sample_rate, stored.source, stored.warnings)


def decode_into(
    new_store: NewStore,
    source: Path | bytes,
    *,
    limits: DecodeLimits,
    file_name: str | None = None,
    model_rate: int = SPEECH_RATE,
    options: DecodeOptions = DEFAULTS,
    new_channel_store: NewStore | None = None,
    on_channels: Callable[[int], None] = lambda _channels: None,
    on_progress: OnProgress = lambda _fraction: None,
) -> StoredRecording:
    """Decodes a recording of any length to stores; the samples are the same as those of ``decode``.

    Args:
        new_store: creates an empty store for the mix. Two are needed if the model's rate is not 16 kHz. A damaged file
            may be read twice, and the stores of both attempts then exist at the same time for a while.
        source: path of a file in any supported format, or its bytes.
        limits: maximum size and length; at most one second more than the maximum length is stored.
        file_name: the file name known to the user, by default that of the path.
        model_rate: sample rate of the model in Hz. Its waveform is resampled from the source, not from 16 kHz.
        options: which track and channels are used, and the format of samples without a header. Every channel is kept
            in the same pass as the mix.
        new_channel_store: creates an empty store for a channel that is kept; None: as ``new_store``.
        on_channels: called with the number of channels that are kept, before the first sample is stored; may raise.
        on_progress: called with the fraction done, several times per minute of audio. The fraction starts from 0
            again if the file is read a second time. The callback may raise to cancel; all stores are then closed.

    Raises:
        AudioError: as in ``decode``.
        OutputError: a store can't hold the samples.
    """
    stores: list[SampleStore] = []
    returned: tuple[SampleStore, ...] = ()
    try:
        with open_source(source, limits, file_name) as opened:
            layout = examine(opened, options.headerless)
            headers = [header for part in layout.parts if (header := read_chunk_header(part)) is not None]
            for header in headers:
                check_shape(header.channels, header.sample_rate, opened.file_name)
            channel_store = new_channel_store if new_channel_store is not None else new_store
            task = DecodeTask(
                layout, limits, model_rate, options, new_store, channel_store, on_channels, on_progress, stores
            )
            recording = _to_recording(opened, read_best(task), headers, options)
        returned = recording.stores
        return recording
    finally:
        for store in stores:
            if not any(store is other for other in returned):
                store.close()


def _to_recording(
    source: Source, attempt: DecodeAttempt, headers: Sequence[ChunkHeader], options: DecodeOptions
) -> StoredRecording:
    decoded = attempt.decoded
    kept = len(decoded.mix.speech.waveform)
    if kept < MIN_SAMPLES and attempt.failure is not None:
        raise AudioDecodeError("audio.damaged", found=source.file_name) from attempt.failure
    if kept == 0:
        raise EmptyAudioError("audio.no_samples", found=source.file_name)
    if kept < MIN_SAMPLES:
        per_ms = SPEECH_RATE / 1000
        raise AudioTooShortError("audio.too_short", found_ms=kept / per_ms, expected_ms=MIN_SAMPLES / per_ms)
    only = options.only_channel if options.only_channel is not None else attempt.cancelled_channel
    stored = {id(signal): _stored(signal) for signal in (decoded.mix, *decoded.separate)}  # the mix can be a channel
    mix = stored[id(decoded.mix)]
    return StoredRecording(
        speech=mix[0],
        model=mix[1],
        source=SourceInfo(
            file_name=source.file_name,
            size_bytes=source.size_bytes,
            duration_s=decoded.duration_s,
            sample_rate_hz=decoded.source_rate,
            channels=decoded.channels,
            channel=only if decoded.channels > 1 else None,
            format=attempt.format,
        ),
        warnings=(
            *_incomplete(attempt, headers),
            *_joining(attempt),
            *quality_warnings(decoded, decoded.mix),
            *_of_tracks(attempt),
            *_of_channels(attempt, options),
        ),
        channels=tuple(
            StoredChannel(*stored[id(signal)], quality_warnings(decoded, signal)) for signal in decoded.separate
        ),
        same_channels=are_same(decoded.statistics),
    )


def _of_tracks(attempt: DecodeAttempt) -> tuple[Notice, ...]:
    """Returns the note about the track that was used, if the file has several."""
    if attempt.silent_track is not None:
        values = {"tracks": attempt.tracks, "silent": attempt.silent_track, "used": attempt.track}
        return (Notice(code="audio.silent_track", values=values),)
    if attempt.tracks > 1:
        values = {"tracks": attempt.tracks, "used": attempt.track}
        return (Notice(code="audio.several_tracks", values=values),)
    return ()


def _of_channels(attempt: DecodeAttempt, options: DecodeOptions) -> tuple[Notice, ...]:
    """Returns the warning about channels whose mix is not what the user may expect."""
    decoded = attempt.decoded
    if options.only_channel is not None:
        return ()
    if attempt.cancelled_channel is not None:
        values = {"channels": decoded.channels, "used": attempt.cancelled_channel + 1}
        return (Notice(code="audio.channels_cancel", values=values),)
    if options.separate:
        same = are_same(decoded.statistics)
        return (Notice(code="audio.dual_mono", values={"channels": decoded.channels}),) if same else ()
    if are_different(decoded.statistics):
        return (Notice(code="audio.channels_differ", values={"channels": decoded.channels}),)
    return ()


def _stored(signal: MonoSignal) -> tuple[StoredSignal, StoredSignal]:
    """Returns the signal at 16 kHz and at the model's sample rate, each within full scale."""
    speech = _within_full_scale(signal.speech)
    return speech, speech if signal.model is signal.speech else _within_full_scale(signal.model)


def _within_full_scale(signal: ResampledSignal) -> StoredSignal:
    """Returns the signal, scaled down if it exceeds full scale, with its statistics."""
    statistics = signal.statistics
    if signal.peak > 1.0:
        signal.waveform.divide_by(signal.peak)
        statistics = measure(signal.waveform)
    return StoredSignal(signal.waveform, signal.sample_rate, statistics.mean, statistics.variance)


def _incomplete(attempt: DecodeAttempt, headers: Sequence[ChunkHeader]) -> tuple[Notice, ...]:
    """Returns a warning if the file states a greater length than was decoded, or if parts of it were damaged.

    Args:
        attempt: the decoded recording.
        headers: the headers of the recordings in the file, if they are chunk formats; only the last may be cut off.
    """
    kept_s = attempt.kept_s
    duration_s = attempt.decoded.duration_s
    declared_s = attempt.declared_s
    if headers and headers[-1].missing_share > 0.0:
        stated = sum(header.data_bytes or header.available_bytes for header in headers)
        available = sum(min(header.data_bytes or header.available_bytes, header.available_bytes) for header in headers)
        declared_s = duration_s * stated / max(1, available)
    if declared_s is not None and declared_s > duration_s + MISSING_S:
        values = {"kept_s": round(kept_s, 2), "expected_s": round(declared_s, 2)}
        return (Notice(code="audio.incomplete", values=values),)
    if attempt.failure is not None or attempt.cut_off:
        return (Notice(code="audio.damaged_parts", values={"kept_s": round(kept_s, 2)}),)
    return ()


def _joining(attempt: DecodeAttempt) -> tuple[Notice, ...]:
    """Returns the notes about gaps in the recording and about bytes after its end."""
    found: list[Notice] = []
    if attempt.silence.gaps:
        values = {"gap_s": round(attempt.silence.gap_s, 1), "gaps": attempt.silence.gaps}
        found.append(Notice(code="audio.gap", values=values))
    if attempt.unused_bytes:
        found.append(Notice(code="audio.trailing_bytes", values={"unused_bytes": attempt.unused_bytes}))
    return tuple(found)
