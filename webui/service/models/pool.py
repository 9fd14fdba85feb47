"""The models in memory: loaded once, shared by every request, and the large one fetched in the background."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from webui.engine.hub.download import DownloadProgress
from webui.engine.precision import Runtime
from webui.engine.protocol import CPU_CONCURRENCY, EmotionModel
from webui.engine.registry import AUTO, FALLBACK, LARGE, ModelRegistry
from webui.errors import ModelError, ModelNotFoundError, ModelNotReadyError, OutputError
from webui.results import Notice
from webui.service.models.acquisition import (
    AcquisitionState,
    AcquisitionStatus,
    Cancelled,
    ModelAcquisition,
    Report,
)
from webui.service.models.batching_queue import BatchingQueue
from webui.service.models.status import ActiveModel, PoolStatus
from webui.settings import Precision, Settings

OnProgress = Callable[[float], None]
_Key = tuple[str, Runtime]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready for requests.

    Attributes:
        model: the model.
        queue: its queue, shared by all requests.
        notices: warnings for the result about the choice of the model.
    """

    model: EmotionModel
    queue: BatchingQueue
    notices: tuple[Notice, ...] = ()

    @property
    def concurrency(self) -> int:
        """How many requests should run at a time."""
        return self.model.concurrency


@dataclass(slots=True)
class _Slot:
    """Where one model is loaded once, however many ask at the same time."""

    loading: Lock = field(default_factory=Lock)
    model: EmotionModel | None = None
    queue: BatchingQueue | None = None
    verified: bool | None = None


