"""``batch``: recognizes many recordings and writes one table; an interrupted run can be resumed."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
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
from webui.engine.auto_choice import AUTO
from webui.errors import ModelNotFoundError, RequestError
from webui.files import files_in, printable_name
from webui.results import Granularity, Notice
from webui.service import RecognitionService
from webui.service.evaluate.manifest import AUDIO_SUFFIXES, RAW_SUFFIXES
from webui.service.jobs.embeddings import array_format, embedded_names, keep_embeddings, model_of, write_embeddings
from webui.service.jobs.frame_tables import layout_of
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.table_reading import read_table
from webui.service.jobs.tables import PER_RECORDING, TableFormat, formats_for, write_table
from webui.service.recognition.options import AUTO_TRACK, MAX_SEGMENT_S, RecognizeOptions, parse_labels
from webui.settings import Settings
from webui.storage.job_extras import JobExtras
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
    force: Annotated[bool, typer.Option("--force", help="cli.option_batch_force")] = False,
    granularity: GranularityOption = Granularity.UTTERANCE,
    window_s: WindowOption = None,
    hop_s: HopOption = None,
    raw: RawOption = False,
    embedding: Annotated[
        Path | None, typer.Option("--embedding", "-e", metavar="FILE", help="cli.option_batch_embedding")
    ] = None,
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
        if kind not in formats_for(granularity):
            raise RequestError("cli.batch_needs_jsonl", found=granularity.value, format=kind.value)
        settings = load_settings(
            model=model, model_dir=model_dir, device=device, engine=engine, precision=precision, outputs_dir=out.parent
        )
        if embedding is not None:
            array_format(embedding)
        options = RecognizeOptions.of(
            granularity=granularity,
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
            model=settings.model,
            precision=settings.precision,
            extract_embedding=embedding is not None,
        )
        check_effect(options)
        suffixes = AUDIO_SUFFIXES if headerless is None else AUDIO_SUFFIXES | RAW_SUFFIXES
        files = list(_files(sources, suffixes))
        return _Batch(settings, options, out, kind, embedding, terminal).run(files, resume=resume, force=force)

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
        self,
        settings: Settings,
        options: RecognizeOptions,
        out: Path,
        kind: TableFormat,
        embedding: Path | None,
        terminal: Terminal,
    ) -> None:
        self._options = options
        self._out = out
        self._kind = kind
        self._embedding = embedding
        self._terminal = terminal
        self._state = out.with_name(f"{out.name}.progress.sqlite")
        self._layout = layout_of(options.granularity, JobExtras.of(self._state, JOB))
        self._service = RecognitionService(settings)

    def run(self, files: list[tuple[str, str]], *, resume: bool, force: bool) -> ExitCode:
        """Recognizes until everything is done or interrupted by Ctrl-C; writes the table in either case.

        Args:
            files: names and paths of the recordings.
            resume: whether to continue an interrupted batch, or to extend a finished table.
            force: whether an existing table may be replaced.

        Raises:
            RequestError: there is an existing table or an interrupted batch, and neither option is given.
        """
        if not files:
            raise RequestError("cli.batch_nothing", expected=" ".join(sorted(AUDIO_SUFFIXES)))
        interrupted, exists = self._state.exists(), self._out.exists()
        if (interrupted or exists) and not (resume or force):
            raise RequestError("cli.batch_exists", path=self._out)
        if self._embedding is not None and self._embedding.exists() and not (force or interrupted or exists):
            raise RequestError("cli.batch_embedding_exists", path=self._embedding)
        extends = exists and not interrupted and not force
        if extends and self._layout is not PER_RECORDING and self._kind is not TableFormat.JSONL:
            raise RequestError("cli.batch_frames_finished", path=self._out)
        kept = self._kept(read_table(self._out, self._kind, JOB), {name for name, _ in files}) if extends else []
        if not resume:
            self._delete_state()
        store = JobStore(self._state)
        runner = JobRunner(self._service, store)
        try:
            self._prepare(runner, files, kept)
            self._print_ignored_precision()
            runner.start()
            record = self._watch(runner)
        finally:
            runner.stop()
            self._write(store)
            failures = [item for item in store.items(JOB) if item.state is ItemState.FAILED]
            store.close()
        return self._print_summary(record, failures)

    def _write(self, store: JobStore) -> None:
        write_table(store.items(JOB), self._out, self._kind, self._layout)
        if self._embedding is not None:
            kind, extras = array_format(self._embedding), JobExtras.of(store.path, JOB)
            rows = write_embeddings(store.items(JOB), extras, self._embedding, kind)
            self._terminal.print_text("cli.batch_embedding_saved", rows=rows, path=self._embedding.absolute())

    def _prepare(self, runner: JobRunner, files: list[tuple[str, str]], kept: list[Item]) -> None:
        """Adds the recordings to the job, except for those that are in it or in the finished table already."""
        store = runner.store
        existing = store.job(JOB)
        if existing is None:
            names = {item.name for item in kept}
            new = [(name, path) for name, path in files if name not in names]
            runner.submit([*((item.name, item.place) for item in kept), *new], self._options, job=JOB)
            for item in kept:
                store.finish(item, item.state, item.outcome)
            if self._embedding is not None:
                keep_embeddings(self._embedding, kept, JobExtras.of(store.path, JOB))
            if kept:
                done = sum(item.state is ItemState.DONE for item in kept)
                self._terminal.print_text("cli.batch_resumed", done=done, files=len(kept) + len(new))
            return
        if RecognizeOptions.model_validate_json(existing.options) != self._options:
            raise RequestError("cli.batch_other_options", file=self._state.name)
        self._terminal.print_text("cli.batch_resumed", done=existing.counts[ItemState.DONE], files=existing.total)
        store.retry_failed(JOB)
        known = {item.name for item in store.items(JOB)}
        store.extend(JOB, [(name, path) for name, path in files if name not in known])

    def _kept(self, finished: list[Item], given: set[str]) -> list[Item]:
        """Returns the recordings of the finished table that are not recognized again, numbered from 0.

        Args:
            finished: the recordings of the table.
            given: names of the recordings to recognize. Those that failed, or lack a requested embedding, are
                recognized again.

        Raises:
            RequestError: the array of embeddings can't be read, or is from another model than the one requested.
        """
        kept = [item for item in finished if item.state is ItemState.DONE or item.name not in given]
        if self._embedding is not None:
            kept = self._with_embedding(self._embedding, kept, given)
        return [replace(item, number=number) for number, item in enumerate(kept)]

    def _with_embedding(self, array: Path, kept: list[Item], given: set[str]) -> list[Item]:
        embedded = embedded_names(array)
        kept = [item for item in kept if item.name in embedded or item.name not in given]
        models = {model_of(item) for item in kept if item.name in embedded}
        wanted = self._service.settings.model
        if wanted != AUTO and models - {self._service.registry.choose(wanted).name}:
            raise RequestError("cli.batch_other_model", found=", ".join(sorted(models)), path=array)
        return kept

    def _print_ignored_precision(self) -> None:
        try:
            name = self._service.registry.choose(self._service.settings.model).name
        except ModelNotFoundError:  # every recording will report it
            return
        ignored = self._service.ignored_precision(name, self._options.precision)
        if ignored is not None:
            self._terminal.print_notice(ignored)

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
        self._terminal.print_text("cli.batch_done", done=done, failed=len(failures), path=self._out.absolute())
        if failures:
            return ExitCode.PARTLY
        self._delete_state()
        return ExitCode.OK

    def _delete_state(self) -> None:
        name = self._state.name
        for file in (name, f"{name}-wal", f"{name}-shm", f".{name}.lock"):
            self._state.with_name(file).unlink(missing_ok=True)
        JobExtras.of(self._state, JOB).delete()
