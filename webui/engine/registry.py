"""Which models there are on this machine, and the one that answers ``auto``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.engine.protocol import EmotionModel
from webui.errors import ModelNotFoundError
from webui.results import Notice
from webui.settings import Device, Settings

AUTO: Final = "auto"
BUILTIN: Final = "builtin"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model as ``models`` lists it.

    Attributes:
        name: as ``--model`` takes it.
        engine: the implementation that runs it.
        license: of the weights.
        path: where its weights lie, or would lie.
        size_bytes: of its files on disk; 0 if they aren't there.
        ready: whether it can be loaded without the network.
    """

    name: str
    engine: str
    license: str
    path: Path
    size_bytes: int
    ready: bool


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with what its answers have to say about it."""

    model: EmotionModel
    notices: tuple[Notice, ...] = ()


class ModelRegistry:
    """Knows every model by name and loads it. Loading is not cached here: the service keeps what it uses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> tuple[str, ...]:
        """Returns the names that ``load`` takes, besides ``auto``."""
        return (BUILTIN,)

    def statuses(self) -> list[ModelStatus]:
        """Returns every known model, best first."""
        directory = self._settings.models_dir / BUILTIN
        files = [path for path in directory.glob("*") if path.is_file()]
        weights = directory / "model.safetensors"
        return [
            ModelStatus(
                name=BUILTIN,
                engine="builtin",
                license="CC BY-NC-SA 4.0",
                path=directory,
                size_bytes=sum(path.stat().st_size for path in files),
                ready=weights.is_file(),
            )
        ]

    def resolve(self, name: str) -> str:
        """Returns the model that ``name`` stands for; ``auto`` is the best one that is ready.

        Raises:
            ModelNotFoundError: no model of that name.
        """
        if name == AUTO:
            return BUILTIN
        if name not in self.names():
            known = ", ".join((AUTO, *self.names()))
            raise ModelNotFoundError("request.unknown_model", found=name, expected=known)
        return name

    def load(self, name: str, device: Device = Device.AUTO) -> LoadedModel:
        """Loads a model; takes what its weights take to read.

        Args:
            name: a model's name, or ``auto``.
            device: where it shall run.

        Raises:
            ModelNotFoundError: no such model, or its weights are not here.
            CheckpointError: its weights are not what they should be.
            DeviceUnavailableError: the device doesn't work.
        """
        from webui.engine.builtin import load_builtin  # imported late: torch takes seconds

        resolved = self.resolve(name)
        model = load_builtin(self._settings.models_dir / resolved, device=device, threads=self._settings.threads)
        return LoadedModel(model, (Notice(code="request.builtin_answered", values={"license": model.info.license}),))
