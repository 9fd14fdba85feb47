"""The interface of a model family to the rest of the program; ``families.FAMILIES`` lists all families.

A family is a kind of model: how its weights are stored, where they are published, and how they are loaded. To add one,
write a module with a subclass of ``Family`` and add an instance to ``families.FAMILIES``. Apart from the choice for
``auto`` and the defaults of commands, no other code refers to a family or its models by name. The module is imported at
every start of the program, so it must not import PyTorch or another large library outside of ``load``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from webui.engine.catalog import ModelCard, ModelFiles, TrainingData
from webui.engine.precision import Runtime, has_torch
from webui.engine.protocol import EmotionModel
from webui.engine.weights import LocatedWeights, Origin, candidate_folders
from webui.errors import ModelNotFoundError
from webui.results import Notice
from webui.settings import Engine, Precision, Settings
from webui.texts import Language

UNKNOWN_LICENSE: Final = "see the model's page"

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What a family needs to load a model.

    Attributes:
        name: the model's name.
        located: where its weights are stored; None if they are not on this machine.
        runtime: device, engine and precision to run it with.
        settings: the program's settings, for the folders and the number of CPU threads.
        on_progress: called with the fraction of a conversion that is done, from 0 to 1.
    """

    name: str
    located: LocatedWeights | None
    runtime: Runtime
    settings: Settings
    on_progress: OnProgress = lambda _fraction: None


