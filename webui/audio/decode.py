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

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from webui.audio.chunks import ChunkHeader, read_chunk_header
from webui.audio.container import detect_container
from webui.audio.findings import cancelled_channel, find_warnings
from webui.audio.foreign import reject_foreign
from webui.audio.index import is_chained_ogg, is_cut_off
from webui.audio.intake import Intake, check_shape, take_in
from webui.audio.limits import MIN_SAMPLES, MODEL_SAMPLE_RATE, DecodeLimits
from webui.audio.pyav_reader import PyavReader
from webui.audio.reader import AudioReader, CannotOpenError, FloatArray
from webui.audio.soundfile_reader import SOUNDFILE_CONTAINERS, SoundfileReader
from webui.audio.source import Source, open_source
from webui.audio.statistics import measure
from webui.audio.store import MemoryStore, NewStore, SampleStore
from webui.errors import AudioDecodeError, AudioTooShortError, EmptyAudioError
from webui.results import Notice, SourceInfo

__all__ = ["MODEL_SAMPLE_RATE", "DecodeLimits", "Recording", "StoredRecording", "decode", "decode_into"]

OnProgress = Callable[[float], None]

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


@dataclass(slots=True)
class _Job:
    """What every attempt needs.

    Attributes:
        source: the bytes.
        limits: how much is accepted.
        new_store: makes an empty store.
        on_progress: told how much of the file has been read, 0 to 1.
        stores: all that were made, for the one who cleans up.
    """

    source: Source
    limits: DecodeLimits
    new_store: NewStore
    on_progress: OnProgress
    stores: list[SampleStore] = field(default_factory=list)

    def store(self) -> SampleStore:
        """Returns an empty store."""
        self.stores.append(self.new_store())
        return self.stores[-1]

    def tell_progress(self) -> None:
        """Tells by the position in the file, the one measure that every format has."""
        self.on_progress(min(1.0, max(0, self.source.stream.tell()) / self.source.size_bytes))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What one reader made of the file."""

    intake: Intake
    format: str
    tracks: int
    declared_s: float | None
    failure: Exception | None
    channel: int | None
    cut_off: bool = False


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
    with open_source(source, limits, file_name) as opened:
        reject_foreign(opened.head, opened.file_name)
        header = read_chunk_header(opened)
        if header is not None:
            check_shape(header.channels, header.sample_rate, opened.file_name)
        job = _Job(opened, limits, new_store, on_progress)
        chosen: SampleStore | None = None
        try:
            recording = _to_recording(opened, _decode_best(job), header)
            chosen = recording.waveform
        finally:
            for store in job.stores:
                if store is not chosen:
                    store.close()
        return recording


def _decode_best(job: _Job) -> _Attempt:
    """Reads with the first library that gets through; if none does, the one that got furthest counts."""
    source = job.source
    container = detect_container(source.head)
    best: _Attempt | None = None
    not_opened: CannotOpenError | None = None
    failure: Exception | None = None
    for by_soundfile in _readers(source, container):
        try:
            attempt = _attempt(job, container, by_soundfile=by_soundfile)
        except CannotOpenError as err:
            not_opened = not_opened or err
            continue
        failure = failure or attempt.failure
        if best is None or attempt.intake.duration_s > best.intake.duration_s:
            best = attempt
        if attempt.failure is None and len(attempt.intake.waveform):
            break
    if best is not None:
        return replace(
            best, failure=failure, cut_off=is_cut_off(source, container)
        )  # PyAV plays over a FLAC frame whose checksum libsndfile refuses
    code = "audio.unknown_format" if container is None else "audio.damaged_header"
    raise AudioDecodeError(code, found=source.file_name, container=container or "") from not_opened


def _readers(source: Source, container: str | None) -> tuple[bool, ...]:
    """Returns which libraries to try, in order: libsndfile (True), PyAV (False)."""
    if container not in SOUNDFILE_CONTAINERS or (container == "ogg" and is_chained_ogg(source)):
        return (False,)
    return (True, False)


def _attempt(job: _Job, container: str | None, *, by_soundfile: bool) -> _Attempt:
    channel: int | None = None
    while True:
        with _reader(job.source, container, by_soundfile=by_soundfile) as reader:
            intake = take_in(
                reader, job.store(), job.limits, job.source.file_name, channel=channel, on_block=job.tell_progress
            )
            cancelled = cancelled_channel(intake) if channel is None else None
            if cancelled is None:
                return _Attempt(intake, reader.format, reader.tracks, reader.declared_s, reader.failure, channel)
            intake.waveform.close()
            channel = cancelled  # once more, with that channel alone


def _reader(source: Source, container: str | None, *, by_soundfile: bool) -> AudioReader:
    if by_soundfile and container is not None:
        return SoundfileReader(source, container)
    return PyavReader(source, container)


def _to_recording(source: Source, attempt: _Attempt, header: ChunkHeader | None) -> StoredRecording:
    intake = attempt.intake
    kept = len(intake.waveform)
    if kept < MIN_SAMPLES and attempt.failure is not None:
        raise AudioDecodeError("audio.damaged", found=source.file_name) from attempt.failure
    if kept == 0:
        raise EmptyAudioError("audio.no_samples", found=source.file_name)
    if kept < MIN_SAMPLES:
        per_ms = MODEL_SAMPLE_RATE / 1000
        raise AudioTooShortError("audio.too_short", found_ms=kept / per_ms, expected_ms=MIN_SAMPLES / per_ms)
    warnings = (*_incomplete(attempt, header), *find_warnings(intake, tracks=attempt.tracks))
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


def _incomplete(attempt: _Attempt, header: ChunkHeader | None) -> tuple[Notice, ...]:
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
