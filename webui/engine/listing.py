"""The entries of the list of models, for the commands ``models`` and ``doctor`` and for the API."""

from dataclasses import dataclass
from pathlib import Path

from webui.engine.family import Family
from webui.engine.precision import Runtime
from webui.engine.weights import Origin
from webui.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelListing:
    """One entry of the list.

    Attributes:
        name: the model's name, as ``--model`` takes it.
        engine: the implementation that runs it.
        license: the licence of the weights.
        path: the folder where its weights are stored, or would be stored.
        size_bytes: the size of its files on disk; 0 if there are none.
        ready: whether it can be loaded without downloading anything.
    """

    name: str
    engine: str
    license: str
    path: Path
    size_bytes: int
    ready: bool


def list_model(name: str, family: Family, settings: Settings) -> ModelListing:
    """Returns the entry of the model ``name`` of ``family``."""
    located, ready = family.find(name, settings), family.can_answer(name, settings)
    exported = family.exported(name, settings) if ready and located is None else None
    own = {Origin.PROGRAM, Origin.MODELS}
    folders = (folder for folder, origin in family.folders(name, settings) if origin in own)
    return ModelListing(
        name=name,
        engine=family.engine_name(name, Runtime.of(settings), settings),
        license=family.license(name),
        path=located.directory if located is not None else next(folders, settings.models_dir / name),
        size_bytes=located.size_bytes if located is not None else exported.stat().st_size if exported else 0,
        ready=ready,
    )
