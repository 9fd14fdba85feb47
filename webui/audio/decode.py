"""The door for audio: a path or bytes of any format in, 16 kHz mono out.

Decoding goes by content, never by name. libsndfile reads what it reads well, PyAV the rest, soxr resamples. (pydub
has no place here: it starts an ffmpeg process, and its resampler has no filter against aliasing.)

``decode`` gives the waveform as an array. ``decode_into`` streams it to a store, half a megabyte of the file at a time,
so that hours of audio need no more memory than seconds; the samples are the same.

What happens to a recording that is not perfect:

- Damaged or cut off: what could be decoded is used, with a warning that names the seconds kept, as long as it is at
  least one model frame (25 ms); otherwise it is an error. A damaged packet is skipped; what follows is kept.
- Several channels: their mean. If they cancel each other (opposite polarity), the loudest alone, with a warning.
- Samples beyond full scale (float files, overshoot of codecs and of resampling): the whole recording is scaled so that
  its peak is 1. That changes the level, not the shape; from 3 dB on a warning says so. Nothing is clipped.
- NaN and infinity are an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.arrays import FloatArray
from webui.audio.containers.not_audio import reject_other_formats
from webui.audio.containers.riff import ChunkHeader, read_chunk_header
from webui.audio.limits import MIN_SAMPLES, MODEL_SAMPLE_RATE, DecodeLimits
from webui.audio.quality import quality_warnings
from webui.audio.read import DecodeAttempt, DecodeTask, OnProgress, read_best
from webui.audio.sample_store import MemoryStore, NewStore, SampleStore
from webui.audio.signal.mixdown import check_shape
from webui.audio.signal.statistics import measure
from webui.audio.source import Source, open_source
from webui.errors import AudioDecodeError, AudioTooShortError, EmptyAudioError
from webui.results import Notice, SourceInfo

__all__ = ["MODEL_SAMPLE_RATE", "DecodeLimits", "Recording", "StoredRecording", "decode", "decode_into"]

MISSING_S: Final = 0.25  # a promise that falls short by less is a codec's padding


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as the models take it.

    Attributes:
        waveform: signal values in [-1, 1], shape ``(samples,)``, float32.
        sample_rate: 16,000 Hz.
        source: what it was before.
        warnings: what the user should know about it.
    """

    waveform: FloatArray
    sample_rate: int
    source: SourceInfo
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording whose samples lie in a store.

    Attributes:
        waveform: signal values in [-1, 1], float32, read slice by slice; whoever asked for it closes it.
        mean: of all its samples.
        variance: of all its samples.
        sample_rate: 16,000 Hz.
        source: what it was before.
        warnings: what the user should know about it.
    """

    waveform: SampleStore
    mean: float
    variance: float
    sample_rate: int
    source: SourceInfo
    warnings: tuple[Notice, ...]


def decode(source: Path | bytes, *, limits: DecodeLimits, file_name: str | None = None) -> Recording:
    """Decodes a recording to 16 kHz mono float32.

    Args:
        source: a file in any known format, or its bytes.
        limits: how much is accepted, checked before reading (bytes) and while decoding (seconds).
        file_name: the name the user knows it by; by default the path's. It plays no part in decoding.

    Returns:
        At least 400 samples (25 ms). 16 kHz mono integer PCM of up to 24 bits passes bit by bit.

    Raises:
        AudioFetchError: the path can't be read.
        EmptyAudioError: no bytes, or no samples.
        AudioTooShortError: less than 25 ms.
        AudioTooLongError: more bytes or seconds than the limits.
        AudioDecodeError: no audio in a known format, or nothing of it can be decoded.
    """
    stored = decode_into(MemoryStore, source, limits=limits, file_name=file_name)
    return Recording(stored.waveform[:], stored.sample_rate, stored.source, stored.warnings)


def decode_into(
    new_store: NewStore,
    source: Path | bytes,
    *,
    limits: DecodeLimits,
    file_name: str | None = None,
    on_progress: OnProgress = lambda _fraction: None,
) -> StoredRecording:
    """Decodes a recording of any length; the samples are those of ``decode``.

    Args:
        new_store: makes an empty store. A damaged file may need a second one, and both lie side by side for a while.
        source: a file in any known format, or its bytes.
        limits: how much is accepted; a store is never given a second more than that.
        file_name: the name the user knows it by; by default the path's.
        on_progress: told the fraction done, several times a minute of audio; goes back when a file is read once more.
            May raise to stop: then no store is left open.

    Raises:
        AudioError: as ``decode``.
        OutputError: the store can't take more.
    """
    stores: list[SampleStore] = []
    chosen: SampleStore | None = None
    try:
        with open_source(source, limits, file_name) as opened:
            reject_other_formats(opened.head, opened.file_name)
            header = read_chunk_header(opened)
            if header is not None:
                check_shape(header.channels, header.sample_rate, opened.file_name)
            attempt = read_best(DecodeTask(opened, limits, new_store, on_progress, stores))
            recording = _to_recording(opened, attempt, header)
        chosen = recording.waveform
        return recording
    finally:
        for store in stores:
            if store is not chosen:
                store.close()


def _to_recording(source: Source, attempt: DecodeAttempt, header: ChunkHeader | None) -> StoredRecording:
    intake = attempt.intake
    kept = len(intake.waveform)
    if kept < MIN_SAMPLES and attempt.failure is not None:
        raise AudioDecodeError("audio.damaged", found=source.file_name) from attempt.failure
    if kept == 0:
        raise EmptyAudioError("audio.no_samples", found=source.file_name)
    if kept < MIN_SAMPLES:
        per_ms = MODEL_SAMPLE_RATE / 1000
        raise AudioTooShortError("audio.too_short", found_ms=kept / per_ms, expected_ms=MIN_SAMPLES / per_ms)
    warnings = (*_incomplete(attempt, header), *quality_warnings(intake, tracks=attempt.tracks))
    if attempt.channel is not None:
        values = {"channels": intake.channels, "used": attempt.channel + 1}
        warnings = (*warnings, Notice(code="audio.channels_cancel", values=values))
    statistics = intake.statistics
    if intake.peak > 1.0:
        intake.waveform.divide_by(intake.peak)
        statistics = measure(intake.waveform)
    return StoredRecording(
        waveform=intake.waveform,
        mean=statistics.mean,
        variance=statistics.variance,
        sample_rate=MODEL_SAMPLE_RATE,
        source=SourceInfo(
            file_name=source.file_name,
            size_bytes=source.size_bytes,
            duration_s=intake.duration_s,
            sample_rate_hz=intake.sample_rate,
            channels=intake.channels,
            format=attempt.format,
        ),
        warnings=warnings,
    )


def _incomplete(attempt: DecodeAttempt, header: ChunkHeader | None) -> tuple[Notice, ...]:
    """Returns a warning if the file promises more than could be decoded, or parts of it were damaged."""
    kept_s = attempt.intake.duration_s
    declared_s = attempt.declared_s
    if header is not None and header.missing_share > 0.0:
        declared_s = kept_s / (1.0 - header.missing_share)
    if declared_s is not None and declared_s > kept_s + MISSING_S:
        values = {"kept_s": round(kept_s, 2), "expected_s": round(declared_s, 2)}
        return (Notice(code="audio.incomplete", values=values),)
    if attempt.failure is not None or attempt.cut_off:
        return (Notice(code="audio.damaged_parts", values={"kept_s": round(kept_s, 2)}),)
    return ()
