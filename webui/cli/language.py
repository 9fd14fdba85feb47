"""The language of the output: from ``--lang`` anywhere on the command line, otherwise from the locale."""

import os
from typing import Final

from webui.texts import Language

OPTION: Final = "--lang"
VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
ENCODING_ONLY: Final = frozenset({"c.utf-8", "c.utf8"})  # chooses UTF-8 but no language


def system_language() -> Language:
    """Returns Chinese if the locale is Chinese, otherwise English."""
    values = (os.environ.get(name, "").lower() for name in VARIABLES)
    locale = next((value for value in values if value and value not in ENCODING_ONLY), "")
    return Language.ZH if locale.startswith("zh") else Language.EN


def take_language(arguments: list[str]) -> tuple[Language, list[str]]:
    """Returns the language, and the arguments without ``--lang``; an invalid value is left for the parser to report.

    This happens before parsing, so that ``--help`` and usage errors use the language too, and the option may also
    follow the command.
    """
    language = system_language()
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        if word == "--":
            return language, [*rest, word, *pending]
        name, equals, value = word.partition("=")
        if name == OPTION and (equals or pending):
            value = value if equals else pending[0]
            if value in set(Language):
                language = Language(value)
                if not equals:
                    pending.pop(0)
                continue
        rest.append(word)
    return language, rest
