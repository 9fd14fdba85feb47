"""The models in memory: loaded once, shared by every request, and the large one fetched in the background."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from webui.engine.protocol import EmotionModel
from webui.engine.registry import AUTO, BUILTIN, ModelRegistry
from webui.errors import ModelError, ModelNotFoundError, OutputError
from webui.results import Notice
from webui.service.acquisition import AcquisitionState, ModelAcquisition, Report
from webui.settings import Device, Engine, Settings

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model, the lock of whoever runs it, and what the answer has to say about the choice."""

    model: EmotionModel
    running: Lock
    notices: tuple[Notice, ...] = ()


@dataclass(slots=True)
class _Slot:
    """Where one model is loaded once, however many ask at the same time."""

    loading: Lock = field(default_factory=Lock)
    running: Lock = field(default_factory=Lock)
    model: EmotionModel | None = None


class ModelShelf:
    """Loads models through the registry and keeps them.

    Args:
        settings: what is used where a request doesn't say.
        registry: where models come from.
    """

    def __init__(self, settings: Settings, registry: ModelRegistry) -> None:
        self._settings = settings
        self._registry = registry
        self._slots: dict[tuple[str, Device, Engine], _Slot] = {}
        self._slots_lock = Lock()
        self._failure: ModelError | OutputError | None = None
        self.acquisition: ModelAcquisition | None = None

    def get(self, name: str | None, device: Device | None, engine: Engine | None) -> LoadedModel:
        """Returns the model that answers; None takes the settings' value.

        ``auto`` may be answered by the built-in model, and then says why. A named model is that model or an error.

        Raises:
            ModelError: it can't be had; the subclass says why.
            OutputError: its converted weights can't be written.
        """
        asked = name if name is not None else self._settings.model
        device = device if device is not None else self._settings.device
        engine = engine if engine is not None else self._settings.engine
        if asked == AUTO:
            return self._get_auto(device, engine)
        return self._get_named(self._registry.choose(asked).name, device, engine)

    def prepare(self) -> ModelAcquisition:
        """Loads in the background the model that answers by default; until it is ready the built-in one answers."""
        if self.acquisition is None:
            self.acquisition = ModelAcquisition(self._wanted(), self._acquire)
        self.acquisition.start()
        return self.acquisition

    def _wanted(self) -> str:
        try:
            return self._registry.choose(self._settings.model).name
        except ModelNotFoundError:
            return self._settings.model  # loading it says what is wrong

    def _acquire(self, report: Report) -> None:
        report(AcquisitionState.LOADING, None)
        self._get_named(
            self._wanted(),
            self._settings.device,
            self._settings.engine,
            on_progress=lambda fraction: report(AcquisitionState.CONVERTING, fraction),
        )

    def _get_auto(self, device: Device, engine: Engine) -> LoadedModel:
        if self._failure is not None:  # reading gigabytes again for every request would help nobody
            return self._get_builtin(device, engine, (Notice.of_error(self._failure.code, self._failure.values),))
        choice = self._registry.choose(AUTO)
        if choice.name == BUILTIN:
            return self._get_builtin(device, engine, choice.notices)
        why_not = self.acquisition.status.notice() if self.acquisition is not None else None
        if why_not is not None and self._settings.builtin:
            return self._get_builtin(device, engine, (why_not,))
        try:
            return self._get_named(choice.name, device, engine)
        except (ModelError, OutputError) as err:
            if not self._settings.builtin:
                raise
            self._failure = err
            return self._get_auto(device, engine)

    def _get_builtin(self, device: Device, engine: Engine, why: tuple[Notice, ...]) -> LoadedModel:
        loaded = self._get_named(BUILTIN, device, engine)
        return LoadedModel(loaded.model, loaded.running, why)

    def _get_named(
        self, name: str, device: Device, engine: Engine, *, on_progress: OnProgress = lambda _fraction: None
    ) -> LoadedModel:
        with self._slots_lock:
            slot = self._slots.setdefault((name, device, engine), _Slot())
        with slot.loading:
            if slot.model is None:
                slot.model = self._registry.load(name, device, engine, on_progress=on_progress)
        return LoadedModel(slot.model, slot.running)
