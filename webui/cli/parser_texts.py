"""Texts of the command-line parser, whose own are English only: headings of the help, and usage errors."""

from typing import Any

import typer
from typer import rich_utils

from webui.texts import Language, text


def localize_headings(language: Language) -> None:
    """Sets the headings in the help of this process."""
    rich_utils.OPTIONS_PANEL_TITLE = text("cli.panel_options", language)
    rich_utils.COMMANDS_PANEL_TITLE = text("cli.panel_commands", language)
    rich_utils.ARGUMENTS_PANEL_TITLE = text("cli.panel_arguments", language)
    rich_utils.REQUIRED_LONG_STRING = text("cli.panel_required", language)
    rich_utils.DEFAULT_STRING = text("cli.panel_default", language)


def localize_help_option(command: Any, language: Language) -> None:  # noqa: ANN401 - typer's commands
    """Sets the description of ``--help``, which the parser adds itself."""
    create = command.get_help_option

    def get_help_option(context: typer.Context) -> Any:  # noqa: ANN401 - as above
        option = create(context)
        if option is not None:
            option.help = text("cli.option_help", language)
        return option

    command.get_help_option = get_help_option


def usage_message(error: typer.TyperException, language: Language) -> str:
    """Returns the message of a command line that can't be parsed; rare ones are in English whatever the language."""
    parameter = getattr(error, "param", None)
    hint = _names_of(parameter) if parameter is not None else ""
    match type(error).__name__:
        case "MissingParameter":
            return text("cli.usage_missing", language, name=hint)
        case "NoSuchOption":
            likely = ", ".join(getattr(error, "possibilities", None) or ())
            key = "cli.usage_no_option_but" if likely else "cli.usage_no_option"
            return text(key, language, found=getattr(error, "option_name", ""), likely=likely)
        case "BadParameter":
            return text("cli.usage_bad_value", language, name=hint, reason=error.message)
    return error.format_message()


def _names_of(parameter: Any) -> str:  # noqa: ANN401 - typer's parameters
    """Returns the names of an option, or that of an argument, in quotes."""
    is_argument = parameter.param_type_name == "argument"
    names = (parameter.metavar or str(parameter.name).upper(),) if is_argument else parameter.opts
    return " / ".join(f"'{name}'" for name in names)
