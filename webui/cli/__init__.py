"""The command line; ``main`` is its entry point.

Results go to stdout, everything else to stderr. Large libraries are imported only by the commands that need them.
"""

import sys
from collections.abc import Sequence

from webui.cli.exit_codes import ExitCode
from webui.cli.language import system_language
from webui.errors import missing_package
from webui.texts import text

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the arguments after the program's name; by default those of the process.
    """
    try:
        from webui.cli.program import run  # imported inside `try`, so that Ctrl-C during the import prints no traceback

        return run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        sys.stderr.write("\n" + text("cli.interrupted", system_language()) + "\n")
        return ExitCode.INTERRUPTED
    except ModuleNotFoundError as err:
        missing = missing_package(err)
        if missing is None:
            raise
        sys.stderr.write(text("cli.not_set_up", system_language(), name=missing) + "\n")
        return ExitCode.UNEXPECTED
