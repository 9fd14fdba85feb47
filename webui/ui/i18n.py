"""Which language a visitor reads: what the browser asks for, until the visitor chooses."""

from typing import Final

from webui.texts import Language

CHOICES: Final = (("中文", Language.ZH.value), ("English", Language.EN.value))


def parse_language(value: object) -> Language:
    """Returns the language of a value that came from the page; anything unknown is English."""
    return Language.ZH if value == Language.ZH.value else Language.EN


def visitor_language(asked: str | None, stored: object, accept_language: str | None) -> Language:
    """Returns a visitor's language: what the address asks for (``?lang=zh``), what they chose last, what they prefer.

    Args:
        asked: value of ``lang`` in the address.
        stored: the choice that their browser keeps; empty if they never chose.
        accept_language: the header of that name.
    """
    if asked in set(Language):
        return Language(asked)
    return parse_language(stored) if stored else preferred_language(accept_language)


def preferred_language(accept_language: str | None) -> Language:
    """Returns the language that an ``Accept-Language`` header prefers: Chinese or, failing that, English.

    Args:
        accept_language: for instance ``"zh-TW,zh;q=0.9,en;q=0.8"``.
    """
    best = {Language.ZH: 0.0, Language.EN: 0.0}
    for entry in (accept_language or "").lower().split(","):
        tag, _, parameters = entry.strip().partition(";")
        primary = tag.strip().split("-")[0]
        if primary in best:
            language = Language(primary)
            best[language] = max(best[language], _quality(parameters))
    return Language.ZH if best[Language.ZH] > best[Language.EN] else Language.EN


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
