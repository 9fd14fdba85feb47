"""Parses a command line, runs the command, and turns errors into messages and exit codes."""

import re
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from webui import __version__
from webui.cli.batch import batch
from webui.cli.compare import compare
from webui.cli.doctor import doctor
from webui.cli.download import download
from webui.cli.evaluate import evaluate
from webui.cli.exit_codes import ExitCode, exit_code_of
from webui.cli.export import export
from webui.cli.key import key
from webui.cli.language import take_language
from webui.cli.models import models
from webui.cli.options import CommandAction
from webui.cli.parser_texts import localize_headings, localize_help_option, usage_message
from webui.cli.recognize import recognize
from webui.cli.remove import remove
from webui.cli.serve import serve
from webui.cli.terminal import Terminal, discard_output
from webui.cli.train import train
from webui.cli.verify import verify
from webui.errors import SpeechEmotionError, missing_package
from webui.files import printable_name
from webui.service.evaluate.manifest import AUDIO_SUFFIXES
from webui.texts import TEXTS, Language, text

PROGRAM = "bash run.sh"


class _Terminated(BaseException):  # not an Exception, so that no handler of errors catches it
    """The process has received SIGTERM or SIGHUP."""


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code; Ctrl-C raises KeyboardInterrupt.

    Args:
        arguments: the arguments after the name of the program.
    """
    language, rest = take_language(arguments)
    terminal = Terminal(language)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    try:
        outcome = build_command(language).main(rest, prog_name=PROGRAM, standalone_mode=False)
        if isinstance(outcome, int):  # --help, --version, or Ctrl-C while parsing
            return outcome
        action: CommandAction = outcome
        return action(terminal)
    except typer.TyperException as error:  # a command line that can't be parsed
        context: typer.Context | None = getattr(error, "ctx", None)
        command = PROGRAM if context is None else context.command_path
        terminal.print_text("cli.usage", message=usage_message(error, language), command=command)
        if (name := _file_like_an_option(rest)) is not None:
            terminal.print_text("cli.file_like_an_option", found=printable_name(name))
        return ExitCode.REQUEST
    except SpeechEmotionError as error:
        terminal.print_error(error)
        return exit_code_of(error)
    except _Terminated:
        return ExitCode.TERMINATED
    except (BrokenPipeError, SystemExit):  # SystemExit: the parser printed its help to a closed pipe
        discard_output()
        return ExitCode.CLOSED_PIPE
    except Exception as error:  # noqa: BLE001 - last handler: an unexpected error is printed with its traceback
        missing = missing_package(error)
        if missing is not None:
            terminal.print_text("cli.not_set_up", name=missing)
            return ExitCode.UNEXPECTED
        terminal.print_crash(error)
        return ExitCode.UNEXPECTED


def _file_like_an_option(arguments: list[str]) -> str | None:
    """Returns the first argument that begins with a dash but names a file or has the suffix of a recording."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    dashed = (word for word in before if word.startswith("-") and word != "-")
    return next((word for word in dashed if Path(word).suffix.lower() in AUDIO_SUFFIXES or _exists(word)), None)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # the name is too long, or contains a null character
        return False


def build_command(language: Language) -> typer.core.TyperGroup:
    """Returns the parser with help in ``language``. Each parsed command returns a ``CommandAction``."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True, help="cli.help", epilog="cli.help_epilog")(_program)
    app.command(help="cli.help_serve")(serve)
    app.command(help="cli.help_recognize", epilog="cli.help_recognize_epilog")(recognize)
    app.command(help="cli.help_batch", epilog="cli.help_batch_epilog")(batch)
    app.command(help="cli.help_models")(models)
    app.command(help="cli.help_download")(download)
    app.command(help="cli.help_verify")(verify)
    app.command(help="cli.help_evaluate")(evaluate)
    app.command(help="cli.help_compare", epilog="cli.help_compare_epilog")(compare)
    app.command(
        help="cli.help_train",
        add_help_option=False,  # the training programs have their own help
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(train)
    app.command(help="cli.help_export", epilog="cli.help_export_epilog")(export)
    app.command(help="cli.help_remove")(remove)
    app.command(help="cli.help_key", epilog="cli.help_key_epilog")(key)
    app.command(help="cli.help_doctor", epilog="cli.help_doctor_epilog")(doctor)
    command = typer.main.get_command(app)
    if not isinstance(command, typer.core.TyperGroup):
        raise TypeError(f"not a group of commands: {command!r}")
    localize_headings(language)
    _localize(command, language)
    for part in command.commands.values():
        _localize(part, language)
    return command


def exit_code_lines(language: Language) -> str:
    """Returns the exit codes and their meanings, one per line."""
    return "\n".join(f"  {code.value:>3}  {text(code.meaning, language)}" for code in ExitCode)


def _program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="cli.option_version")] = False,
    lang: Annotated[Language | None, typer.Option("--lang", help="cli.option_lang")] = None,
) -> CommandAction | None:
    if version:
        typer.echo(f"speech-emotion-webui {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        return serve()
    return None


def _localize(part: object, language: Language) -> None:
    """Replaces the keys of texts by the texts, in a command and its parameters."""
    localize_help_option(part, language)
    for owner in (part, *getattr(part, "params", ())):
        for name in ("help", "epilog"):
            key: str | None = getattr(owner, name, None)
            if key is not None and key in TEXTS:
                shown = text(key, language, program=PROGRAM, exit_codes=exit_code_lines(language))
                setattr(owner, name, shown if owner is part else _breakable(shown))


def _breakable(shown: str) -> str:
    """Returns ``shown`` with thin spaces as break points in Chinese: Rich wraps lines at spaces only."""
    return re.sub("(?<=[，。；：、）])(?=[^，。；：、）])", "\N{THIN SPACE}", shown)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated
