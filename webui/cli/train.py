"""``train``: trains a small model on the user's recordings, with the programs in the folder ``training``."""

import os
import subprocess
import sys
from typing import Final

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.settings import PROJECT_DIR

FOLDER: Final = PROJECT_DIR / "training"  # not part of the Docker image


def train(context: typer.Context) -> CommandAction:
    """Returns the action that runs the training programs in another process, which parses the arguments itself."""
    arguments = list(context.args)

    def run(_terminal: Terminal) -> ExitCode:
        if not (FOLDER / "__main__.py").is_file():
            raise RequestError("cli.train_missing", folder=FOLDER)
        paths = [str(PROJECT_DIR), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        code = subprocess.run([sys.executable, "-m", "training", *arguments], env=environment, check=False).returncode
        return ExitCode(code) if code in set(ExitCode) else ExitCode.UNEXPECTED

    return run
