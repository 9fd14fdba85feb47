"""The two languages, and a text in both."""

from enum import StrEnum
from typing import NamedTuple


class Language(StrEnum):
    """A language of the user interface."""

    ZH = "zh"
    EN = "en"


class Text(NamedTuple):
    """One text in both languages; both use the same named placeholders (``str.format`` syntax)."""

    zh: str
    en: str

    def in_language(self, language: Language) -> str:
        """Returns the unfilled text in ``language``."""
        return self.zh if language is Language.ZH else self.en
