"""Texts of the area "cli"."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {}
