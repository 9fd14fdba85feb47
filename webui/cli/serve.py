"""``serve``: starts the server with the page and the API."""

from pathlib import Path
from typing import Annotated

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import (
    CommandAction,
    DeviceOption,
    EngineOption,
    ModelDirOption,
    ModelOption,
    OutputsOption,
    PrecisionOption,
    load_settings,
)
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.service import machine


def serve(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="cli.option_host")] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535, help="cli.option_port")] = None,
    model: ModelOption = None,
    model_dir: ModelDirOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    outputs_dir: OutputsOption = None,
    ssl_certfile: Annotated[
        Path | None, typer.Option("--ssl-certfile", metavar="FILE", help="cli.option_ssl_certfile")
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option("--ssl-keyfile", metavar="FILE", help="cli.option_ssl_keyfile")
    ] = None,
) -> CommandAction:
    """Returns the action that runs the server until it is stopped."""

    def run(terminal: Terminal) -> ExitCode:
        settings = load_settings(
            host=host,
            port=port,
            model=model,
            model_dir=model_dir,
            device=device,
            engine=engine,
            precision=precision,
            outputs_dir=outputs_dir,
            ssl_certfile=ssl_certfile,
            ssl_keyfile=ssl_keyfile,
        )
        if machine.has_only_lite(machine.package_versions()):
            raise RequestError("cli.lite_no_server")
        terminal.print_text("cli.starting")

        from webui.server.exposure import is_open_to_network
        from webui.server.process import serve as serve_page  # imported late: takes seconds

        if is_open_to_network(settings):
            terminal.print_text("access.open_to_network", host=settings.host)

        serve_page(settings, terminal.language)
        return ExitCode.OK

    return run
