"""The choice of the model that is used for ``auto``."""

from dataclasses import dataclass
from typing import Final

from webui.engine.builtin.family import BUILTIN
from webui.engine.emotion2vec.family import EMOTION2VEC, LARGE
from webui.engine.families import cards, family_of
from webui.engine.precision import has_torch
from webui.errors import ModelNotFoundError
from webui.results import Notice
from webui.settings import Settings

AUTO: Final = "auto"
FALLBACK: Final = BUILTIN  # the choice of ``auto`` if no better model is available


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The model that a requested name stands for.

    Attributes:
        name: the model's name, never ``auto``.
        notices: why this model was chosen instead of a better one, to be included in its results.
    """

    name: str
    notices: tuple[Notice, ...] = ()


def choose_auto(settings: Settings) -> ResolvedModel:
    """Returns the best model that can be loaded, among those that ``auto`` may choose, or else the built-in model.

    Raises:
        ModelNotFoundError: none can be loaded, and the settings exclude the built-in model or PyTorch is missing.
    """
    for card in (card for card in cards() if card.answers_auto):
        family = family_of(card.name, settings.models_dir)
        if family is not None and family.can_answer(card.name, settings):
            return ResolvedModel(card.name)
    if not has_torch():  # the built-in model needs it too
        raise EMOTION2VEC.absent(LARGE, settings)
    if not settings.builtin:
        raise ModelNotFoundError("request.nothing_answers", model=LARGE)
    return ResolvedModel(FALLBACK, (_reason_against(LARGE, settings),))


def _reason_against(name: str, settings: Settings) -> Notice:
    """Returns why ``auto`` did not choose a better model."""
    family = family_of(name, settings.models_dir)
    defect = family.defect(name, settings) if family is not None else None
    return defect if defect is not None else Notice(code="request.large_absent", values={"model": name})
