"""The main use case: a recording in, an answer and its files out.

First the recording is decoded, to a spool and from there to ``processed_audio.wav``; then the model goes through it
window by window. Neither step holds a long recording in memory, and a disk that is too small is met before the hours of
inference, not after.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from webui import storage
from webui.audio.decode import DecodeLimits, StoredRecording, decode_into
from webui.audio.vad import Span, check_vad, detect_speech
from webui.engine.precision import Runtime
from webui.engine.protocol import EmotionModel
from webui.engine.registry import ModelRegistry
from webui.progress import Progress, Stage, ignore_progress
from webui.results import Granularity, Notice, RecognitionResult, Timing, format_timestamp
from webui.service.models.pool import LoadedModel, ModelPool
from webui.service.recognition.embedding import embedding_file
from webui.service.recognition.options import RecognizeOptions
from webui.service.recognition.result_builder import BuiltResult, ResultContext, build_result
from webui.service.recognition.scores import check_labels, check_smoothing
from webui.service.recognition.windows import MAX_WINDOW_S, RecordingLogits, count_frames, predict_recording
from webui.service.serving.drain import DrainTracker
from webui.service.serving.metrics import Metrics
from webui.settings import Settings
from webui.units import BYTES_PER_MB

OnLog = Callable[[Notice], None]
DECODED, STORED, INFERRED = 0.2, 0.3, 0.9  # fractions of the progress at which these are done
PROGRESS_STEPS: Final = 200  # decoding tells that often: a block is as little as 0.2 s of audio


@dataclass(frozen=True, slots=True)
class Recognition:
    """An answer, and what was written.

    Attributes:
        result: the document that ``result.json`` holds.
        folder: the run folder.
        files: the files in it.
        log: the lines of the processing log.
    """

    result: RecognitionResult
    folder: Path
    files: tuple[Path, ...]
    log: tuple[Notice, ...]


class RecognitionService:
    """Decodes, predicts, scores and saves.

    Safe to call from several threads: each model runs one window at a time, and a short recording need not wait for the
    end of a long one.

    Args:
        settings: limits, folders and defaults.
        registry: where models come from; by default the one of the settings.
    """

    def __init__(self, settings: Settings, registry: ModelRegistry | None = None) -> None:
        self.settings = settings
        self.registry = registry if registry is not None else ModelRegistry(settings)
        self.metrics = Metrics()
        self.models = ModelPool(settings, self.registry, on_batch=self.metrics.batch)
        self.activity = DrainTracker()

    def load(self, model: str | None = None, runtime: Runtime | None = None) -> EmotionModel:
        """Loads a model, or returns it if it is loaded already; None takes the settings' values.

        Raises:
            ModelError: it can't be had; the subclass says why.
        """
        return self.models.get(model, runtime).model

    def recognize(
        self,
        source: Path | bytes,
        options: RecognizeOptions | None = None,
        *,
        file_name: str | None = None,
        progress: Progress = ignore_progress,
        on_log: OnLog = lambda _line: None,
    ) -> Recognition:
        """Recognizes the emotion of one recording and writes its run folder.

        Args:
            source: an audio file in any format, or its bytes.
            options: what is asked for.
            file_name: the name the user knows it by; by default the path's.
            progress: told the fraction done and the stage; may raise to stop the run, which then leaves nothing behind.
            on_log: told every line of the processing log as it arises.

        Raises:
            AudioError: the recording can't be used.
            RequestError: the options make no sense.
            ModelError: the model can't answer.
            OutputError: the files can't be written.
            StoppingError: the process ends.
        """
        options = options if options is not None else RecognizeOptions()
        run = _Run(self.settings, options, self.activity.watched(progress), on_log)
        with self.activity.counted(), storage.open_draft(self.settings.outputs_dir, started=run.started) as draft:
            recording, decode_s = run.decode(source, file_name, draft)
            with closing(recording.waveform):
                run.keep_audio(recording, draft)
                loaded = run.load(lambda: self.models.get(options.model, options.runtime(self.settings)))
                answer = run.infer(recording, loaded, decode_s, draft)
            recognition = run.save(answer, draft)
            self.metrics.recognized(recognition.result)
            return recognition

    def analyze(
        self,
        source: Path | bytes,
        options: RecognizeOptions,
        *,
        file_name: str | None = None,
        progress: Progress = ignore_progress,
    ) -> RecognitionResult:
        """Recognizes like ``recognize``, and leaves no files: the answer is the document alone.

        Frame scores that would need a file are left out of the document; the embedding is not made.
        """
        options = replace(options, extract_embedding=False)
        run = _Run(self.settings, options, progress, lambda _line: None)
        with storage.open_draft(self.settings.outputs_dir, started=run.started) as draft:
            recording, decode_s = run.decode(source, file_name, draft)
            with closing(recording.waveform):
                loaded = run.load(lambda: self.models.get(options.model, options.runtime(self.settings)))
                result = run.infer(recording, loaded, decode_s, draft).result
        self.metrics.recognized(result)
        if result.frames is None or result.frames.file is None:
            return result
        return result.model_copy(update={"frames": result.frames.model_copy(update={"file": None})})


class _Run:
    """One recognition: keeps the log and the clock while it passes through the stages."""

    def __init__(self, settings: Settings, options: RecognizeOptions, progress: Progress, on_log: OnLog) -> None:
        self._settings = settings
        self._options = options
        self._progress = progress
        self._on_log = on_log
        self._log: list[Notice] = []
        self.windows = 0  # that the model heard
        self.started = datetime.now().astimezone()
        window_s = options.window_s if options.window_s is not None else settings.window_s
        hop_s = options.hop_s if options.hop_s is not None else min(settings.hop_s, window_s)
        check_smoothing(window_s, hop_s)
        options.check()
        self._smoothing_s = (window_s, hop_s)

    def decode(
        self, source: Path | bytes, file_name: str | None, draft: storage.RunDraft
    ) -> tuple[StoredRecording, float]:
        """Returns the recording, whose waveform is to be closed, and how many seconds decoding took."""
        self._progress(0.0, Stage.VALIDATION)
        max_bytes = int(self._settings.max_audio_mb * BYTES_PER_MB)
        limits = DecodeLimits(max_bytes=max_bytes, max_duration_s=self._settings.max_audio_s)
        clock = time.perf_counter()
        recording = decode_into(
            draft.spool, source, limits=limits, file_name=file_name, on_progress=self._steps(0.0, DECODED)
        )
        elapsed_s = time.perf_counter() - clock
        info = recording.source
        self._say(
            "log.validated",
            file_name=info.file_name,
            size_kb=info.size_bytes / 1000,
            format=info.format,
            sample_rate_hz=info.sample_rate_hz,
            channels=info.channels,
        )
        self._say("log.preprocessed", duration_s=info.duration_s, target_hz=recording.sample_rate, elapsed_s=elapsed_s)
        return recording, elapsed_s

    def keep_audio(self, recording: StoredRecording, draft: storage.RunDraft) -> None:
        """Writes ``processed_audio.wav``."""
        self._progress(DECODED, Stage.PREPROCESSING)
        tell = self._steps(DECODED, STORED)
        with draft.writing():
            storage.write_wav(
                draft.path / storage.AUDIO_FILE, recording.waveform, sample_rate=recording.sample_rate, on_progress=tell
            )

    def load(self, load: Callable[[], LoadedModel]) -> LoadedModel:
        """Returns what ``load`` returns, timed."""
        self._progress(STORED, Stage.INFERENCE)
        clock = time.perf_counter()
        loaded = load()
        info = loaded.model.info
        self._say(
            "log.model",
            name=info.name,
            engine=info.engine,
            precision=info.precision,
            device=info.device,
            elapsed_s=time.perf_counter() - clock,
        )
        return loaded

    def infer(
        self, recording: StoredRecording, loaded: LoadedModel, decode_s: float, draft: storage.RunDraft
    ) -> BuiltResult:
        """Returns the answer, and leaves the embedding in the draft."""
        clock = time.perf_counter()
        model, waveform = loaded.model, recording.waveform
        check_labels(model, self._options.labels)  # now, not after hours of inference
        if self._options.granularity is Granularity.SEGMENT:
            check_vad()
        with embedding_file(draft, self._options, model, count_frames(model, len(waveform))) as embedding:
            joined = predict_recording(
                model,
                waveform,
                statistics=(recording.mean, recording.variance),
                on_features=embedding.add if embedding is not None else None,
                on_window=lambda done: self._progress(STORED * (1 - done) + INFERRED * done, Stage.INFERENCE),
                predict=partial(loaded.queue.predict, background=self._options.background),
            )
        spans = self._detect_speech(recording)
        inference_s = time.perf_counter() - clock
        self.windows = joined.windows
        self._say("log.inferred", frames=len(joined.logits), windows=joined.windows, elapsed_s=inference_s)
        nobody = () if spans is None or spans else (_nobody_speaks(recording),)
        warnings = (*recording.warnings, *_about_length(model, joined), *nobody, *model.notices, *loaded.notices)
        for warning in warnings:
            self._note(warning)
        context = ResultContext(
            source=recording.source,
            embedding_shape=embedding.shape if embedding is not None else None,
            options=self._options,
            smoothing_s=self._smoothing_s,
            max_json_rows=self._settings.max_json_rows,
            timestamp=format_timestamp(self.started),
            timing=Timing(decode_s=decode_s, inference_s=inference_s),
            warnings=warnings,
            spans=spans,
        )
        return build_result(model, joined, context, self._note)

    def _detect_speech(self, recording: StoredRecording) -> list[Span] | None:
        """Returns where somebody speaks, if segments are asked for."""
        if self._options.granularity is not Granularity.SEGMENT:
            return None
        return detect_speech(
            recording.waveform,
            longest_s=self._options.max_segment_s,
            on_progress=lambda _fraction: self._progress(INFERRED, Stage.INFERENCE),
        )

    def save(self, answer: BuiltResult, draft: storage.RunDraft) -> Recognition:
        """Writes the rest and publishes the run folder."""
        self._progress(INFERRED, Stage.RESULTS)
        path = draft.path
        with draft.writing():
            if answer.frame_groups is not None:
                storage.write_parquet_groups(path / storage.FRAMES_FILE, answer.frame_groups)
            storage.write_text(path / storage.RESULT_FILE, answer.result.to_json())
            storage.write_text(path / storage.LOG_FILE, "\n".join(line.message() for line in self._log))
            folder = draft.publish()
            files = tuple(sorted(folder.iterdir()))
        self._say("log.saved", folder=str(folder), files=", ".join(file.name for file in files))
        self._progress(1.0, Stage.RESULTS)
        return Recognition(answer.result, folder, files, tuple(self._log))

    def _steps(self, start: float, stop: float) -> Callable[[float], None]:
        """Returns what takes the fraction done of a part of the preprocessing; it tells seldom and never backwards."""
        last = 0

        def tell(fraction: float) -> None:
            nonlocal last
            step = int(fraction * PROGRESS_STEPS)
            if step > last:
                last = step
                self._progress(start + (stop - start) * step / PROGRESS_STEPS, Stage.PREPROCESSING)

        return tell

    def _say(self, code: str, **values: float | int | str) -> None:
        self._note(Notice(code=code, values=values))

    def _note(self, line: Notice) -> None:
        self._log.append(line)
        self._on_log(line)


def _nobody_speaks(recording: StoredRecording) -> Notice:
    return Notice(code="request.no_speech", values={"duration_s": recording.source.duration_s})


def _about_length(model: EmotionModel, joined: RecordingLogits) -> tuple[Notice, ...]:
    """Returns what was done to a recording that had to be cut."""
    if joined.windows == 1:
        return ()
    context_s = round(model.context_samples / model.sample_rate, 2)
    values = {"windows": joined.windows, "window_s": MAX_WINDOW_S, "context_s": context_s}
    return (Notice(code="windows.cut", values=values),)
