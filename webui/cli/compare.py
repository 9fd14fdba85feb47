"""``compare``: compares models: speed on this machine, and accuracy on the user's recordings."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, DeviceOption, JsonOption, load_settings
from webui.cli.terminal import Terminal
from webui.texts import text


def compare(
    models: Annotated[str | None, typer.Option("--models", metavar="NAMES", help="cli.option_compare_models")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="MANIFEST|DIR", help="cli.option_compare_data")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="cli.option_compare_out")] = Path("comparison"),
    rounds: Annotated[int, typer.Option("--rounds", min=1, metavar="N", help="cli.option_compare_rounds")] = 5,
    max_memory_mb: Annotated[
        float, typer.Option("--max-memory-mb", min=1, metavar="MB", help="cli.option_compare_memory")
    ] = 4000.0,
    max_latency_s: Annotated[
        float, typer.Option("--max-latency-s", min=0.001, metavar="S", help="cli.option_compare_latency")
    ] = 2.0,
    speech_language: Annotated[
        str | None, typer.Option("--speech-language", metavar="CODE", help="cli.option_compare_language")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="cli.option_batch_resume")] = False,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> CommandAction:
    """Returns the action that measures the models and writes the report."""

    def run(terminal: Terminal) -> ExitCode:
        from webui.engine.families import compared_by_default  # imported late, like all below: numpy takes a while
        from webui.engine.registry import ModelRegistry
        from webui.service.compare.advice import Limits
        from webui.service.compare.report import HTML_FILE, JSON_FILE, MARKDOWN_FILE
        from webui.service.compare.session import ComparisonRequest, compare_models, parse_names
        from webui.service.evaluate.manifest import read_source

        settings = load_settings(device=device)
        registry = ModelRegistry(settings)
        names = parse_names(models, registry.names()) if models is not None else compared_by_default()
        request = ComparisonRequest(
            models=tuple(registry.choose(name).name for name in names),
            data=read_source(data) if data is not None else None,
            source=str(data) if data is not None else None,
            rounds=rounds,
            limits=Limits(memory_mb=max_memory_mb, latency_s=max_latency_s, language=speech_language),
        )
        with terminal.count(text("compare.busy", terminal.language)) as show:
            report = compare_models(request, settings, out, terminal.language, resume=resume, on_step=show)
        files = report.files
        if as_json:
            terminal.print_json(files[JSON_FILE].strip())
        else:
            terminal.print_result(Markdown(files[MARKDOWN_FILE]), wrap=True)
        terminal.print_text("compare.written", path=out / HTML_FILE)
        return ExitCode.OK if report.complete else ExitCode.PARTLY

    return run
