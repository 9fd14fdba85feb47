"""The interface between the page and its tabs and panels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.service import RecognitionService
from webui.service.models.status import PoolStatus
from webui.texts import Language
from webui.ui.i18n import I18n
from webui.ui.shared_files import SharedFiles

Updates = list[Any]  # values or ``gr.update``s, one per output
# Options of an event with a fast handler: not queued, no progress bar, not part of the public API.
QUIET: Final[dict[str, Any]] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class LanguageFollower:
    """Components that are rendered again when the language changes, in addition to those of ``I18n``.

    Attributes:
        outputs: the components.
        render: called with the language and the values of ``inputs``; returns one value per output.
        inputs: components whose values ``render`` needs.
    """

    outputs: Sequence[gr.blocks.Block]
    render: Callable[..., Updates]
    inputs: Sequence[gr.blocks.Block] = ()


@dataclass(frozen=True, slots=True)
class ModelsFollower:
    """Components that change when models become available.

    Attributes:
        outputs: the components.
        render: called with the status, the names of the ready models and the language; returns one value per output.
    """

    outputs: Sequence[gr.blocks.Block]
    render: Callable[[PoolStatus, Sequence[str], Language], Updates]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """The objects that a tab or panel is built with.

    Attributes:
        page: the Blocks of the whole page.
        service: the use cases.
        i18n: builds components whose texts follow the language.
        language: the component that contains the user's language.
        shared: makes files available for download.
        example: path of the example clip.
        language_followers: see ``LanguageFollower``; a tab adds its own while it is built.
        models_followers: see ``ModelsFollower``; a tab adds its own while it is built.
    """

    page: gr.Blocks
    service: RecognitionService
    i18n: I18n
    language: gr.Radio
    shared: SharedFiles
    example: Path
    language_followers: list[LanguageFollower] = field(default_factory=list)
    models_followers: list[ModelsFollower] = field(default_factory=list)


Connect = Callable[[gr.events.Dependency], None]  # connects events; its argument is the event that sets the language
BuildTab = Callable[[PageContext, gr.Tab], Connect]  # builds the components of a tab, inside the tab


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the page.

    Attributes:
        title: key of the tab's title.
        build: builds the components of the tab.
        elem_id: HTML id of the tab.
    """

    title: str
    build: BuildTab
    elem_id: str
