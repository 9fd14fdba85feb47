"""The main use case: a recording in, an answer and its files out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from webui import storage
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.engine.protocol import EmotionModel
from webui.engine.registry import ModelRegistry
from webui.results import Notice, RecognitionResult, Timing, format_timestamp
from webui.service.answer import Answer, AnswerContext, build_answer
from webui.service.models import LoadedModel, ModelShelf
from webui.service.options import Progress, RecognizeOptions, Stage, ignore_progress
from webui.service.scores import check_smoothing
from webui.service.windows import predict_recording
from webui.settings import Device, Engine, Settings

OnLog = Callable[[Notice], None]
BYTES_PER_MB: Final = 1_000_000


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
    """Decodes, predicts, scores and saves. Safe to call from several threads: each model runs one recording at a time.

    Args:
        settings: limits, folders and defaults.
        registry: where models come from; by default the one of the settings.
    """

    def __init__(self, settings: Settings, registry: ModelRegistry | None = None) -> None:
        self.settings = settings
        self.registry = registry if registry is not None else ModelRegistry(settings)
        self.models = ModelShelf(settings, self.registry)

    def load(
        self, model: str | None = None, device: Device | None = None, engine: Engine | None = None
    ) -> EmotionModel:
        """Loads a model, or returns it if it is loaded already; None takes the settings' value.

        Raises:
            ModelError: it can't be had; the subclass says why.
        """
        return self.models.get(model, device, engine).model

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
        """
        options = options if options is not None else RecognizeOptions()
        run = _Run(self.settings, options, progress, on_log)
        recording, decode_s = run.decode(source, file_name)
        loaded = run.load(lambda: self.models.get(options.model, options.device, options.engine))
        with loaded.running:
            answer = run.infer(recording, loaded, decode_s)
        return run.save(recording, answer)


class _Run:
    """One recognition: keeps the log and the clock while it passes through the stages."""

    def __init__(self, settings: Settings, options: RecognizeOptions, progress: Progress, on_log: OnLog) -> None:
        self._settings = settings
        self._options = options
        self._progress = progress
        self._on_log = on_log
        self._log: list[Notice] = []
        self._started = datetime.now().astimezone()
        window_s = options.window_s if options.window_s is not None else settings.window_s
        hop_s = options.hop_s if options.hop_s is not None else min(settings.hop_s, window_s)
        check_smoothing(window_s, hop_s)
        self._smoothing_s = (window_s, hop_s)

    def decode(self, source: Path | bytes, file_name: str | None) -> tuple[Recording, float]:
        """Returns the recording and how many seconds decoding took."""
        self._progress(0.0, Stage.VALIDATION)
        max_bytes = int(self._settings.max_audio_mb * BYTES_PER_MB)
        limits = DecodeLimits(max_bytes=max_bytes, max_duration_s=self._settings.max_audio_s)
        clock = time.perf_counter()
        recording = decode(source, limits=limits, file_name=file_name)
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
        self._progress(0.2, Stage.PREPROCESSING)
        self._say("log.preprocessed", duration_s=info.duration_s, target_hz=recording.sample_rate, elapsed_s=elapsed_s)
        return recording, elapsed_s

    def load(self, load: Callable[[], LoadedModel]) -> LoadedModel:
        """Returns what ``load`` returns, timed."""
        self._progress(0.3, Stage.INFERENCE)
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

    def infer(self, recording: Recording, loaded: LoadedModel, decode_s: float) -> Answer:
        """Returns the answer; nobody else may be using the model."""
        clock = time.perf_counter()
        joined = predict_recording(
            loaded.model,
            recording.waveform,
            with_features=self._options.extract_embedding,
            on_window=lambda fraction: self._progress(0.3 + 0.6 * fraction, Stage.INFERENCE),
        )
        inference_s = time.perf_counter() - clock
        self._say("log.inferred", frames=len(joined.logits), windows=joined.windows, elapsed_s=inference_s)
        warnings = (*recording.warnings, *loaded.model.notices, *loaded.notices)
        for warning in warnings:
            self._note(warning)
        context = AnswerContext(
            options=self._options,
            smoothing_s=self._smoothing_s,
            max_json_rows=self._settings.max_json_rows,
            timestamp=format_timestamp(self._started),
            timing=Timing(decode_s=decode_s, inference_s=inference_s),
            warnings=warnings,
        )
        return build_answer(recording, loaded.model, joined, context, self._note)

    def save(self, recording: Recording, answer: Answer) -> Recognition:
        """Writes the run folder."""
        self._progress(0.9, Stage.RESULTS)
        with storage.draft_run_folder(self._settings.outputs_dir, started=self._started) as draft:
            path = draft.path
            storage.write_wav(path / storage.AUDIO_FILE, recording.waveform, sample_rate=recording.sample_rate)
            if answer.embedding is not None:
                storage.write_embedding(path / storage.EMBEDDING_FILE, answer.embedding)
            if answer.frame_columns:
                storage.write_parquet(path / storage.FRAMES_FILE, answer.frame_columns)
            storage.write_text(path / storage.RESULT_FILE, answer.result.to_json())
            storage.write_text(path / storage.LOG_FILE, "\n".join(line.message() for line in self._log))
            folder = draft.publish()
        files = tuple(sorted(folder.iterdir()))
        self._say("log.saved", folder=str(folder), files=", ".join(file.name for file in files))
        self._progress(1.0, Stage.RESULTS)
        return Recognition(answer.result, folder, files, tuple(self._log))

    def _say(self, code: str, **values: float | int | str) -> None:
        self._note(Notice(code=code, values=values))

    def _note(self, line: Notice) -> None:
        self._log.append(line)
        self._on_log(line)
