"""``remove``: deletes a model's weights from ``models/``."""

import shutil
import sys
from typing import Annotated, Final

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, load_settings
from webui.cli.terminal import Terminal
from webui.engine.families import is_included
from webui.engine.registry import ModelRegistry
from webui.errors import OutputError, RequestError
from webui.texts import text
from webui.units import BYTES_PER_MB

YES: Final = frozenset({"y", "yes", "是"})


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.option_large_name")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="cli.option_yes")] = False,
) -> CommandAction:
    """Returns the action that deletes ``models/<name>/`` after a confirmation."""

    def run(terminal: Terminal) -> ExitCode:
        settings = load_settings()
        registry = ModelRegistry(settings)
        chosen = registry.choose(name).name
        if is_included(chosen):
            raise RequestError("cli.remove_builtin", found=name)
        folder = settings.models_dir / chosen
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        if not files:
            raise RequestError("cli.remove_nothing", model=name, folder=folder)
        size_mb = sum(path.stat().st_size for path in files) / BYTES_PER_MB
        if not yes and not _confirmed(text("cli.remove_ask", terminal.language, path=folder, size_mb=size_mb)):
            terminal.print_text("cli.kept")
            return ExitCode.OK
        try:
            shutil.rmtree(folder)
        except OSError as err:
            raise OutputError("download.not_written", folder=str(folder), reason=str(err)) from err
        terminal.print_text("cli.removed", path=folder, size_mb=size_mb)
        left = registry.find(chosen)
        if left is not None:
            terminal.print_text("cli.remove_elsewhere", model=name, path=left.directory)
        return ExitCode.OK

    return run


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise RequestError("cli.remove_unasked")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in YES
