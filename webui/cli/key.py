"""``key``: creates API keys and logins, and prints them with their hashes for the settings; nothing is stored."""

import getpass
import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.service.serving.keys import COMMENT, PasswordHash, hash_key, new_key
from webui.texts import text

MIN_PASSWORD: Final = 8


class Action(StrEnum):
    """What to create."""

    NEW = "new"
    LOGIN = "login"


def key(
    action: Annotated[Action, typer.Argument(help="cli.option_key_action")],
    user: Annotated[str, typer.Argument(metavar="USER", help="cli.option_key_user")] = "",
) -> CommandAction:
    """Returns the action that creates and prints a key or a login."""

    def run(terminal: Terminal) -> ExitCode:
        if action is Action.NEW:
            _print_key(terminal)
        else:
            _print_login(terminal, user)
        return ExitCode.OK

    return run


def _print_key(terminal: Terminal) -> None:
    created = new_key()
    terminal.print_text("access.new_key")
    terminal.print_result(created)
    terminal.print_text("access.new_key_hash")
    terminal.print_result(hash_key(created))


def _print_login(terminal: Terminal, user: str) -> None:
    """Prompts for the password on a terminal, otherwise reads it from stdin."""
    if not user or any(character.isspace() or character in f",{COMMENT}" for character in user):
        raise RequestError("access.bad_user", found=repr(user))
    if sys.stdin.isatty():
        password = getpass.getpass(text("access.ask_password", terminal.language, user=user) + " ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < MIN_PASSWORD:
        raise RequestError("access.bad_password", found=len(password), expected=MIN_PASSWORD)
    terminal.print_text("access.new_login")
    terminal.print_result(f"{user}:{PasswordHash.of(password)}")
