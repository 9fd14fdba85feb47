"""The main use case: recognizes a recording and writes the result and its files.

The recording is first decoded to a spool, and from there written to ``processed_audio.wav``; then the model runs over
it window by window. Neither step holds a long recording in memory, and a full disk is noticed before hours of inference
and not afterwards. Decoding comes before loading the model, so that a file without audio is refused immediately. The
model's sample rate is already known from its files; for a model that does not take 16 kHz, a second spool holds the
samples at that rate. With separate channels, the same pass over the file also fills a spool for every channel.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from webui import storage
from webui.audio.decode import DecodeLimits, StoredChannel, StoredRecording, StoredSignal, decode_into
from webui.audio.sample_store import NewStore
from webui.audio.vad import SpeechSpan, check_vad, detect_speech, has_speech
from webui.audio.voice import has_voice
from webui.engine.precision import Runtime
from webui.engine.protocol import EmotionModel
from webui.engine.registry import ModelRegistry
from webui.errors import RequestError
from webui.files import printable_name
from webui.progress import Progress, Stage, ignore_progress
from webui.results import (
    EmbeddingInfo,
    Granularity,
    Notice,
    RecognitionResult,
    Timing,
    by_importance,
    fields_of,
    format_timestamp,
    utc_second,
)
from webui.service.models.pool import LoadedModel, ModelPool
from webui.service.recognition.analysis_sink import AnalysisSink, hand_on
from webui.service.recognition.effect import check_effect
from webui.service.recognition.embedding import embedding_file
from webui.service.recognition.options import AnalysisOptions, RecognizeOptions
from webui.service.recognition.parts import WHOLE, Part, channel_results, file_of, keys_of, without_files
from webui.service.recognition.result_builder import (
    BuiltResult,
    PartContext,
    build_part,
    channel_line,
    log_part,
)
from webui.service.recognition.scores import check_labels, check_smoothing
from webui.service.recognition.windows import MAX_WINDOW_S, RecordingLogits, count_frames, predict_recording
from webui.service.serving.audio_budget import AudioBudget, Charge
from webui.service.serving.drain import DrainTracker
from webui.service.serving.metrics import Metrics
from webui.service.serving.priority_semaphore import Priority
from webui.service.serving.scheduler import Scheduler
from webui.settings import Precision, Settings
from webui.storage.run_ids import RunIds
from webui.units import SPEECH_RATE

logger = logging.getLogger(__name__)

OnLog = Callable[[Notice], None]
DECODED, STORED, INFERRED = 0.2, 0.3, 0.9  # progress after decoding, writing the audio file and inference
QUIET_LEVEL: Final = 0.02  # -34 dBFS: quieter recordings are amplified before speech detection
PROGRESS_STEPS: Final = 200  # maximum number of reports from decoding, whose blocks can be as short as 0.2 s of audio


@dataclass(frozen=True, slots=True)
class Recognition:
    """The result of a recognition, and the files that were written.

    Attributes:
        result: content of ``result.json``.
        folder: path of the run folder.
        files: paths of the files in the run folder.
        log: lines of the processing log.
    """

    result: RecognitionResult
    folder: Path
    files: tuple[Path, ...]
    log: tuple[Notice, ...]


class RecognitionService:
    """Recognizes recordings: decodes them, runs a model, and writes the results.

    Safe to call from several threads. They share each model window by window, so a short recording does not wait for
    the end of a long one.

    Args:
        settings: limits, folders and default values.
        registry: finds and loads models; None creates one from the settings.

    Attributes:
        results: finds and deletes the results in the outputs folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from webui.settings import PROJECT_DIR, Settings
        >>> folder = tempfile.TemporaryDirectory()
        >>> service = RecognitionService(Settings(model="builtin", outputs_dir=Path(folder.name)))
        >>> recognition = service.recognize(PROJECT_DIR / "examples" / "example_synthetic.wav")
        >>> recognition.result.emotion.value
        'disgusted'
        >>> [file.name for file in recognition.files]
        ['log.txt', 'processed_audio.wav', 'result.json']
        >>> folder.cleanup()
    """

    def __init__(self, settings: Settings, registry: ModelRegistry | None = None) -> None:
        self.settings = settings
        self.registry = registry if registry is not None else ModelRegistry(settings)
        self.metrics = Metrics()
        self.models = ModelPool(settings, self.registry, on_batch=self.metrics.batch)
        self.scheduler = Scheduler(
            max_waiting=settings.max_waiting, max_per_caller=settings.max_per_client, drain=DrainTracker()
        )
        self.budget = AudioBudget(settings.max_audio_s_per_hour)
        self.results = RunIds(settings.outputs_dir)

    def load(self, model: str | None = None, runtime: Runtime | None = None) -> EmotionModel:
        """Returns a model, loading it if necessary; None uses the settings.

        Raises:
            ModelError: the model is not available; the subclass tells the cause.
        """
        return self.models.get(model, runtime).model

    def recognize(
        self,
        source: Path | bytes,
        options: RecognizeOptions | None = None,
        *,
        file_name: str | None = None,
        caller: str | None = None,
        runtime: Runtime | None = None,
        admitted: bool = False,
        outputs_dir: Path | None = None,
        progress: Progress = ignore_progress,
        on_log: OnLog = lambda _line: None,
    ) -> Recognition:
        """Recognizes the emotion of one recording and writes its run folder.

        Args:
            source: path of an audio file in any format, or its bytes.
            options: options of the recognition; None: all defaults.
            file_name: name of the file as the user knows it; None: the name in the path.
            caller: name of the caller whose audio budget is charged; None: none is charged.
            runtime: device, engine and precision; None uses the settings and the precision of the options.
            admitted: whether the scheduler has already admitted this request. If not, the work is tracked here, and
                refused once the process is about to end.
            outputs_dir: folder in which the run folder is written; None uses the setting.
            progress: called with the fraction done and the stage; may raise to stop the recognition, which then leaves
                no files behind.
            on_log: called with each line of the processing log as it is added.

        Raises:
            AudioError: the recording can't be used.
            RequestError: the options are invalid, or some would have no effect.
            TooOftenError: the caller's audio budget for an hour is used up.
            ModelError: the model can't be used.
            OutputError: the files can't be written.
            StoppingError: the process is about to end.
        """
        options = options if options is not None else RecognizeOptions()
        check_effect(options)
        runtime = self._runtime(options, runtime)
        drain = self.scheduler.drain
        run = _Run(self.settings, options, drain.watched(progress), on_log, Priority.INTERACTIVE)
        with (
            nullcontext() if admitted else drain.open_track(),
            storage.open_draft(outputs_dir or self.settings.outputs_dir, started=run.started) as draft,
        ):
            built = self._build(run, source, file_name, caller, runtime, draft, keep_audio=True)
            recognition = run.save(built, draft)
            self.metrics.recognized(recognition.result)
            return recognition

    def analyze(
        self,
        source: Path | bytes,
        options: AnalysisOptions,
        *,
        file_name: str | None = None,
        caller: str | None = None,
        priority: Priority = Priority.BACKGROUND,
        progress: Progress = ignore_progress,
        sink: AnalysisSink | None = None,
    ) -> RecognitionResult:
        """Recognizes like ``recognize``, but keeps no files and only returns the document.

        Frame scores that would need a file are left out of the document, and so is the embedding; ``sink`` takes them.
        A warning states which frame scores are lost.

        Args:
            source: see ``recognize``.
            options: options of the recognition.
            file_name: see ``recognize``.
            caller: see ``recognize``.
            priority: priority among the requests that wait for the same model.
            progress: see ``recognize``.
            sink: takes the embedding, if ``options`` request one, and the frame scores that would need a file. None: no
                embedding is computed.
        """
        extract = sink is not None and isinstance(options, RecognizeOptions) and options.extract_embedding
        title = options.title if isinstance(options, RecognizeOptions) else None
        recognize_options = RecognizeOptions(
            **fields_of(options, AnalysisOptions), extract_embedding=extract, title=title
        )
        run = _Run(self.settings, recognize_options, progress, lambda _line: None, priority, pooled=True)
        with storage.open_draft(self.settings.outputs_dir, started=run.started) as draft:
            runtime = self._runtime(options)
            built = self._build(run, source, file_name, caller, runtime, draft, keep_audio=False)
            if sink is not None:
                with draft.writing():
                    hand_on(built, draft.path, sink)
        result = built.result
        self.metrics.recognized(result)
        return self._without_files(result, frames_taken=sink is not None and sink.takes_all)

    def _without_files(self, result: RecognitionResult, *, frames_taken: bool) -> RecognitionResult:
        """Returns a result whose files are not kept; a warning states which frame scores are lost."""
        warnings = result.warnings
        if result.frames is not None and result.frames.file is not None and not frames_taken:
            values = {"rows": result.frames.rows, "expected": self.settings.max_json_rows}
            warnings = by_importance((*warnings, Notice(code="request.frames_left_out", values=values)))
        channels = result.channels and tuple(without_files(channel) for channel in result.channels)
        return without_files(result).model_copy(update={"channels": channels, "warnings": warnings})

    def _build(
        self,
        run: "_Run",
        source: Path | bytes,
        file_name: str | None,
        caller: str | None,
        runtime: Runtime,
        draft: storage.RunDraft,
        *,
        keep_audio: bool,
    ) -> BuiltResult:
        """Decodes a recording, charges it to the caller, and builds its document; deletes the samples at the end."""
        with self.budget.charged(caller) as charge:
            recording = run.decode(source, file_name, draft, self._expected_rate(run.options, runtime), charge)
        with closing(recording):
            if keep_audio:
                run.keep_audio(recording, draft)
            loaded = run.load(lambda: self._load(run.options, runtime))
            with run.at_rate_of(loaded.model, recording, source, file_name, draft) as signals:
                return run.infer(signals, loaded, draft)

    def _runtime(self, options: AnalysisOptions, runtime: Runtime | None = None) -> Runtime:
        return runtime if runtime is not None else Runtime.of(self.settings, precision=options.precision)

    def _load(self, options: AnalysisOptions, runtime: Runtime) -> LoadedModel:
        loaded = self.models.get(options.model, runtime)
        ignored = self.ignored_precision(loaded.model.info.name, options.precision, runtime)
        if ignored is not None:
            loaded = replace(loaded, notices=(*loaded.notices, ignored))
        self.scheduler.concurrency = max(self.scheduler.concurrency, loaded.concurrency)
        return loaded

    def ignored_precision(self, model: str, wanted: Precision | None, runtime: Runtime | None = None) -> Notice | None:
        """Returns a warning if a requested precision has no effect on a model; None otherwise."""
        runtime = runtime if runtime is not None else Runtime.of(self.settings, precision=wanted)
        if wanted is None or self.registry.effective_runtime(model, runtime).precision is wanted:
            return None
        return Notice(code="request.precision_ignored", values={"model": model, "found": wanted.value})

    def _expected_rate(self, options: AnalysisOptions, runtime: Runtime) -> int:
        """Returns the sample rate to decode for; once loaded, the model may turn out to need another rate."""
        expected = self.models.sample_rate(options.model, runtime)
        return expected if expected is not None else SPEECH_RATE


class _Run:
    """The stages of one recognition, with its log and its times."""

    def __init__(
        self,
        settings: Settings,
        options: RecognizeOptions,
        progress: Progress,
        on_log: OnLog,
        priority: Priority,
        *,
        pooled: bool = False,
    ) -> None:
        self._pooled = pooled  # a single embedding, even with frame scores
        self._priority = priority
        self._settings = settings
        self.options = options
        self._progress = progress
        self._on_log = on_log
        self._log: list[Notice] = []
        self._decode_s = 0.0
        self._audio_kept = False
        self.started = datetime.now().astimezone()
        window_s = options.window_s if options.window_s is not None else settings.window_s
        hop_s = options.hop_s if options.hop_s is not None else min(settings.hop_s, window_s)
        check_smoothing(window_s, hop_s)
        self._smoothing_s = (window_s, hop_s)

    def decode(
        self, source: Path | bytes, file_name: str | None, draft: storage.RunDraft, model_rate: int, charge: Charge
    ) -> StoredRecording:
        """Returns the recording at 16 kHz and at ``model_rate`` Hz; the caller must close it."""
        self._progress(0.0, Stage.VALIDATION)
        new_store = charge.metered(draft.spool, stores=1 if model_rate == SPEECH_RATE else 2)
        report = self._steps(0.0, DECODED)
        recording = self._decode(source, file_name, draft, new_store, model_rate, report, charge.count_channels)
        info = recording.source
        self._log_text(
            "log.validated",
            file_name=info.file_name,
            size_kb=info.size_bytes / 1000,
            format=info.format,
            sample_rate_hz=info.sample_rate_hz,
            channels=info.channels,
        )
        self._log_text(
            "log.preprocessed",
            duration_s=info.duration_s,
            target_hz=recording.speech.sample_rate,
            elapsed_s=self._decode_s,
        )
        if recording.same_channels:
            self._log_text("log.same_channels", channels=info.channels)
        return recording

    @contextmanager
    def at_rate_of(
        self,
        model: EmotionModel,
        recording: StoredRecording,
        source: Path | bytes,
        file_name: str | None,
        draft: storage.RunDraft,
    ) -> Iterator[StoredRecording]:
        """Yields the recording at the model's sample rate; decodes it again if it was decoded for another rate."""
        if model.sample_rate != SPEECH_RATE:
            self._log_text("log.model_rate", sample_rate_hz=model.sample_rate)
        if recording.model.sample_rate == model.sample_rate:
            yield recording
            return

        def report(_fraction: float) -> None:
            self._progress(STORED, Stage.INFERENCE)

        with closing(self._decode(source, file_name, draft, draft.spool, model.sample_rate, report)) as again:
            yield again

    def _decode(
        self,
        source: Path | bytes,
        file_name: str | None,
        draft: storage.RunDraft,
        new_store: NewStore,
        model_rate: int,
        on_progress: Callable[[float], None],
        on_channels: Callable[[int], None] = lambda _channels: None,
    ) -> StoredRecording:
        limits = DecodeLimits.of(self._settings.max_audio_mb, self._settings.max_audio_s)
        clock = time.perf_counter()
        recording = decode_into(
            new_store,
            source,
            limits=limits,
            file_name=file_name,
            model_rate=model_rate,
            options=self.options.decode_options,
            new_channel_store=draft.channel_spool,
            on_channels=on_channels,
            on_progress=on_progress,
        )
        self._decode_s += time.perf_counter() - clock
        return recording

    def keep_audio(self, recording: StoredRecording, draft: storage.RunDraft) -> None:
        """Writes ``processed_audio.wav``, and such a file for each channel if there are several."""
        self._progress(DECODED, Stage.PREPROCESSING)
        report = self._steps(DECODED, STORED)
        signals = {storage.AUDIO_FILE: recording.speech}
        if len(recording.channels) > 1:
            for index, channel in enumerate(recording.channels):
                signals[storage.channel_file(storage.AUDIO_FILE, index)] = channel.speech
        with draft.writing():
            for done, (name, signal) in enumerate(signals.items()):
                storage.write_wav(
                    draft.path / name,
                    signal.waveform,
                    sample_rate=signal.sample_rate,
                    on_progress=lambda fraction, done=done: report((done + fraction) / len(signals)),  # type: ignore[misc]
                )
        self._audio_kept = True

    def load(self, load: Callable[[], LoadedModel]) -> LoadedModel:
        """Loads the model, and logs how long that takes."""
        self._progress(STORED, Stage.INFERENCE)
        clock = time.perf_counter()
        loaded = load()
        info = loaded.model.info
        self._log_text(
            "log.model",
            name=info.name,
            engine=info.engine,
            precision=info.precision,
            device=info.device,
            elapsed_s=time.perf_counter() - clock,
        )
        return loaded

    def infer(self, recording: StoredRecording, loaded: LoadedModel, draft: storage.RunDraft) -> BuiltResult:
        """Runs the model on the recording and on each channel, and builds the result; writes the embeddings."""
        clock = time.perf_counter()
        model = loaded.model
        separate = recording.channels if len(recording.channels) > 1 else ()
        inputs: dict[int, StoredRecording | StoredChannel] = {WHOLE: recording, **dict(enumerate(separate))}
        self._check(recording, model, draft, parts=len(inputs))
        parts = [
            self._predict(part, channel, loaded, draft, done=done, parts=len(inputs))
            for done, (channel, part) in enumerate(inputs.items())
        ]
        whole = parts[0]
        inference_s = time.perf_counter() - clock
        frames, windows = (sum(counts) for counts in zip(*(part.size for part in parts), strict=True))
        self._log_text("log.inferred", frames=frames, windows=windows, elapsed_s=inference_s)
        warnings = by_importance(
            (
                *recording.warnings,
                *_cut_warning(model, whole.joined),
                *whole.notices,
                *model.notices,
                *loaded.notices,
            )
        )
        for warning in warnings:
            self._log_line(warning)
        built = [build_part(model, part.joined, self._context(part)) for part in parts]
        log_part(built[0], whole.embedding, self._context(whole), self._log_line)
        channels = channel_results(
            recording, parts, built, names=self.options.channel_names, audio_kept=self._audio_kept
        )
        for channel in channels or ():
            self._log_line(channel_line(channel))
        result = RecognitionResult(
            **keys_of(built[0]),
            granularity=self.options.granularity,
            timestamp=format_timestamp(self.started),
            created_utc=utc_second(self.started),
            model=model.info,
            source=recording.source,
            timing=Timing(decode_s=self._decode_s, inference_s=inference_s),
            title=self.options.title,
            labels=self.options.labels,
            embedding=whole.embedding,
            channels=channels,
            warnings=warnings,
        )
        groups = {index: part.frame_groups for index, part in enumerate(built[1:]) if part.frame_groups is not None}
        return BuiltResult(result, built[0].frame_groups, groups)

    def _check(self, recording: StoredRecording, model: EmotionModel, draft: storage.RunDraft, *, parts: int) -> None:
        """Raises errors that would otherwise be found only after hours of inference."""
        check_labels(model, self.options.labels)
        if self.options.granularity is Granularity.SEGMENT:
            check_vad()
        if self.options.extract_embedding and self.options.granularity is Granularity.FRAME and not self._pooled:
            frames = count_frames(model, len(recording.model.waveform))
            draft.check_space(parts * 4 * frames * model.embedding_dim)

    def _predict(
        self,
        part: StoredRecording | StoredChannel,
        channel: int,
        loaded: LoadedModel,
        draft: storage.RunDraft,
        *,
        done: int,
        parts: int,
    ) -> Part:
        """Runs the model on the whole recording (channel ``WHOLE``) or on one channel."""
        model, signal = loaded.model, part.model

        def report(fraction: float) -> None:
            share = (done + fraction) / parts
            self._progress(STORED * (1 - share) + INFERRED * share, Stage.INFERENCE)

        frames = count_frames(model, len(signal.waveform))
        name = file_of(storage.EMBEDDING_FILE, channel)
        with embedding_file(draft, self.options, model, frames, name=name, pooled=self._pooled) as embedding:
            joined = predict_recording(
                model,
                signal.waveform,
                statistics=(signal.mean, signal.variance),
                on_features=embedding.add if embedding is not None else None,
                on_window=report,
                predict=partial(loaded.queue.predict, priority=self._priority),
            )
        info = EmbeddingInfo(file=embedding.name, shape=embedding.shape) if embedding is not None else None
        spans = self._detect_speech(part, lambda _fraction: report(1.0))
        notices = () if spans else self._no_speech(part, lambda _fraction: report(1.0))
        return Part(channel, joined, info, spans, notices)

    def _detect_speech(
        self, part: StoredRecording | StoredChannel, on_progress: Callable[[float], None]
    ) -> list[SpeechSpan] | None:
        """Returns where there is speech; None unless segments are requested."""
        if self.options.granularity is not Granularity.SEGMENT:
            return None
        return detect_speech(part.speech.waveform, longest_s=self.options.max_segment_s, on_progress=on_progress)

    def _context(self, part: Part) -> PartContext:
        return PartContext(
            options=self.options,
            smoothing_s=self._smoothing_s,
            max_json_rows=self._settings.max_json_rows,
            frames_file=file_of(storage.FRAMES_FILE, part.channel),
            spans=part.spans,
        )

    def _no_speech(
        self, part: StoredRecording | StoredChannel, on_progress: Callable[[float], None]
    ) -> tuple[Notice, ...]:
        """Returns the warning about a recording without speech; none if there is speech, or another voice."""
        segmented = self.options.granularity is Granularity.SEGMENT
        silent = any(warning.code == "audio.no_speech" for warning in part.warnings)
        values = {"duration_s": len(part.speech.waveform) / part.speech.sample_rate}
        if silent and not segmented:  # ``audio.no_speech`` already states it
            return ()
        if silent or not _has_voice(part.speech, on_progress):
            return (Notice(code="request.no_speech", values=values),)
        return (Notice(code="request.no_segments", values=values),) if segmented else ()

    def save(self, built: BuiltResult, draft: storage.RunDraft) -> Recognition:
        """Writes the remaining files and publishes the run folder."""
        self._progress(INFERRED, Stage.RESULTS)
        content = storage.RunContent(built.result, self._log, built.frame_groups, built.channel_frame_groups)
        with draft.writing():
            storage.write_run(draft.path, content)
            names = sorted(file.name for file in draft.path.iterdir())
            folder = draft.publish()
            files = tuple(folder / name for name in names)  # not listed again: the folder may be deleted already
        self._log_text("log.saved", folder=printable_name(str(folder)), files=", ".join(file.name for file in files))
        self._progress(1.0, Stage.RESULTS)
        return Recognition(built.result, folder, files, tuple(self._log))

    def _steps(self, start: float, stop: float) -> Callable[[float], None]:
        """Returns a function that reports progress within a part of the preprocessing, in steps and never backwards."""
        last = 0

        def report(fraction: float) -> None:
            nonlocal last
            step = int(fraction * PROGRESS_STEPS)
            if step > last:
                last = step
                self._progress(start + (stop - start) * step / PROGRESS_STEPS, Stage.PREPROCESSING)

        return report

    def _log_text(self, code: str, **values: float | int | str) -> None:
        self._log_line(Notice(code=code, values=values))

    def _log_line(self, line: Notice) -> None:
        self._log.append(line)
        self._on_log(line)


def _has_voice(signal: StoredSignal, on_progress: Callable[[float], None]) -> bool:
    """Returns whether a recording contains speech or another voice; True if that can't be determined."""
    level = math.sqrt(signal.variance)
    gain = QUIET_LEVEL / level if 0 < level < QUIET_LEVEL else 1.0
    try:
        speech_found = has_speech(signal.waveform, gain=gain, on_progress=on_progress)
    except RequestError as error:  # the package is needed for segments only
        logger.info("Speech detection was skipped: %s", error)
        return True
    return speech_found or has_voice(signal.waveform, on_progress=on_progress)


def _cut_warning(model: EmotionModel, joined: RecordingLogits) -> tuple[Notice, ...]:
    """Returns the warning about a recording that was cut into windows; none if it was not."""
    if joined.windows == 1:
        return ()
    context_s = round(model.context_samples / model.sample_rate, 2)
    values = {"windows": joined.windows, "window_s": MAX_WINDOW_S, "context_s": context_s}
    return (Notice(code="windows.cut", values=values),)
