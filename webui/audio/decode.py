"""Decodes audio: a path or bytes of any format in, mono at 16 kHz and at the model's rate out.

Decoding goes by content, never by name. libsndfile reads what it reads well, PyAV the rest, soxr resamples. (pydub
is not used: it starts an ffmpeg process, and its resampler has no filter against aliasing.)

``decode`` gives the waveform as an array. ``decode_into`` streams it to a store, half a megabyte of the file at a time,
so that hours of audio need no more memory than seconds; the samples are the same.

A recording that is not perfect is treated like this:

- Damaged or cut off: what could be decoded is used, with a warning that names the seconds kept, as long as it is at
  least one model frame (25 ms); otherwise it is an error. A damaged packet is skipped; what follows is kept.
- Several channels: their mean. If they cancel each other (opposite polarity), the loudest alone, with a warning.
- Samples beyond full scale (float files, overshoot of codecs and of resampling): the whole signal is scaled so that
  its peak is 1. That changes the level, not the shape; from 3 dB on a warning says so. Nothing is clipped. Each rate is
  scaled by its own peak, so the 16 kHz signal is the same whatever model is used.
- NaN and infinity are an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.arrays import FloatArray
from webui.audio.containers.not_audio import reject_other_formats
from webui.audio.containers.riff import ChunkHeader, read_chunk_header
from webui.audio.limits import MIN_SAMPLES, DecodeLimits
from webui.audio.quality import quality_warnings
from webui.audio.read import DecodeAttempt, DecodeTask, OnProgress, read_best
from webui.audio.sample_store import MemoryStore, NewStore, SampleStore
from webui.audio.signal.mixdown import check_shape
from webui.audio.signal.output import ResampledSignal
from webui.audio.signal.statistics import measure
from webui.audio.source import Source, open_source
from webui.errors import AudioDecodeError, AudioTooShortError, EmptyAudioError
from webui.results import Notice, SourceInfo
from webui.units import SPEECH_RATE

__all__ = ["DecodeLimits", "Recording", "StoredRecording", "StoredSignal", "decode", "decode_into"]

MISSING_S: Final = 0.25  # a promise that falls short by less is a codec's padding


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as a model takes it.

    Attributes:
        waveform: signal values in [-1, 1], shape ``(samples,)``, float32.
        sample_rate: their rate in Hz.
        source: the file that it was decoded from.
        warnings: what the user should know about it.
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
        sample_rate: their rate in Hz.
        mean: the mean of all of them.
        variance: the population variance of all of them.
    """

    waveform: SampleStore
    sample_rate: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording whose samples lie in stores; the caller of ``decode_into`` closes it.

    Attributes:
        speech: the recording at 16 kHz: what is saved, played and searched for speech.
        model: the recording at the model's rate; the same object where that is 16 kHz.
        source: the file that it was decoded from.
        warnings: what the user should know about it.
    """

    speech: StoredSignal
    model: StoredSignal
    source: SourceInfo
    warnings: tuple[Notice, ...]

    def close(self) -> None:
        """Gives the stores' space back."""
        self.speech.waveform.close()
        self.model.waveform.close()


def decode(
    source: Path | bytes, *, limits: DecodeLimits, file_name: str | None = None, sample_rate: int = SPEECH_RATE
) -> Recording:
    """Decodes a recording to mono float32.

    Args:
        source: a file in any known format, or its bytes.
        limits: how much is accepted, checked before reading (bytes) and while decoding (seconds).
        file_name: the name the user knows it by; by default the path's. It plays no part in decoding.
        sample_rate: the rate to resample to, in Hz.

    Returns:
        At least 25 ms. Mono integer PCM of up to 24 bits that has the rate already passes bit by bit.

    Raises:
        AudioFetchError: the path can't be read.
        EmptyAudioError: no bytes, or no samples.
        AudioTooShortError: less than 25 ms.
        AudioTooLongError: more bytes or seconds than the limits.
        AudioDecodeError: no audio in a known format, or nothing of it can be decoded.
    """
    stored = decode_into(MemoryStore, source, limits=limits, file_name=file_name, model_rate=sample_rate)
    return Recording(stored.model.waveform[:], stored.model.sample_rate, stored.source, stored.warnings)


