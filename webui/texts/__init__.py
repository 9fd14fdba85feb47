"""The one table of texts shown to people, in Chinese and English.

A text has a key ``area.name`` and named placeholders. The table is one mapping, written down in one file per area.
Everything that people read comes from here (page, errors, warnings, the processing log of a run); code and the
program's own logging are in English.
"""

import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from webui.texts import (
    access,
    acquisition,
    api,
    audio,
    checkpoint,
    cli,
    compare,
    download,
    duration,
    engine,
    evaluate,
    log,
    notice,
    page,
    request,
    settings,
    storage,
    windows,
)
from webui.texts.duration import duration_text
from webui.texts.language import Language, Text

__all__ = ["TEXTS", "Language", "Text", "text"]

_AREAS: Final = (
    access,
    acquisition,
    api,
    audio,
    checkpoint,
    cli,
    compare,
    download,
    duration,
    engine,
    evaluate,
    log,
    notice,
    page,
    request,
    settings,
    storage,
    windows,
)


def _collect() -> Mapping[str, Text]:
    table: dict[str, Text] = {}
    for area in _AREAS:
        doubled = table.keys() & area.TEXTS.keys()
        if doubled:
            raise ValueError(f"Texts defined twice: {sorted(doubled)}; every key belongs to one area.")
        table.update(area.TEXTS)
    return MappingProxyType(table)


TEXTS: Final[Mapping[str, Text]] = _collect()


def text(key: str, language: Language = Language.EN, **values: object) -> str:
    """Returns the text of ``key`` in ``language`` with its placeholders filled from ``values``.

    ``{duration_s:time}`` becomes a length of time with its unit, such as ``4 min 5 s`` for 245.

    Raises:
        KeyError: the key is not in the table, or a placeholder has no value (a mistake in the program).
    """
    return _FORMATTERS[language].vformat(TEXTS[key].in_language(language), (), values)


class _Formatter(string.Formatter):
    """Formats like ``str.format``, and seconds with the format ``time`` as a length of time."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> Any:  # noqa: ANN401 - as in the base class
        if format_spec == "time":
            return duration_text(float(value), self._language)
        return super().format_field(value, format_spec)


_FORMATTERS: Final = {language: _Formatter(language) for language in Language}
