"""Reads one recording with the first library that can decode all of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from webui.audio.blocks import AudioReader, CannotOpenError
from webui.audio.containers.probes import is_chained_ogg, is_cut_off
from webui.audio.containers.sniff import detect_container
from webui.audio.limits import DecodeLimits
from webui.audio.options import DecodeOptions
from webui.audio.quality import cancelled_channel
from webui.audio.readers.pyav_reader import PyavReader
from webui.audio.readers.soundfile_reader import SOUNDFILE_CONTAINERS, SoundfileReader
from webui.audio.sample_store import NewStore, SampleStore
from webui.audio.signal.mixdown import DecodedSignal, downmix_and_resample
from webui.audio.source import Source
from webui.errors import AudioDecodeError

OnProgress = Callable[[float], None]


@dataclass(slots=True)
class DecodeTask:
    """Inputs that all attempts to decode one recording share.

    Attributes:
        source: the opened file.
        limits: maximum size and length of the recording.
        model_rate: sample rate of the model in Hz.
        options: which channels are used.
        new_store: creates an empty store for the mix.
        new_channel_store: creates an empty store for a channel that is kept beside the mix.
        on_channels: called with the number of channels that are kept, before their first sample is stored.
        on_progress: called with the fraction of the file that has been read, 0 to 1.
        stores: every store that was created, so that the caller can close them.
    """

    source: Source
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
        self.on_progress(min(1.0, max(0, self.source.stream.tell()) / self.source.size_bytes))


@dataclass(frozen=True, slots=True)
class DecodeAttempt:
    """Result of reading the file with one library.

    Attributes:
        decoded: the samples and their measurements.
        format: container and codec.
        tracks: number of audio tracks in the file.
        declared_s: length in seconds that an index in the file states; None if the file has no reliable index.
        failure: the first error while reading; None if everything could be decoded.
        cancelled_channel: index of the only channel used in the mix, because the channels cancel each other; None if
            all were averaged or one was chosen.
        cut_off: whether the end of the file is missing.
    """

    decoded: DecodedSignal
    format: str
    tracks: int
    declared_s: float | None
    failure: Exception | None
    cancelled_channel: int | None
    cut_off: bool = False


def read_best(task: DecodeTask) -> DecodeAttempt:
    """Reads with the first library that decodes everything; if none does, returns the attempt that got furthest.

    Raises:
        AudioDecodeError: no library can open the file.
    """
    source = task.source
    container = detect_container(source.head)
    best: DecodeAttempt | None = None
    not_opened: CannotOpenError | None = None
    failure: Exception | None = None
    for by_soundfile in _readers(source, container):
        try:
            attempt = _read_with(task, container, by_soundfile=by_soundfile)
        except CannotOpenError as err:
            not_opened = not_opened or err
            continue
        failure = failure or attempt.failure
        if best is None or attempt.decoded.duration_s > best.decoded.duration_s:
            best = attempt
        if attempt.failure is None and len(attempt.decoded.mix.speech.waveform):
            break
    if best is not None:
        # The first failure of any library counts: PyAV decodes a FLAC frame whose checksum libsndfile rejects.
        return replace(best, failure=failure, cut_off=is_cut_off(source, container))
    code = "audio.unknown_format" if container is None else "audio.damaged_header"
    raise AudioDecodeError(code, found=source.file_name, container=container or "") from not_opened


def _readers(source: Source, container: str | None) -> tuple[bool, ...]:
    """Returns which libraries to try, in order: libsndfile (True), PyAV (False)."""
    if container not in SOUNDFILE_CONTAINERS or (container == "ogg" and is_chained_ogg(source)):
        return (False,)
    return (True, False)


def _read_with(task: DecodeTask, container: str | None, *, by_soundfile: bool) -> DecodeAttempt:
    options, cancelled = task.options, None
    while True:
        with _open_reader(task.source, container, by_soundfile=by_soundfile) as reader:
            decoded = downmix_and_resample(
                reader,
                task.make_store,
                task.limits,
                task.source.file_name,
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
                if found is not None:  # the channel is there already
                    decoded = replace(decoded, mix=decoded.separate[found])
                return DecodeAttempt(
                    decoded, reader.format, reader.tracks, reader.declared_s, reader.failure, cancelled
                )
            options = replace(options, channels=found)  # read again, using only that channel


def _open_reader(source: Source, container: str | None, *, by_soundfile: bool) -> AudioReader:
    if by_soundfile and container is not None:
        return SoundfileReader(source, container)
    return PyavReader(source, container)
