"""Options that several commands share, and the settings they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from webui.cli.exit_codes import ExitCode
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.settings import ENV_PREFIX, Device, Engine, Precision, Settings

CommandAction = Callable[[Terminal], ExitCode]  # what a parsed command line asks for

ModelOption = Annotated[str | None, typer.Option("--model", "-m", metavar="auto|NAME", help="cli.option_model")]
DeviceOption = Annotated[Device | None, typer.Option("--device", "-d", help="cli.option_device")]
EngineOption = Annotated[Engine | None, typer.Option("--engine", metavar="NAME", help="cli.option_engine")]
PrecisionOption = Annotated[Precision | None, typer.Option("--precision", metavar="NAME", help="cli.option_precision")]
ModelDirOption = Annotated[Path | None, typer.Option("--model-dir", metavar="DIR", help="cli.option_model_dir")]
OutputsOption = Annotated[
    Path | None, typer.Option("--outputs-dir", "-o", metavar="DIR", help="cli.option_outputs_dir")
]
JsonOption = Annotated[bool, typer.Option("--json", help="cli.option_json")]


def load_settings(**given: object) -> Settings:
    """Returns the settings: what was ``given`` and is not None, then the environment, then the defaults.

    Raises:
        RequestError: a value makes no sense.
    """
    overrides: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**overrides)
    except ValidationError as err:
        first = err.errors()[0]
        name = str(first["loc"][0])
        raise RequestError(
            "cli.bad_setting",
            name=name,
            variable=f"{ENV_PREFIX}{name.upper()}",
            found=repr(first["input"]),
            reason=first["msg"],
        ) from err