class Family(ABC):
    """A kind of model.

    Attributes:
        engines: the implementations that run its models, with the Python packages that each needs. The first is the
            default.
        files: which files of a repository make up a model.

    Example:
        A family whose models are folders with a file ``tiny.json``:

        >>> class TinyFamily(Family):
        ...     engines = {"tiny": ("numpy",)}
        ...     files = ModelFiles(wanted=("tiny.json",), needed=("tiny.json",))
        ...
        ...     def catalog(self):
        ...         return (ModelCard(name="tiny_calm", title="Tiny Calm", license="MIT", languages=("en",)),)
        ...
        ...     def recognizes(self, folder):
        ...         return (folder / "tiny.json").is_file()
        ...
        ...     def load(self, request):
        ...         raise self.absent(request.name, request.settings)  # a real family returns an EmotionModel
        >>> family = TinyFamily()
        >>> family.title("tiny_calm", Language.EN), family.license("tiny_calm")
        ('Tiny Calm', 'MIT')
        >>> family.license("my_own_model")
        "see the model's page"
        >>> family.locate(Path("/an/empty/folder"), Origin.MODELS) is None
        True
    """

    engines: ClassVar[Mapping[str, tuple[str, ...]]]
    files: ClassVar[ModelFiles] = ModelFiles()

    @abstractmethod
    def catalog(self) -> tuple[ModelCard, ...]:
        """Returns the cards of its published models, best first."""

    @abstractmethod
    def recognizes(self, folder: Path) -> bool:
        """Returns whether a folder contains a model of this family, published or not."""

    @abstractmethod
    def load(self, request: LoadRequest) -> EmotionModel:
        """Loads a model.

        Raises:
            ModelNotFoundError: its weights are not on this machine.
            CheckpointError: its weights are damaged, or are not those of a model of this family.
            DeviceUnavailableError: the device does not exist or does not work.
            OutputError: converted weights can't be written.
            RequestError: the engine doesn't support the precision.
        """

    def card(self, name: str) -> ModelCard | None:
        """Returns the card of the published model ``name``, or None."""
        return next((card for card in self.catalog() if card.name == name), None)

    def card_of_repository(self, repository: str) -> ModelCard | None:
        """Returns a card for a hub's repository ``owner/name`` that no catalogue lists.

        None means that this family only runs the models of its catalogue.
        """
        return None

    def title(self, name: str, language: Language) -> str:
        """Returns the model's name as users see it."""
        card = self.card(name)
        return card.title if card is not None and card.title else name

    def license(self, name: str) -> str:
        """Returns the licence of a model's weights."""
        card = self.card(name)
        return card.license if card is not None else UNKNOWN_LICENSE

    def engine_name(self, name: str, runtime: Runtime, settings: Settings) -> str:
        """Returns the engine that would run a model."""
        return next(iter(self.engines))

    def effective_runtime(self, runtime: Runtime) -> Runtime:
        """Returns ``runtime`` with every value that this family ignores set to its default."""
        return replace(runtime, engine=Engine.AUTO, precision=Precision.FP32)

    def folders(self, name: str, settings: Settings) -> Iterator[tuple[Path, Origin]]:
        """Yields the folders in which a model's files may be stored, in the order in which they are searched."""
        return candidate_folders(name, self.card(name), settings)

    def locate(self, folder: Path, origin: Origin) -> LocatedWeights | None:
        """Returns the weights in a folder, or None if it contains no weights of this family."""
        return LocatedWeights(folder, folder, origin) if self.recognizes(folder) else None

    def find(self, name: str, settings: Settings) -> LocatedWeights | None:
        """Returns where a model's weights are stored on this machine, or None."""
        located = (self.locate(folder, origin) for folder, origin in self.folders(name, settings))
        return next((found for found in located if found is not None), None)

    def can_answer(self, name: str, settings: Settings) -> bool:
        """Returns whether a model can be loaded with these settings without downloading anything."""
        return self.find(name, settings) is not None and (has_torch() or not self._needs_torch())

    def exported(self, name: str, settings: Settings) -> Path | None:
        """Returns the exported file of a model that these settings would run without the weights, or None."""
        return None

    def sample_rate(self, name: str, located: LocatedWeights | None) -> object:
        """Returns the sample rate in Hz that is stated in a model's configuration files; None if there is none.

        The caller checks the value, so it may be of any type.

        Raises:
            CheckpointError: the files can't be read.
        """
        return None

    def training_data(self, name: str, located: LocatedWeights | None) -> TrainingData:
        """Returns what a model was trained on, as far as it is known.

        Raises:
            CheckpointError: the model's files can't be read.
        """
        card = self.card(name)
        return TrainingData(card.corpora if card is not None else ())

    def defect(self, name: str, settings: Settings) -> Notice | None:
        """Returns a known reason why a model's weights on this machine can't be used; None if there is none.

        It reads little: the weights are not loaded.
        """
        return None

    def absent(self, name: str, settings: Settings) -> ModelNotFoundError:
        """Returns the error for weights that are not on this machine; its message says how to get them."""
        card = self.card(name)
        repository = card.huggingface_id if card is not None and card.downloadable else name
        folder = str(settings.models_dir / name)
        return ModelNotFoundError("request.peer_absent", model=name, found=repository, folder=folder)

    def _needs_torch(self) -> bool:
        return all("torch" in packages for packages in self.engines.values())

    def is_verified(self, located: LocatedWeights, precision: Precision) -> bool | None:
        """Returns whether ``verify`` found that this checkpoint's results equal the reference implementation's.

        None means that this family has no reference implementation to compare with.

        Raises:
            CheckpointError: the weights can't be read.
        """
        return None


class ExportingFamily(Family):
    """A family whose models can be exported as one file, for programs that run without PyTorch."""

    @abstractmethod
    def export(self, request: LoadRequest, target: Path) -> Path:
        """Writes a model as ONNX into the folder ``target``, in the runtime's precision, and returns the file's path.

        Raises:
            ModelNotFoundError: its weights are not on this machine.
            CheckpointError: its weights are damaged or invalid.
            OutputError: the file can't be written, or the disk is full.
            RequestError: the model can't be exported in that precision.
        """

    @abstractmethod
    def export_weights(self, request: LoadRequest, target: Path) -> Path:
        """Writes a model's weights as safetensors; see ``export``."""
