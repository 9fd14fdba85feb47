"""``download``: downloads a model's weights."""

from typing import Annotated

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, load_settings
from webui.cli.terminal import Terminal
from webui.engine.hub.download import DownloadProgress
from webui.engine.registry import LARGE, ModelRegistry
from webui.texts import text


def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.option_download_name")] = LARGE,
) -> CommandAction:
    """Returns the action that downloads the weights, unless they are on this machine already."""

    def run(terminal: Terminal) -> ExitCode:
        registry = ModelRegistry(load_settings())
        with terminal.transfer(text("cli.download_connecting", terminal.language)) as show:

            def on_progress(progress: DownloadProgress) -> None:
                label = text("cli.downloading", terminal.language, model=name, hub=progress.hub.display_name)
                show(label, progress.done_bytes, progress.total_bytes)

            found = registry.download(name, on_progress=on_progress)
        terminal.print_text("cli.downloaded", model=name, path=found.directory)
        return ExitCode.OK

    return run