class ModelPool:
    """Loads models through the registry and keeps them.

    Args:
        settings: what is used where a request doesn't say.
        registry: where models come from.
        on_batch: told how many windows a model was given at a time.

    Attributes:
        acquisition: of the model that isn't the built-in one; None before ``prepare``.
        on_loaded: called after each model that was loaded.
    """

    def __init__(
        self, settings: Settings, registry: ModelRegistry, on_batch: Callable[[int], None] = lambda _size: None
    ) -> None:
        self._on_batch = on_batch
        self._settings = settings
        self._runtime = Runtime.of(settings)
        self._registry = registry
        self._slots: dict[_Key, _Slot] = {}
        self._slots_lock = Lock()
        self._failure: ModelError | OutputError | None = None
        self.acquisition: ModelAcquisition | None = None
        self.on_loaded: Callable[[], None] = lambda: None

    def get(self, name: str | None, runtime: Runtime | None = None) -> LoadedModel:
        """Returns the model that answers; None takes the settings' values.

        ``auto`` may be answered by the built-in model, and then says why. A named model is that model or an error.

        Raises:
            ModelError: it can't be had; the subclass says why.
            OutputError: its converted weights can't be written.
            RequestError: the engine doesn't have the precision.
        """
        wanted = name if name is not None else self._settings.model
        runtime = runtime if runtime is not None else self._runtime
        if wanted == AUTO:
            return self._get_auto(runtime)
        name = self._registry.choose(wanted).name
        self._check_under_way(name)
        return self._get_named(name, runtime)

    def sample_rate(self, name: str | None, runtime: Runtime | None = None) -> int | None:
        """Returns the sample rate in Hz of the model that would answer; None if its files don't state it.

        Never waits, never loads anything, and raises nothing: ``get`` reports what is wrong with a model.
        """
        chosen = self._chosen_name(name)
        model = self._loaded_model(chosen, runtime)
        if model is not None:
            return model.sample_rate
        try:
            return self._registry.sample_rate(chosen) if chosen is not None else None
        except ModelError:
            return None

    def concurrency(self, name: str | None = None, runtime: Runtime | None = None) -> int:
        """Returns how many requests should run at a time on a model; None takes the settings' values.

        Never waits, never loads anything. As long as the model isn't loaded, this is a CPU's number.
        """
        model = self._loaded_model(self._chosen_name(name), runtime)
        return model.concurrency if model is not None else CPU_CONCURRENCY

    def _chosen_name(self, name: str | None) -> str | None:
        """Returns the model that would answer for a name; None where none can."""
        wanted = name if name is not None else self._settings.model
        if wanted == AUTO == self._settings.model:
            return self._active_name()
        try:
            return self._registry.choose(wanted).name
        except ModelNotFoundError:
            return None

    def _loaded_model(self, name: str | None, runtime: Runtime | None) -> EmotionModel | None:
        """Returns a model if it is loaded already."""
        if name is None:
            return None
        slot = self._slots.get(self._key(name, runtime if runtime is not None else self._runtime))
        return slot.model if slot is not None else None

    def ready(self) -> tuple[str, ...]:
        """Returns the names of the models whose weights are on this machine, best first."""
        return tuple(name for name in self._registry.names() if self._registry.find(name) is not None)

    def prepare(self) -> ModelAcquisition:
        """Makes ready, in the background, the model that answers by default; until then the built-in one answers.

        If it is not on this machine, it is downloaded, unless the settings say no.
        """
        if self.acquisition is None:
            self.acquisition = self._new_acquisition(download=self._settings.auto_download)
        self.acquisition.start()
        return self.acquisition

    def retry(self) -> None:
        """Starts to acquire the large model, or starts again; downloads it whatever the settings say of starts."""
        if self.status().can_retry:
            self._failure = None
            self.acquisition = self._new_acquisition(download=True)
            self.acquisition.start()

    def cancel(self) -> None:
        """Ends a download under way; what arrived is kept."""
        if self.acquisition is not None and self.status().can_cancel:
            self.acquisition.cancel()

    def status(self) -> PoolStatus:
        """Returns the status of the models. Never waits, never loads anything."""
        acquisition, name = self._acquisition_status(), self._active_name()
        idle = acquisition is None or acquisition.state in {AcquisitionState.FAILED, AcquisitionState.CANCELLED}
        return PoolStatus(
            active=self._active_model(name) if name is not None else None,
            acquisition=acquisition,
            can_retry=self._settings.model != FALLBACK and idle,
            can_cancel=acquisition is not None and acquisition.state is AcquisitionState.DOWNLOADING,
            offers=self._offers(name) if name is not None else (),
        )

    def why_builtin(self) -> Notice | None:
        """Returns why the built-in model answers for ``auto`` though nothing is being acquired; None if it doesn't."""
        if self._settings.model != AUTO:
            return None
        try:
            return next(iter(self._registry.choose(AUTO).notices), None)
        except ModelNotFoundError:
            return None

    def _offers(self, name: str) -> tuple[Precision, ...]:
        """Returns the precisions, besides the one that answers, that ``verify`` found good for these weights."""
        if name == FALLBACK or self._runtime.precision is not Precision.FP32:
            return ()
        slot = self._slots.get(self._key(name, self._runtime))
        if slot is None or slot.model is None or slot.model.concurrency > CPU_CONCURRENCY:
            return ()  # beside a model on a GPU, int8 would be slower: it runs on the CPU
        return tuple(one for one in (Precision.INT8,) if self._registry.is_verified(name, one))

    def _acquisition_status(self) -> AcquisitionStatus | None:
        """Returns how far the model that isn't the built-in one is; None where none is being acquired."""
        status = self.acquisition.status if self.acquisition is not None else None
        return None if status is None or status.name == FALLBACK else status

    def _active_model(self, name: str) -> ActiveModel:
        slot = self._slots.get(self._key(name, self._runtime))
        if slot is None or slot.model is None:
            return ActiveModel(name, self._registry.engine_name(name, self._runtime))
        info = slot.model.info
        return ActiveModel(name, info.engine, info.precision, info.device, slot.verified)

    def _active_name(self) -> str | None:
        status = self._acquisition_status()
        pending = status is not None and status.state is not AcquisitionState.READY
        if self._settings.model != AUTO:
            return None if pending else self._settings.model
        try:
            best = self._registry.choose(AUTO).name
        except ModelNotFoundError:
            return None
        if best == FALLBACK or not (pending or self._failure is not None):
            return best
        return FALLBACK if self._settings.builtin else None

    def _new_acquisition(self, *, download: bool) -> ModelAcquisition:
        name = self._wanted(download=download)
        return ModelAcquisition(name, partial(self._acquire, name, download))

    def _wanted(self, *, download: bool) -> str:
        try:
            name = self._registry.choose(self._settings.model).name
        except ModelNotFoundError:
            name = LARGE if self._settings.model == AUTO else self._settings.model  # loading it says what is wrong
        if name == FALLBACK and self._settings.model == AUTO and download:
            return LARGE
        return name

    def _acquire(self, name: str, download: bool, report: Report, cancelled: Cancelled) -> None:
        if name != FALLBACK and self._settings.model == AUTO and self._settings.builtin:
            self._get_named(FALLBACK, self._runtime)  # it answers meanwhile
        if download and self._registry.can_be_fetched(name):
            report(AcquisitionStatus(name, AcquisitionState.DOWNLOADING))
            self._registry.download(
                name, on_progress=lambda progress: report(_downloading(name, progress)), cancelled=cancelled
            )
        report(AcquisitionStatus(name, AcquisitionState.LOADING))
        self._get_named(
            name,
            self._runtime,
            on_progress=lambda fraction: report(AcquisitionStatus(name, AcquisitionState.CONVERTING, fraction)),
        )

    def _check_under_way(self, name: str) -> None:
        """Refuses a named model that isn't here yet; one that is being loaded is worth waiting for.

        Raises:
            ModelNotReadyError: it is still being fetched or converted.
        """
        status = self.acquisition.status if self.acquisition is not None else None
        if status is None or status.name != name:
            return
        notice = status.notice()
        if notice is not None and status.state in {AcquisitionState.DOWNLOADING, AcquisitionState.CONVERTING}:
            raise ModelNotReadyError(notice.code, **notice.values)

    def _get_auto(self, runtime: Runtime) -> LoadedModel:
        if self._failure is not None:  # reading gigabytes again for every request would help nobody
            return self._get_builtin(runtime, (Notice.of_error(self._failure.code, self._failure.values),))
        choice = self._registry.choose(AUTO)
        status = self._acquisition_status()
        why_not = status.notice() if status is not None else None
        if choice.name == FALLBACK:
            return self._get_builtin(runtime, (why_not,) if why_not is not None else choice.notices)
        if why_not is not None and self._settings.builtin:
            return self._get_builtin(runtime, (why_not,))
        try:
            return self._get_named(choice.name, runtime)
        except (ModelError, OutputError) as err:
            if not self._settings.builtin:
                raise
            self._failure = err
            return self._get_auto(runtime)

    def _get_builtin(self, runtime: Runtime, why: tuple[Notice, ...]) -> LoadedModel:
        loaded = self._get_named(FALLBACK, runtime)
        return LoadedModel(loaded.model, loaded.queue, why)

    def _get_named(
        self, name: str, runtime: Runtime, *, on_progress: OnProgress = lambda _fraction: None
    ) -> LoadedModel:
        with self._slots_lock:
            slot = self._slots.setdefault(self._key(name, runtime), _Slot())
        with slot.loading:
            if slot.model is None or slot.queue is None:
                slot.model = self._registry.load(name, runtime, on_progress=on_progress)
                slot.queue = BatchingQueue(slot.model, self._on_batch)
                slot.verified = self._registry.is_verified(name, runtime.precision)
                self.on_loaded()
        return LoadedModel(slot.model, slot.queue)

    def _key(self, name: str, runtime: Runtime) -> _Key:
        """A model with one engine and one precision is loaded once, whatever a request names."""
        return name, self._registry.effective_runtime(name, runtime)


def _downloading(name: str, progress: DownloadProgress) -> AcquisitionStatus:
    total = progress.total_bytes
    fraction = progress.done_bytes / total if total else None
    return AcquisitionStatus(
        name, AcquisitionState.DOWNLOADING, fraction, progress.done_bytes, total, hub=progress.hub.display_name
    )
