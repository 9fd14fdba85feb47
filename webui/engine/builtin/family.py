"""The family of the built-in model and of models made with ``bash run.sh train``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from webui.engine.builtin.checkpoint import WEIGHTS_NAME, read_config
from webui.engine.catalog import ModelCard, TrainingData
from webui.engine.family import Family, LoadRequest
from webui.engine.protocol import EmotionModel
from webui.engine.weights import LocatedWeights, Origin, candidate_folders
from webui.engine.weights import read_config as read_any_config
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language, text

BUILTIN: Final = "builtin"  # name of the model that is part of the program, and of the engine of the whole family
BUILTIN_DIR: Final = PROJECT_DIR / "models" / BUILTIN  # does not depend on the setting of the models' folder
TRAINED_FORMAT: Final = "speech-emotion-builtin/"  # start of ``BuiltinConfig.format``; a version follows
TRAINED_LICENSE: Final = "see its LICENSE"
_CATALOG: Final = (
    ModelCard(
        name=BUILTIN,
        license="CC BY-NC-SA 4.0",
        languages=("en", "de", "pl"),
        included=True,
        corpora=("EMO-DB", "nEMO", "RAVDESS"),
        accuracy_note="evaluate.builtin_training_data",
    ),
)


class BuiltinFamily(Family):
    """Small convolutional models in this project's own file format; one of them is part of the program."""

    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {BUILTIN: ("torch",)}

    def catalog(self) -> tuple[ModelCard, ...]:
        """Returns the model that is part of the program."""
        return _CATALOG

    def recognizes(self, folder: Path) -> bool:
        """Returns whether a folder contains a model made with ``bash run.sh train``."""
        return str(read_any_config(folder).get("format", "")).startswith(TRAINED_FORMAT)

    def title(self, name: str, language: Language) -> str:
        """Returns a short description of the built-in model, or the name of another model."""
        return text("page.status_builtin", language) if name == BUILTIN else name

    def license(self, name: str) -> str:
        """Returns the licence of the weights."""
        card = self.card(name)
        return card.license if card is not None else TRAINED_LICENSE

    def folders(self, name: str, settings: Settings) -> Iterator[tuple[Path, Origin]]:
        """Yields the program's own folder for the built-in model; other models are under ``models/``."""
        if name == BUILTIN:
            yield BUILTIN_DIR, Origin.PROGRAM
        else:
            yield from candidate_folders(name, None, settings)

    def locate(self, folder: Path, origin: Origin) -> LocatedWeights | None:
        """Returns the folder of a model.

        Of the built-in model only the weights are looked for; if ``config.json`` is missing, loading reports it.
        """
        if origin is Origin.PROGRAM:
            return LocatedWeights(folder, folder, origin) if (folder / WEIGHTS_NAME).is_file() else None
        return super().locate(folder, origin)

    def sample_rate(self, name: str, located: LocatedWeights | None) -> int | None:
        """Returns the rate that ``config.json`` states.

        Raises:
            CheckpointError: ``config.json`` is invalid.
        """
        return read_config(located.directory).sample_rate if located is not None else None

    def training_data(self, name: str, located: LocatedWeights | None) -> TrainingData:
        """Returns the corpora of the card, and the speakers that ``config.json`` lists.

        Raises:
            CheckpointError: ``config.json`` is invalid.
        """
        corpora = super().training_data(name, located).corpora
        if located is None:
            return TrainingData(corpora)
        return TrainingData(corpora, read_config(located.directory).training_speakers())

    def load(self, request: LoadRequest) -> EmotionModel:
        """Loads a model."""
        from webui.engine.builtin.model import load_builtin  # imported late: torch takes seconds

        folder = request.located.directory if request.located is not None else BUILTIN_DIR
        return load_builtin(folder, device=request.runtime.device, threads=request.settings.threads, name=request.name)


BUILTIN_FAMILY: Final = BuiltinFamily()
