"""Reads one recording with the first library that can decode all of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from webui.audio.blocks import AudioReader, CannotOpenError, Silence
from webui.audio.containers.flac import last_frame_s
from webui.audio.containers.probes import has_several_ogg_tracks, is_chained_ogg, is_cut_off
from webui.audio.containers.raw import reject_headerless
from webui.audio.layout import Layout
from webui.audio.limits import DecodeLimits
from webui.audio.options import DecodeOptions
from webui.audio.quality import cancelled_channel, is_silent
from webui.audio.readers.joined_reader import JoinedReader
from webui.audio.readers.pyav_reader import PyavReader
from webui.audio.readers.soundfile_reader import SOUNDFILE_CONTAINERS, SoundfileReader
from webui.audio.readers.timeline import MIN_GAP_S
from webui.audio.sample_store import NewStore, SampleStore
from webui.audio.signal.mixdown import DecodedSignal, downmix_and_resample
from webui.audio.source import Source
from webui.errors import AudioDecodeError

OnProgress = Callable[[float], None]
UNFIT_CHANNELS: Final = {"audio.no_such_channel", "audio.too_many_channels"}  # the track does not fit the option
MAX_TRIED_TRACKS: Final = 16  # after this many other silent tracks, the first track is kept


@dataclass(slots=True)
class DecodeTask:
    """Inputs that all attempts to decode one recording share.

    Attributes:
        layout: the file and the recordings in it.
        limits: maximum size and length of the recording.
        model_rate: sample rate of the model in Hz.
        options: options of decoding.
        new_store: creates an empty store for the mix.
        new_channel_store: creates an empty store for a channel that is kept in addition to the mix.
        on_channels: called with the number of channels that are kept, before their first sample is stored.
        on_progress: called with the fraction of the file that has been read, 0 to 1.
        stores: every store that was created, so that the caller can close them.
    """

    layout: Layout
    limits: DecodeLimits
    model_rate: int
    options: DecodeOptions
    new_store: NewStore
    new_channel_store: NewStore
    on_channels: Callable[[int], None]
    on_progress: OnProgress
    stores: list[SampleStore]

    def make_store(self) -> SampleStore:
        """Creates an empty store for the mix and adds it to ``stores``."""
        self.stores.append(self.new_store())
        return self.stores[-1]

    def make_channel_store(self) -> SampleStore:
        """Creates an empty store for a channel and adds it to ``stores``."""
        self.stores.append(self.new_channel_store())
        return self.stores[-1]

    def report_progress(self) -> None:
        """Reports the position in the file, the only measure of progress that every format has."""
        file = self.layout.file
        self.on_progress(min(1.0, max(0, file.stream.tell()) / file.size_bytes))


@dataclass(frozen=True, slots=True)
class DecodeAttempt:
    """Result of reading the file with one library.

    Attributes:
        decoded: the samples and their measurements.
        format: container and codec.
        tracks: number of audio tracks in the file.
        track: number of the track that was used, from 1.
        other_tracks: numbers of the other tracks that can be decoded.
        declared_s: length in seconds that an index in the file states; None if the file has no reliable index.
        failure: the first error while reading; None if everything could be decoded.
        silence: the silence that was inserted where the timestamps have gaps.
        unused_bytes: number of bytes at the end of the file that are not padding and were not read.
        cancelled_channel: index of the only channel used in the mix, because the channels cancel each other; None if
            all were averaged or one was chosen.
        cut_off: whether the end of the file is missing.
        silent_track: number of the track that was skipped because it is silent; None if none was skipped.
    """

    decoded: DecodedSignal
    format: str
    tracks: int
    track: int
    other_tracks: tuple[int, ...]
    declared_s: float | None
    failure: Exception | None
    silence: Silence
    unused_bytes: int
    cancelled_channel: int | None
    cut_off: bool = False
    silent_track: int | None = None

    @property
    def kept_s(self) -> float:
        """Seconds that were decoded, without inserted silence."""
        return max(0.0, self.decoded.duration_s - self.silence.total_s)


def read_best(task: DecodeTask) -> DecodeAttempt:
    """Reads the chosen track, or the best one; if that is silent, the next one that isn't.

    Raises:
        AudioDecodeError: no library can open the file, or it has no such track.
    """
    first = _read_track(task, task.options.track)
    if task.options.track is not None or not is_silent(first.decoded):
        return first
    for track in first.other_tracks[:MAX_TRIED_TRACKS]:
        try:
            other = _read_track(task, track)
        except AudioDecodeError as err:
            if err.code not in UNFIT_CHANNELS:
                raise
            continue
        if not is_silent(other.decoded):
            first.decoded.close()
            return replace(other, silent_track=first.track)
        other.decoded.close()
    return first


def _read_track(task: DecodeTask, track: int | None) -> DecodeAttempt:
    """Reads with the first library that decodes everything; if none does, returns the attempt that got furthest.

    Args:
        task: the inputs.
        track: number of the audio track, from 1; None: the best one.

    Raises:
        AudioDecodeError: no library can open the file, or it has no such track.
    """
    layout = task.layout
    best: DecodeAttempt | None = None
    not_opened: CannotOpenError | None = None
    failure: Exception | None = None
    for by_soundfile in _readers(layout):
        try:
            attempt = _read_with(task, track, by_soundfile=by_soundfile)
        except CannotOpenError as err:
            not_opened = not_opened or err
            continue
        failure = failure or attempt.failure
        if best is None or (attempt.kept_s > best.kept_s if best.failure is not None else _fills_gaps(attempt, best)):
            best = attempt
        if attempt.failure is None and len(attempt.decoded.mix.speech.waveform) and not _ignores_gaps(attempt, layout):
            break
    if layout.encoded_kind is not None and (best is None or not len(best.decoded.mix.speech.waveform)):
        raise _encoded_error(layout)
    if best is not None:
        # The first failure of any library counts: PyAV decodes a FLAC frame whose checksum libsndfile rejects.
        return replace(best, failure=failure, cut_off=is_cut_off(layout.parts[-1], layout.container))
    if layout.container is None:
        reject_headerless(layout.file)
    code = "audio.unknown_format" if layout.container is None else "audio.damaged_header"
    raise AudioDecodeError(code, found=layout.file.file_name, container=layout.container or "") from not_opened


def _ignores_gaps(attempt: DecodeAttempt, layout: Layout) -> bool:
    """Returns whether the timestamps at the end of the file are later than the end of what was decoded."""
    end_s = attempt.decoded.duration_s + MIN_GAP_S
    if layout.container == "ogg":  # its length is the last timestamp
        return attempt.declared_s is not None and attempt.declared_s > end_s
    return layout.container == "flac" and len(layout.parts) == 1 and last_frame_s(layout.parts[0]) > end_s


def _fills_gaps(attempt: DecodeAttempt, best: DecodeAttempt) -> bool:
    """Returns whether an attempt is longer than an undamaged one because libsndfile ignores timestamps."""
    longer = attempt.decoded.duration_s > best.decoded.duration_s
    return longer and (attempt.silence.gaps > 0 or not len(best.decoded.mix.speech.waveform))


def _encoded_error(layout: Layout) -> AudioDecodeError:
    return AudioDecodeError("audio.encoded_as_pcm", found=layout.file.file_name, kind=layout.encoded_kind)


def _readers(layout: Layout) -> tuple[bool, ...]:
    """Returns which libraries to try, in order: libsndfile (True), PyAV (False)."""
    if layout.container not in SOUNDFILE_CONTAINERS or layout.encoded_kind is not None:
        return (False,)
    if layout.container == "ogg" and any(is_chained_ogg(part) or has_several_ogg_tracks(part) for part in layout.parts):
        return (False,)
    return (True, False)


def _read_with(task: DecodeTask, track: int | None, *, by_soundfile: bool) -> DecodeAttempt:
    options, cancelled = task.options, None
    while True:
        with _open_reader(task.layout, track, by_soundfile=by_soundfile) as reader:
            decoded = downmix_and_resample(
                reader,
                task.make_store,
                task.limits,
                task.layout.file.file_name,
                model_rate=task.model_rate,
                options=options,
                new_channel_store=task.make_channel_store,
                on_channels=task.on_channels,
                on_block=task.report_progress,
            )
            found = cancelled_channel(decoded.statistics) if options.only_channel is None else None
            if found is not None:
                cancelled = found
                decoded.mix.close()
            if found is None or decoded.separate:
                if found is not None:  # the channel has already been decoded
                    decoded = replace(decoded, mix=decoded.separate[found])
                return DecodeAttempt(
                    decoded=decoded,
                    format=reader.format,
                    tracks=reader.tracks,
                    track=reader.track,
                    other_tracks=reader.other_tracks,
                    declared_s=reader.declared_s,
                    failure=reader.failure,
                    silence=reader.silence,
                    unused_bytes=task.layout.unused_bytes + reader.unused_bytes,
                    cancelled_channel=cancelled,
                )
            options = replace(options, channels=found)  # read again, using only that channel


def _open_reader(layout: Layout, track: int | None, *, by_soundfile: bool) -> AudioReader:
    def open_one(source: Source) -> AudioReader:
        if by_soundfile and layout.container is not None:
            return SoundfileReader(source, layout.container, track)
        reader = PyavReader(source, layout.container, track)
        if layout.encoded_kind is not None and "/pcm_" in reader.format:
            reader.__exit__()
            raise _encoded_error(layout)
        return reader

    return open_one(layout.parts[0]) if len(layout.parts) == 1 else JoinedReader(layout.parts, open_one)
