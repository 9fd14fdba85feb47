"""``evaluate``: measures the accuracy of a model on labelled recordings."""

from pathlib import Path
from typing import Annotated, Final

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import (
    CommandAction,
    DeviceOption,
    EngineOption,
    JsonOption,
    ModelDirOption,
    ModelOption,
    load_settings,
)
from webui.cli.terminal import Terminal
from webui.errors import OutputError
from webui.texts import text

REPORT_FILE: Final = "evaluation.md"
DOCUMENT_FILE: Final = "evaluation.json"
PICTURE_FILE: Final = "confusion.svg"


def evaluate(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="cli.option_manifest")],
    model: ModelOption = None,
    output: Annotated[
        Path | None, typer.Option("--outputs-dir", "-o", metavar="DIR", help="cli.option_evaluate_output")
    ] = None,
    as_json: JsonOption = False,
    model_dir: ModelDirOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
) -> CommandAction:
    """Returns the action that evaluates a model on the recordings of a manifest or folder."""

    def run(terminal: Terminal) -> ExitCode:
        from webui.audio.limits import DecodeLimits  # imported late, like all below: numpy and torch take seconds
        from webui.engine.registry import ModelRegistry
        from webui.service import RecognitionService
        from webui.service.compare.session import agreement_values
        from webui.service.evaluate.manifest import read_source
        from webui.service.evaluate.measure import evaluate_answers, predict_clips
        from webui.service.evaluate.picture import draw_confusion
        from webui.service.evaluate.report import render_report

        settings = load_settings(model=model, model_dir=model_dir, device=device, engine=engine)
        labelled = read_source(manifest)
        clips = labelled.clips
        if labelled.agreement is not None:
            terminal.print_text("evaluate.agreement", **agreement_values(labelled.agreement))
        loaded = RecognitionService(settings, ModelRegistry(settings)).load()
        limits = DecodeLimits.of(settings.max_audio_mb, settings.max_audio_s)
        with terminal.busy(text("cli.evaluate_busy", terminal.language, done=0, clips=len(clips))) as status:

            def show_progress(done: int, all_clips: int) -> None:
                if status is not None:
                    status.update(text("cli.evaluate_busy", terminal.language, done=done, clips=all_clips))

            answers = predict_clips(loaded, clips, limits, show_progress)
        found = evaluate_answers(answers, loaded, manifest)
        document, report = found.model_dump_json(indent=1) + "\n", render_report(found, terminal.language)
        if output is not None:
            title = text("evaluate.title", terminal.language, model=found.model, source=found.source)
            picture = draw_confusion(found.labels, found.confusion, title.lstrip("# "))
            _write(output, {DOCUMENT_FILE: document, REPORT_FILE: report, PICTURE_FILE: picture})
            terminal.print_text("cli.evaluate_kept", path=output)
        if as_json:
            terminal.print_json(found.model_dump_json())
        else:
            terminal.print_result(report.rstrip())
        return ExitCode.PARTLY if found.failed else ExitCode.OK

    return run


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=folder, reason=err.strerror or str(err)) from err
