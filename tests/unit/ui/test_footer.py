"""The foot of the page shows the version."""

import pytest

from webui import __version__
from webui.texts import Language
from webui.ui.page import _footer


@pytest.mark.parametrize("language", Language)
def test_the_version_is_shown(language: Language) -> None:
    assert f" {__version__}</p>" in _footer(language)["value"]
