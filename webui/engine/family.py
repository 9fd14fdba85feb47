"""What a kind of model is to the rest of the program; ``registry.FAMILIES`` lists the kinds there are.

To add one: a module with a subclass of ``Family``, and one entry in ``registry.FAMILIES``. Nothing else in the program
knows families or their models by name. The module is imported at every start, so it must not import PyTorch or any
other large library before ``load``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from webui.engine.catalog import ModelCard, ModelFiles
from webui.engine.precision import Runtime
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
        located: where its weights lie; None if they are not here.
        runtime: device, engine and precision to run it with.
        settings: folders and CPU threads.
        on_progress: called with the fraction done of a conversion.
    """

    name: str
    located: LocatedWeights | None
    runtime: Runtime
    settings: Settings
    on_progress: OnProgress = lambda _fraction: None


class Family(ABC):
    """A kind of model.

    Attributes:
        engines: the implementations that run its models, with the packages that each needs. The first is the default.
        files: which files of a repository make a model.
    """

    engines: ClassVar[Mapping[str, tuple[str, ...]]]
    files: ClassVar[ModelFiles] = ModelFiles()

    @abstractmethod
    def catalog(self) -> tuple[ModelCard, ...]:
        """Returns the cards of its published models, best first."""

    @abstractmethod
    def recognizes(self, folder: Path) -> bool:
        """Returns whether a folder holds a model of this family, published or not."""

    @abstractmethod
    def load(self, request: LoadRequest) -> EmotionModel:
        """Loads a model.

        Raises:
            ModelNotFoundError: its weights are not here.
            CheckpointError: its weights are not what they should be.
            DeviceUnavailableError: the device doesn't work.
            OutputError: converted weights can't be written.
            RequestError: the engine doesn't have the precision.
        """

    def card(self, name: str) -> ModelCard | None:
        """Returns the card of the published model ``name``, or None."""
        return next((card for card in self.catalog() if card.name == name), None)

    def card_of_repository(self, repository: str) -> ModelCard | None:
        """Returns the card of a model in a hub's repository ``owner/name`` that no catalogue lists; None: it can't."""
        return None

    def title(self, name: str, language: Language) -> str:
        """Returns a model's name to show."""
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
        """Returns ``runtime`` with everything at its default that makes no difference to models of this family."""
        return replace(runtime, engine=Engine.AUTO, precision=Precision.FP32)

    def folders(self, name: str, settings: Settings) -> Iterator[tuple[Path, Origin]]:
        """Yields the folders where a model's files may lie, in the order of preference."""
        return candidate_folders(name, self.card(name), settings)

    def locate(self, folder: Path, origin: Origin) -> LocatedWeights | None:
        """Returns the weights in a folder, or None if it holds none of this family."""
        return LocatedWeights(folder, folder, origin) if self.recognizes(folder) else None

    def find(self, name: str, settings: Settings) -> LocatedWeights | None:
        """Returns where a model's weights lie on this machine, or None."""
        located = (self.locate(folder, origin) for folder, origin in self.folders(name, settings))
        return next((found for found in located if found is not None), None)

    def can_answer(self, name: str, settings: Settings) -> bool:
        """Returns whether a model can be loaded without the network, as the settings are."""
        return self.find(name, settings) is not None

    def sample_rate(self, name: str, located: LocatedWeights | None) -> object:
        """Returns the sample rate in Hz that a model's small files state, unchecked; None if they don't.

        Raises:
            CheckpointError: the files can't be read.
        """
        return None

    def defect(self, name: str, settings: Settings) -> Notice | None:
        """Returns why weights of a model that lie here can't be used, without loading them; None if none are known."""
        return None

    def absent(self, name: str, settings: Settings) -> ModelNotFoundError:
        """Returns the error for weights that are not here; it names how to get them."""
        card = self.card(name)
        repository = card.huggingface_id if card is not None and card.downloadable else name
        folder = str(settings.models_dir / name)
        return ModelNotFoundError("request.peer_absent", model=name, found=repository, folder=folder)

    def is_verified(self, located: LocatedWeights, precision: Precision) -> bool | None:
        """Returns whether ``verify`` found a checkpoint's numbers to be upstream's; None: there is nothing to compare.

        Raises:
            CheckpointError: the weights can't be read.
        """
        return None


class ExportingFamily(Family):
    """A family whose models can be written as one file, for programs without PyTorch."""

    @abstractmethod
    def export(self, request: LoadRequest, target: Path) -> Path:
        """Writes a model as ONNX into the folder ``target``, in the runtime's precision, and returns the file.

        Raises:
            ModelNotFoundError: its weights are not here.
            CheckpointError: they are not what they should be.
            OutputError: not writable, or no space.
            RequestError: there is no such file in that precision.
        """

    @abstractmethod
    def export_weights(self, request: LoadRequest, target: Path) -> Path:
        """Writes a model's weights as safetensors; see ``export``."""
