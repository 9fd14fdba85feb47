"""``batch``: recognizes many recordings and writes one table; an interrupted run can be resumed."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Annotated, Final

import typer

from webui.audio.options import ChannelMode
from webui.cli.exit_codes import ExitCode
from webui.cli.options import (
    ChannelNamesOption,
    ChannelsOption,
    CommandAction,
    DeviceOption,
    EngineOption,
    GranularityOption,
    HeaderlessOption,
    HopOption,
    LabelsOption,
    MergeOption,
    ModelDirOption,
    ModelOption,
    PrecisionOption,
    RawOption,
    SegmentOption,
    TrackOption,
    WindowOption,
    check_effect,
    load_settings,
)
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.files import files_in, printable_name
from webui.results import Granularity, Notice
from webui.service import RecognitionService
from webui.service.evaluate.manifest import AUDIO_SUFFIXES, RAW_SUFFIXES
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import TableFormat, write_table
from webui.service.recognition.options import AUTO_TRACK, MAX_SEGMENT_S, AnalysisOptions, parse_labels
from webui.settings import Settings
from webui.storage.job_store import Item, ItemState, JobRecord, JobStore
from webui.texts import text

JOB: Final = "batch"  # the only job in its database
POLL_S: Final = 0.5
SHOWN_FAILURES: Final = 20  # number of failures that are printed; the table contains all of them


def batch(
    sources: Annotated[list[Path], typer.Argument(metavar="DIR|FILE", help="cli.option_batch_sources")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="cli.option_batch_out")] = Path("results.csv"),
    format: Annotated[TableFormat | None, typer.Option("--format", help="cli.option_batch_format")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="cli.option_batch_resume")] = False,
    granularity: GranularityOption = Granularity.UTTERANCE,
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
    model: ModelOption = None,
    model_dir: ModelDirOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
) -> CommandAction:
    """Returns the action that recognizes the recordings and writes the table."""

    def run(terminal: Terminal) -> ExitCode:
        kind = format if format is not None else _format_of(out)
        if granularity is not Granularity.UTTERANCE and kind is not TableFormat.JSONL:
            raise RequestError("cli.batch_needs_jsonl", found=granularity.value, format=kind.value)
        settings = load_settings(
            model=model, model_dir=model_dir, device=device, engine=engine, precision=precision, outputs_dir=out.parent
        )
        options = AnalysisOptions.of(
            granularity=granularity,
            window_s=window_s,
            hop_s=hop_s,
            raw_frames=raw,
            labels=parse_labels(labels) if labels is not None else None,
            max_segment_s=segment_s if segment_s is not None else MAX_SEGMENT_S,
            merge_segments=merge,
            track=track if track is not None else AUTO_TRACK,
            headerless=headerless,
            channels=channels,
            channel_names=channel_names,
            model=settings.model,
            precision=settings.precision,
        )
        check_effect(options)
        suffixes = AUDIO_SUFFIXES if headerless is None else AUDIO_SUFFIXES | RAW_SUFFIXES
        return _Batch(settings, options, out, kind, terminal).run(list(_files(sources, suffixes)), resume=resume)

    return run


def _format_of(out: Path) -> TableFormat:
    known = {f".{kind.value}": kind for kind in TableFormat}
    found = known.get(out.suffix.lower())
    if found is None:
        raise RequestError("cli.batch_format", found=out.name, expected=", ".join(known))
    return found


def _files(sources: Sequence[Path], suffixes: Set[str]) -> Iterator[tuple[str, str]]:
    """Yields names and paths of all recordings; names are relative to the folder if it is the only source."""
    for source in sources:
        if source.is_dir():
            start = source if len(sources) == 1 else Path()
            yield from ((_name(path.relative_to(start)), str(path.absolute())) for path in files_in(source, suffixes))
        else:
            yield _name(source), str(source.absolute())


def _name(path: Path) -> str:
    return printable_name(path.as_posix())


class _Batch:
    """One run of the command."""

    def __init__(
        self, settings: Settings, options: AnalysisOptions, out: Path, kind: TableFormat, terminal: Terminal
    ) -> None:
        self._options = options
        self._out = out
        self._kind = kind
        self._terminal = terminal
        self._state = out.with_name(f"{out.name}.progress.sqlite")
        self._service = RecognitionService(settings)

    def run(self, files: list[tuple[str, str]], *, resume: bool) -> ExitCode:
        """Recognizes until everything is done or interrupted by Ctrl-C; writes the table in either case."""
        if not files:
            raise RequestError("cli.batch_nothing", expected=" ".join(sorted(AUDIO_SUFFIXES)))
        if not resume:
            self._delete_state()
        store = JobStore(self._state)
        runner = JobRunner(self._service, store)
        try:
            self._prepare(runner, files)
            runner.start()
            record = self._watch(runner)
        finally:
            runner.stop()
            write_table(store.items(JOB), self._out, self._kind)
            failures = [item for item in store.items(JOB) if item.state is ItemState.FAILED]
            store.close()
        return self._print_summary(record, failures)

    def _prepare(self, runner: JobRunner, files: list[tuple[str, str]]) -> None:
        """Adds the recordings to the job, except for those that are in it already."""
        store = runner.store
        before = store.job(JOB)
        if before is None:
            runner.submit(files, self._options, job=JOB)
            return
        if AnalysisOptions.model_validate_json(before.options) != self._options:
            raise RequestError("cli.batch_other_options", file=self._state.name)
        self._terminal.print_text("cli.batch_resumed", done=before.counts[ItemState.DONE], files=before.total)
        store.retry_failed(JOB)
        known = {item.name for item in store.items(JOB)}
        store.extend(JOB, [(name, path) for name, path in files if name not in known])

    def _watch(self, runner: JobRunner) -> JobRecord:
        with self._terminal.count(text("cli.batch_busy", self._terminal.language)) as show:
            while True:
                record = runner.wait(JOB, POLL_S)
                if record is None:
                    raise LookupError(f"the job {JOB} is not in its database")
                show(record.counts[ItemState.DONE] + record.counts[ItemState.FAILED], record.total)
                if record.ended:
                    return record

    def _print_summary(self, record: JobRecord, failures: list[Item]) -> ExitCode:
        for item in failures[:SHOWN_FAILURES]:
            notice = Notice.model_validate_json(item.outcome or "{}")
            self._terminal.print_notice(notice, about=f"{item.name}: ")
        done = record.counts[ItemState.DONE]
        self._terminal.print_text("cli.batch_done", done=done, failed=len(failures), path=self._out)
        if failures:
            return ExitCode.PARTLY
        self._delete_state()
        return ExitCode.OK

    def _delete_state(self) -> None:
        name = self._state.name
        for file in (name, f"{name}-wal", f"{name}-shm", f".{name}.lock"):
            self._state.with_name(file).unlink(missing_ok=True)
