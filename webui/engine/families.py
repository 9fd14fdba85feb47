"""The model families of this program, and look-ups over all their catalogues.

The rest of the program accesses families and their models only through these functions, so a new family is added to
``FAMILIES`` and nowhere else.
"""

from collections.abc import Iterator
from pathlib import Path

from webui.engine.builtin.family import BUILTIN_FAMILY
from webui.engine.catalog import ModelCard, is_repository
from webui.engine.emotion2vec.family import EMOTION2VEC
from webui.engine.family import ExportingFamily, Family
from webui.engine.transformers.family import TRANSFORMERS
from webui.engine.weights import is_folder_name
from webui.texts import Language

FAMILIES: tuple[Family, ...] = (EMOTION2VEC, BUILTIN_FAMILY, TRANSFORMERS)  # best first


def cards() -> Iterator[ModelCard]:
    """Yields the cards of all published models, best first."""
    for family in FAMILIES:
        yield from family.catalog()


def card_of(name: str) -> ModelCard | None:
    """Returns the card of a published model, or None."""
    return next((card for card in cards() if card.name == name), None)


def publisher_of(name: str) -> Family | None:
    """Returns the family whose catalogue lists ``name``, or None."""
    return next((family for family in FAMILIES if family.card(name) is not None), None)


def family_of(name: str, models_dir: Path) -> Family | None:
    """Returns the family that publishes ``name``, or else the one that recognizes its folder under ``models/``."""
    family = publisher_of(name)
    if family is not None or not is_folder_name(name):
        return family
    return next((family for family in FAMILIES if family.recognizes(models_dir / name)), None)


def find_published(name: str) -> tuple[Family, ModelCard] | None:
    """Looks up a model that can be downloaded, by its name or by its repository ``owner/name``.

    Returns:
        The family and the card, or None if no hub publishes such a model. A repository that is in no catalogue gets a
        card from the first family that may be able to run it.
    """
    family = publisher_of(name)
    if family is not None:
        card = family.card(name)
        return (family, card) if card is not None and card.downloadable else None
    if not is_repository(name):
        return None
    offers = ((family, family.card_of_repository(name)) for family in FAMILIES)
    return next(((family, card) for family, card in offers if card is not None), None)


def exportable_names() -> tuple[str, ...]:
    """Returns the names of the published models that can be exported."""
    return tuple(card.name for family in FAMILIES if isinstance(family, ExportingFamily) for card in family.catalog())


def compared_by_default() -> tuple[str, ...]:
    """Returns the names of the models that ``compare`` includes by default, best first."""
    return tuple(card.name for card in cards() if card.compared)


def is_included(name: str) -> bool:
    """Returns whether the model ``name`` is part of the program."""
    card = card_of(name)
    return card is not None and card.included


def model_title(name: str, language: Language) -> str:
    """Returns the name that users see, for instance ``Emotion2Vec+ Large``."""
    family = publisher_of(name)
    return family.title(name, language) if family is not None else name


def languages_of(name: str) -> tuple[str, ...]:
    """Returns the codes of the languages that a model was trained on; empty if unknown."""
    card = card_of(name)
    return card.languages if card is not None else ()


def packages_of(engine: str) -> tuple[str, ...]:
    """Returns the Python packages that an engine needs; empty if no family has such an engine."""
    return next((family.engines[engine] for family in FAMILIES if engine in family.engines), ())


def all_packages() -> tuple[str, ...]:
    """Returns the Python packages that the engines of all families need, without duplicates."""
    return tuple(dict.fromkeys(name for family in FAMILIES for names in family.engines.values() for name in names))
