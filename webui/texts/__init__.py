"""The one table of texts shown to people, in Chinese and English.

A text has a key ``area.name`` and named placeholders. The table is one mapping, written down in one file per area.
Everything that people read comes from here (page, errors, warnings, log lines); code and logging stay in English.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webui.texts import (
    access,
    acquisition,
    api,
    audio,
    checkpoint,
    cli,
    compare,
    download,
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

    Raises:
        KeyError: the key is not in the table, or a placeholder has no value (a mistake in the program).
    """
    return TEXTS[key].in_language(language).format_map(values)
