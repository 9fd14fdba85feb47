"""Texts of the area "page"."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {}
