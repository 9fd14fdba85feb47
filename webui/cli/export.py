"""``export``: writes a model as one file, for programs without PyTorch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, ModelDirOption, load_settings
from webui.cli.terminal import Terminal
from webui.engine.families import is_included
from webui.engine.registry import LARGE, ModelRegistry
from webui.errors import RequestError
from webui.settings import Precision
from webui.texts import text
from webui.units import BYTES_PER_MB


class Format(StrEnum):
    """The file format."""

    ONNX = "onnx"
    SAFETENSORS = "safetensors"


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.option_large_name")] = LARGE,
    format: Annotated[Format, typer.Option("--format", help="cli.option_format")] = Format.ONNX,
    precision: Annotated[Precision, typer.Option("--precision", help="cli.option_precision")] = Precision.FP32,
    model_dir: ModelDirOption = None,
    target: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="cli.option_export_dir")] = None,
) -> CommandAction:
    """Returns the action that writes the file."""

    def run(terminal: Terminal) -> ExitCode:
        settings = load_settings(model=name, model_dir=model_dir, precision=precision)
        registry = ModelRegistry(settings)
        if is_included(registry.choose(name).name):
            raise RequestError("cli.export_builtin", found=name)
        folder = target if target is not None else settings.models_dir / name
        with terminal.busy(text("cli.export_busy", terminal.language, model=name)):
            write = registry.export if format is Format.ONNX else registry.export_weights
            path = write(name, folder)
        terminal.print_text("cli.exported", path=path, size_mb=path.stat().st_size / BYTES_PER_MB)
        return ExitCode.OK

    return run
