"""``recognize``: recognizes the emotions of recordings."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from webui.audio.options import ChannelMode
from webui.cli.answer_text import answer_lines
from webui.cli.exit_codes import ExitCode, exit_code_of
from webui.cli.json_lines import failed_line, recognized_line
from webui.cli.options import (
    ChannelNamesOption,
    ChannelsOption,
    CommandAction,
    DeviceOption,
    EmbeddingOption,
    EngineOption,
    GranularityOption,
    HeaderlessOption,
    HopOption,
    JsonOption,
    LabelsOption,
    MergeOption,
    ModelDirOption,
    ModelOption,
    OutputsOption,
    PrecisionOption,
    RawOption,
    SegmentOption,
    TitleOption,
    TrackOption,
    WindowOption,
    check_effect,
    load_settings,
)
from webui.cli.terminal import Terminal
from webui.errors import AudioError, InferenceError, RequestError, SpeechEmotionError
from webui.files import printable_name
from webui.results import BUILTIN_USED, Granularity, Notice
from webui.service import Recognition, RecognitionService, RecognizeOptions, Stage
from webui.service.recognition.options import AUTO_TRACK, MAX_SEGMENT_S, parse_labels
from webui.settings import Settings
from webui.texts import text
from webui.units import BYTES_PER_MB

STDIN: Final = "-"
STDIN_NAME: Final = "stdin"


def recognize(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="cli.option_files")],
    granularity: GranularityOption = Granularity.UTTERANCE,
    embedding: EmbeddingOption = False,
    as_json: JsonOption = False,
    window_s: WindowOption = None,
    hop_s: HopOption = None,
    raw: RawOption = False,
    labels: LabelsOption = None,
    segment_s: SegmentOption = None,
    merge: MergeOption = False,
    track: TrackOption = None,
    headerless: HeaderlessOption = None,
    channels: ChannelsOption = ChannelMode.MIX.value,
    channel_names: ChannelNamesOption = None,
    title: TitleOption = None,
    model: ModelOption = None,
    model_dir: ModelDirOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    outputs_dir: OutputsOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="cli.option_verbose")] = False,
) -> CommandAction:
    """Returns the action that recognizes the files one after another."""
    options = RecognizeOptions.of(
        granularity=granularity,
        extract_embedding=embedding,
        window_s=window_s,
        hop_s=hop_s,
        raw_frames=raw,
        labels=parse_labels(labels) if labels else None,
        max_segment_s=segment_s if segment_s is not None else MAX_SEGMENT_S,
        merge_segments=merge,
        track=track if track is not None else AUTO_TRACK,
        headerless=headerless,
        channels=channels,
        channel_names=channel_names,
        title=title,
        model=model,
        precision=precision,
    )

    def run(terminal: Terminal) -> ExitCode:
        check_effect(options)
        settings = load_settings(
            outputs_dir=outputs_dir, model_dir=model_dir, device=device, engine=engine, precision=precision
        )
        return _Files(settings, options, terminal, as_json=as_json, verbose=verbose).run(files)

    return run


class _Files:
    """One run of the command over its files."""

    def __init__(
        self, settings: Settings, options: RecognizeOptions, terminal: Terminal, *, as_json: bool, verbose: bool
    ) -> None:
        self._settings = settings
        self._options = options
        self._terminal = terminal
        self._as_json = as_json
        self._verbose = verbose
        self._service = RecognitionService(settings)
        self._printed: set[str] = set()

    def run(self, files: list[str]) -> ExitCode:
        """Recognizes every file; an error that affects all files is reported for each, without trying again."""
        failures: list[Exception] = []
        lasting: Exception | None = None
        for number, given in enumerate(files, start=1):
            label = f"[{number}/{len(files)}] {printable_name(given)}: " if len(files) > 1 else ""
            try:
                if lasting is not None:
                    raise lasting
                recognition = self._recognize(given, label)
            except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
                failures.append(error)
                lasting = error if _is_lasting(error) else None
                self._print_failure(error, given, label)
            else:
                self._print_recognition(recognition, given)
        if failures and len(failures) < len(files):
            self._terminal.print_text("cli.some_failed", failed=len(failures), files=len(files))
            return ExitCode.PARTLY
        return exit_code_of(failures[0]) if failures else ExitCode.OK

    def _recognize(self, given: str, label: str) -> Recognition:
        source, name = (self._read_stdin(), STDIN_NAME) if given == STDIN else (Path(given), None)
        with self._terminal.busy(self._stage(Stage.VALIDATION, label)) as status:

            def progress(fraction: float, stage: Stage) -> None:
                if status is not None:
                    status.update(f"{self._stage(stage, label)} {fraction:.0%}")  # for long recordings

            return self._service.recognize(
                source,
                self._options,
                file_name=name,
                progress=progress,
                on_log=lambda notice: self._print_notice(notice, label),
            )

    def _read_stdin(self) -> bytes:
        if sys.stdin is None or sys.stdin.isatty():
            raise RequestError("cli.stdin_is_terminal")
        limit = int(self._settings.max_audio_mb * BYTES_PER_MB)
        return sys.stdin.buffer.read(limit + 1)  # one byte over the limit is enough for a refusal

    def _stage(self, stage: Stage, label: str) -> str:
        return label + text(stage.text_key, self._terminal.language)

    def _print_notice(self, notice: Notice, label: str) -> None:
        if notice.is_log:
            if self._verbose:
                self._terminal.print_notice(notice, about=label)
            return
        if notice.is_reason and not self._verbose:
            return
        if notice.is_reason or notice.code == BUILTIN_USED:  # the same for every file: printed once
            if notice.code in self._printed:
                return
            self._printed.add(notice.code)
            label = ""
        self._terminal.print_notice(notice, about=label, short=not self._verbose)

    def _print_recognition(self, recognition: Recognition, given: str) -> None:
        info = recognition.result.model
        if info.name not in self._printed:
            self._printed.add(info.name)
            self._terminal.print_text("cli.answered_by", **info.model_dump(exclude={"labels"}))
        if self._as_json:
            self._terminal.print_json(recognized_line(recognition, given))
            return
        for line in answer_lines(recognition, given, self._terminal.language):
            self._terminal.print_result(line)

    def _print_failure(self, error: Exception, given: str, label: str) -> None:
        if isinstance(error, SpeechEmotionError):
            self._terminal.print_error(error, about=label)
        else:
            self._terminal.print_crash(error, about=label)
        if self._as_json:
            self._terminal.print_json(failed_line(error, given))


def _is_lasting(error: Exception) -> bool:
    return isinstance(error, SpeechEmotionError) and not isinstance(error, AudioError | InferenceError)