def decode_into(
    new_store: NewStore,
    source: Path | bytes,
    *,
    limits: DecodeLimits,
    file_name: str | None = None,
    model_rate: int = SPEECH_RATE,
    on_progress: OnProgress = lambda _fraction: None,
) -> StoredRecording:
    """Decodes a recording of any length; the samples are those of ``decode``.

    Args:
        new_store: makes an empty store. A model whose rate is not 16 kHz needs two. A damaged file may be read twice,
            and the stores of both lie side by side for a while.
        source: a file in any known format, or its bytes.
        limits: how much is accepted; a store is never given a second more than that.
        file_name: the name the user knows it by; by default the path's.
        model_rate: the sample rate that the model takes, in Hz. Its samples are resampled from the source, not from
            16 kHz.
        on_progress: called with the fraction done, several times a minute of audio; goes back when a file is read once
            more. May raise to stop: then no store is left open.

    Raises:
        AudioError: as ``decode``.
        OutputError: the store can't take more.
    """
    stores: list[SampleStore] = []
    chosen: tuple[SampleStore, ...] = ()
    try:
        with open_source(source, limits, file_name) as opened:
            reject_other_formats(opened.head, opened.file_name)
            header = read_chunk_header(opened)
            if header is not None:
                check_shape(header.channels, header.sample_rate, opened.file_name)
            attempt = read_best(DecodeTask(opened, limits, model_rate, new_store, on_progress, stores))
            recording = _to_recording(opened, attempt, header)
        chosen = (recording.speech.waveform, recording.model.waveform)
        return recording
    finally:
        for store in stores:
            if not any(store is one for one in chosen):
                store.close()


def _to_recording(source: Source, attempt: DecodeAttempt, header: ChunkHeader | None) -> StoredRecording:
    decoded = attempt.decoded
    kept = len(decoded.speech.waveform)
    if kept < MIN_SAMPLES and attempt.failure is not None:
        raise AudioDecodeError("audio.damaged", found=source.file_name) from attempt.failure
    if kept == 0:
        raise EmptyAudioError("audio.no_samples", found=source.file_name)
    if kept < MIN_SAMPLES:
        per_ms = SPEECH_RATE / 1000
        raise AudioTooShortError("audio.too_short", found_ms=kept / per_ms, expected_ms=MIN_SAMPLES / per_ms)
    warnings = (*_incomplete(attempt, header), *quality_warnings(decoded, tracks=attempt.tracks))
    if attempt.channel is not None:
        values = {"channels": decoded.channels, "used": attempt.channel + 1}
        warnings = (*warnings, Notice(code="audio.channels_cancel", values=values))
    speech = _within_full_scale(decoded.speech)
    return StoredRecording(
        speech=speech,
        model=speech if decoded.model is decoded.speech else _within_full_scale(decoded.model),
        source=SourceInfo(
            file_name=source.file_name,
            size_bytes=source.size_bytes,
            duration_s=decoded.duration_s,
            sample_rate_hz=decoded.source_rate,
            channels=decoded.channels,
            format=attempt.format,
        ),
        warnings=warnings,
    )


def _within_full_scale(signal: ResampledSignal) -> StoredSignal:
    """Returns a signal with its statistics, scaled down if it exceeds full scale."""
    statistics = signal.statistics
    if signal.peak > 1.0:
        signal.waveform.divide_by(signal.peak)
        statistics = measure(signal.waveform)
    return StoredSignal(signal.waveform, signal.sample_rate, statistics.mean, statistics.variance)


def _incomplete(attempt: DecodeAttempt, header: ChunkHeader | None) -> tuple[Notice, ...]:
    """Returns a warning if the file promises more than could be decoded, or parts of it were damaged."""
    kept_s = attempt.decoded.duration_s
    declared_s = attempt.declared_s
    if header is not None and header.missing_share > 0.0:
        declared_s = kept_s / (1.0 - header.missing_share)
    if declared_s is not None and declared_s > kept_s + MISSING_S:
        values = {"kept_s": round(kept_s, 2), "expected_s": round(declared_s, 2)}
        return (Notice(code="audio.incomplete", values=values),)
    if attempt.failure is not None or attempt.cut_off:
        return (Notice(code="audio.damaged_parts", values={"kept_s": round(kept_s, 2)}),)
    return ()
