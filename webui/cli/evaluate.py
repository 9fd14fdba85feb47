"""``evaluate``: measures the accuracy of a model on labelled recordings."""

from pathlib import Path
from typing import Annotated

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import (
    CommandAction,
    DeviceOption,
    EngineOption,
    HeaderlessOption,
    JsonOption,
    ModelDirOption,
    ModelOption,
    TrackOption,
    load_settings,
)
from webui.cli.terminal import Terminal
from webui.texts import text


def evaluate(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="cli.option_manifest")],
    model: ModelOption = None,
    output: Annotated[
        Path | None, typer.Option("--outputs-dir", "-o", metavar="DIR", help="cli.option_evaluate_output")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="cli.option_evaluate_force")] = False,
    track: TrackOption = None,
    headerless: HeaderlessOption = None,
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
        from webui.service.evaluate.files import check_free, write_files
        from webui.service.evaluate.manifest import read_source
        from webui.service.evaluate.measure import evaluate_answers, predict_clips
        from webui.service.evaluate.report import render_report
        from webui.service.recognition.options import AUTO_TRACK, AnalysisOptions

        settings = load_settings(model=model, model_dir=model_dir, device=device, engine=engine)
        options = AnalysisOptions.of(track=track if track is not None else AUTO_TRACK, headerless=headerless)
        if output is not None and not force:
            check_free(output)
        labelled = read_source(manifest, headerless=headerless is not None)
        clips = labelled.clips
        if labelled.agreement is not None:
            terminal.print_text("evaluate.agreement", **agreement_values(labelled.agreement))
        loaded = RecognitionService(settings, ModelRegistry(settings)).load()
        limits = DecodeLimits.of(settings.max_audio_mb, settings.max_audio_s)
        with terminal.busy(text("cli.evaluate_busy", terminal.language, done=0, clips=len(clips))) as status:

            def show_progress(done: int, all_clips: int) -> None:
                if status is not None:
                    status.update(text("cli.evaluate_busy", terminal.language, done=done, clips=all_clips))

            answers = predict_clips(loaded, clips, limits, show_progress, options.decode_options)
        found = evaluate_answers(answers, loaded, manifest)
        if output is not None:
            write_files(output, found, answers, manifest, terminal.language)
            terminal.print_text("cli.evaluate_kept", path=output)
        if as_json:
            terminal.print_json(found.model_dump_json())
        else:
            terminal.print_result(render_report(found, terminal.language).rstrip())
        return ExitCode.PARTLY if found.failed else ExitCode.OK

    return run
