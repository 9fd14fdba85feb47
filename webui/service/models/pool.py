"""The pool of loaded models: each is loaded once, and shared by all requests.

The large model is acquired in the background; until it is ready, the built-in model serves requests for ``auto``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Final

from webui.engine.hub.download import Cancelled, DownloadProgress
from webui.engine.precision import Runtime
from webui.engine.protocol import CPU_CONCURRENCY, EmotionModel
from webui.engine.registry import AUTO, FALLBACK, LARGE, FileStates, ModelRegistry, OnProgress
from webui.errors import DownloadError, ModelError, ModelNotFoundError, ModelNotReadyError, OutputError
from webui.results import Notice
from webui.service.models.acquisition import AcquisitionState, AcquisitionStatus, ModelAcquisition, Report
from webui.service.models.batching_queue import BatchingQueue
from webui.service.models.status import ActiveModel, PoolStatus
from webui.settings import Precision, Settings

COPIED_WAIT_S: Final = 15.0  # how long a request for ``auto`` waits for weights that were copied to this machine
NEARLY_DOWNLOADED: Final = 0.95  # weights that are complete before this fraction do not come from the download

_Key = tuple[str, Runtime]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready for requests.

    Attributes:
        model: the model itself.
        queue: queue of the model, shared by all requests.
        verified: see ``ActiveModel.verified``.
        notices: warnings about the choice of the model, for the result.
    """

    model: EmotionModel
    queue: BatchingQueue
    verified: bool | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def concurrency(self) -> int:
        """Number of requests that should run at a time."""
        return self.model.concurrency


@dataclass(slots=True)
class _Slot:
    """Place of one model in the pool; the lock makes concurrent requests load it only once."""

    loading: Lock = field(default_factory=Lock)
    loaded: LoadedModel | None = None


class ModelPool:
    """Loads models through the registry and keeps them.

    Args:
        settings: values for what a request does not specify.
        registry: finds, downloads and loads models.
        on_batch: called with the number of windows of each batch.

    Attributes:
        acquisition: acquisition of the default model; None before ``prepare``.
        on_loaded: called whenever a model has been loaded.
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
        self._failed_files: FileStates = frozenset()  # files of the default model when it could not be loaded
        self._follow_lock = Lock()
        self._is_copied = False  # whether the acquisition began because weights were copied to this machine
        self.acquisition: ModelAcquisition | None = None
        self.on_loaded: Callable[[], None] = lambda: None

    def get(self, name: str | None, runtime: Runtime | None = None) -> LoadedModel:
        """Returns the model for a request, loading it if necessary; None uses the settings.

        For ``auto`` this may be the built-in model; its notices then state the reason. Any other name gives exactly
        that model, or an error.

        Raises:
            ModelError: the model is not available; the subclass tells the cause.
            OutputError: the converted weights can't be written.
            RequestError: the engine does not support the precision.
        """
        wanted = name if name is not None else self._settings.model
        runtime = runtime if runtime is not None else self._runtime
        if wanted == AUTO:
            return self._get_auto(runtime)
        name = self._registry.choose(wanted).name
        self._check_acquired(name)
        return self._get_named(name, runtime)

    def check_named(self, name: str, precision: Precision | None = None) -> None:
        """Refuses a model that ``get`` could not return now or after a download that is under way; loads nothing.

        Args:
            name: a model's name, or ``auto``, for which nothing is checked.
            precision: the requested number format; the weights are checked only if it is None, because an exported
                file of another precision may be enough.

        Raises:
            ModelNotFoundError: there is no such model, or its weights are not on this machine.
        """
        if name == AUTO:
            return
        name = self._registry.choose(name).name
        try:
            self._check_acquired(name)
        except ModelNotReadyError:
            return
        if precision is None and not self._registry.can_answer(name):
            raise self._registry.absent(name)

    def sample_rate(self, name: str | None, runtime: Runtime | None = None) -> int | None:
        """Returns the sample rate in Hz of the model that ``get`` would return; None if its files don't state it.

        Never blocks, loads or raises anything: ``get`` reports what is wrong with a model.
        """
        chosen = self._chosen_name(name)
        loaded = self._loaded(chosen, runtime)
        if loaded is not None:
            return loaded.model.sample_rate
        try:
            return self._registry.sample_rate(chosen) if chosen is not None else None
        except ModelError:
            return None

    def embedding_dim(self, name: str | None) -> int | None:
        """Returns the length of a feature vector of the model that ``get`` would return; None until it is loaded."""
        loaded = self._loaded(self._chosen_name(name))
        return loaded.model.embedding_dim if loaded is not None else None

    def concurrency(self, name: str | None = None, runtime: Runtime | None = None) -> int:
        """Returns how many requests should run at a time on a model; None uses the settings.

        Never blocks and loads nothing. Until the model is loaded, this is the value for a CPU.
        """
        loaded = self._loaded(self._chosen_name(name), runtime)
        return loaded.concurrency if loaded is not None else CPU_CONCURRENCY

    def _chosen_name(self, name: str | None) -> str | None:
        """Returns the name of the model that ``get`` would return; None if there is none."""
        wanted = name if name is not None else self._settings.model
        if wanted == AUTO == self._settings.model:
            return self._active_name()
        try:
            return self._registry.choose(wanted).name
        except ModelNotFoundError:
            return None

    def _loaded(self, name: str | None, runtime: Runtime | None = None) -> LoadedModel | None:
        """Returns a model if it is loaded already, without loading it."""
        if name is None:
            return None
        slot = self._slots.get(self._key(name, runtime if runtime is not None else self._runtime))
        return slot.loaded if slot is not None else None

    def ready(self) -> tuple[str, ...]:
        """Returns the names of the models that can be loaded without downloading anything, best first."""
        return tuple(name for name in self._registry.names() if self._registry.can_answer(name))

    def prepare(self) -> ModelAcquisition:
        """Starts to acquire the default model in the background; until it is ready, the built-in model is used.

        If it is not on this machine, it is downloaded, unless the settings turn that off.
        """
        if self.acquisition is None:
            self.acquisition = self._new_acquisition(download=self._settings.auto_download)
        self.acquisition.start()
        return self.acquisition

    def retry(self) -> None:
        """Starts to acquire the large model, also after a failure; downloads it whatever ``auto_download`` is."""
        if self.status().can_retry:
            self._failure, self._is_copied = None, False
            self.acquisition = self._new_acquisition(download=True)
            self.acquisition.start()

    def cancel(self) -> None:
        """Cancels a download; the part downloaded so far is kept."""
        if self.acquisition is not None and self.status().can_cancel:
            self.acquisition.cancel()

    def status(self) -> PoolStatus:
        """Returns the status of the models. Never blocks; loads weights copied to this machine in the background."""
        self._follow_files()
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
        """Returns why ``auto`` is the built-in model although nothing is being acquired; None for another model."""
        if self._settings.model != AUTO:
            return None
        try:
            return next(iter(self._registry.choose(AUTO).notices), None)
        except ModelNotFoundError:
            return None

    def _follow_files(self) -> None:
        """Starts over if files of the default model have been copied, replaced or deleted since it was last acquired.

        While a server runs, the weights are loaded in the background; otherwise the next request loads them.
        """
        with self._follow_lock:
            if self._failure is not None and self._default_files() != self._failed_files:
                self._failure = None
            if self.acquisition is not None and self._is_outdated(self.acquisition.status):
                self.acquisition, self._is_copied = self._new_acquisition(download=False), True
                self.acquisition.start()

    def _is_outdated(self, status: AcquisitionStatus) -> bool:
        """Returns whether an acquisition that has ended would now have another result."""
        if status.state.under_way:
            return False
        name = self._name_to_acquire(download=False)
        if status.state is AcquisitionState.READY:
            return name != status.name
        if isinstance(status.problem, DownloadError):
            return name != FALLBACK and self._registry.can_answer(name)
        return self._default_files() != self._failed_files

    def _default_files(self) -> FileStates:
        """Returns the state of the files of the model that ``_acquire`` loads."""
        return self._registry.file_states(self._name_to_acquire(download=False))

    def _offers(self, name: str) -> tuple[Precision, ...]:
        """Returns the further precisions of a loaded model for which ``verify`` succeeded with these weights."""
        if name == FALLBACK or self._runtime.precision is not Precision.FP32:
            return ()
        loaded = self._loaded(name)
        if loaded is None or loaded.concurrency > CPU_CONCURRENCY:
            return ()  # int8 runs on the CPU, which would be slower than a model on a GPU
        return tuple(precision for precision in (Precision.INT8,) if self._registry.is_verified(name, precision))

    def _acquisition_status(self) -> AcquisitionStatus | None:
        """Returns the status of the acquisition; None if there is none, or if it is of the built-in model."""
        status = self.acquisition.status if self.acquisition is not None else None
        return None if status is None or status.name == FALLBACK else status

    def _active_model(self, name: str) -> ActiveModel:
        loaded = self._loaded(name)
        if loaded is None:
            return ActiveModel(name, self._registry.engine_name(name, self._runtime))
        info = loaded.model.info
        return ActiveModel(name, info.engine, info.precision, info.device, loaded.verified)

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
        name = self._name_to_acquire(download=download)
        return ModelAcquisition(name, partial(self._acquire, name, download))

    def _name_to_acquire(self, *, download: bool) -> str:
        try:
            name = self._registry.choose(self._settings.model).name
        except ModelNotFoundError:
            name = LARGE if self._settings.model == AUTO else self._settings.model  # loading it will report the error
        if name == FALLBACK and self._settings.model == AUTO and download:
            return LARGE
        return name

    def _acquire(self, name: str, download: bool, report: Report, cancelled: Cancelled) -> None:
        if name != FALLBACK and self._settings.model == AUTO and self._settings.builtin:
            self._get_named(FALLBACK, self._runtime)  # it serves requests in the meantime
        if download and self._registry.can_be_fetched(name):
            self._download(name, report, cancelled)
        report(AcquisitionStatus(name, AcquisitionState.LOADING))
        try:
            self._get_named(
                name,
                self._runtime,
                on_progress=lambda fraction: report(AcquisitionStatus(name, AcquisitionState.CONVERTING, fraction)),
            )
        except Exception:
            self._failed_files = self._default_files()
            raise

    def _download(self, name: str, report: Report, cancelled: Cancelled) -> None:
        """Downloads weights; stops if they appear on this machine in the meantime, for instance as a copy."""
        fraction = 0.0

        def on_progress(progress: DownloadProgress) -> None:
            nonlocal fraction
            fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
            report(_downloading(name, progress))

        def is_copied() -> bool:
            return fraction < NEARLY_DOWNLOADED and self._registry.find(name) is not None

        report(AcquisitionStatus(name, AcquisitionState.DOWNLOADING))
        try:
            self._registry.download(name, on_progress=on_progress, cancelled=lambda: cancelled() or is_copied())
        except DownloadError:
            if cancelled() or self._registry.find(name) is None:
                raise

    def _check_acquired(self, name: str) -> None:
        """Refuses a named model that is not on this machine yet; requests for a model that is being loaded wait for it.

        Raises:
            ModelNotReadyError: the model is still being downloaded or converted, or is about to be.
        """
        status = self.acquisition.status if self.acquisition is not None else None
        if status is None or status.name != name:
            return
        notice = status.notice()
        preparing = status.state in {AcquisitionState.DOWNLOADING, AcquisitionState.CONVERTING}
        about_to = status.state is AcquisitionState.WAITING and not self._registry.can_answer(name)
        if notice is not None and (preparing or about_to):
            raise ModelNotReadyError(notice.code, **notice.values)

    def _get_auto(self, runtime: Runtime) -> LoadedModel:
        self._follow_files()
        if self._is_copied and self.acquisition is not None:
            self.acquisition.wait(COPIED_WAIT_S)
        if self._failure is not None:  # do not read gigabytes again for every request
            return self._get_builtin(runtime, (Notice.of_error(self._failure.code, self._failure.values),))
        status = self._acquisition_status()
        try:
            choice = self._registry.choose(AUTO)
        except ModelNotFoundError:  # the settings exclude the built-in model
            if status is not None:
                self._check_acquired(status.name)
            raise
        pending = status.notice() if status is not None else None
        if choice.name == FALLBACK:
            return self._get_builtin(runtime, (pending,) if pending is not None else choice.notices)
        if pending is not None and self._settings.builtin:
            return self._get_builtin(runtime, (pending,))
        try:
            return self._get_named(choice.name, runtime)
        except (ModelError, OutputError) as err:
            if not self._settings.builtin:
                raise
            self._failed_files = self._default_files()
            self._failure = err
            return self._get_auto(runtime)

    def _get_builtin(self, runtime: Runtime, notices: tuple[Notice, ...]) -> LoadedModel:
        return replace(self._get_named(FALLBACK, runtime), notices=notices)

    def _get_named(
        self, name: str, runtime: Runtime, *, on_progress: OnProgress = lambda _fraction: None
    ) -> LoadedModel:
        with self._slots_lock:
            slot = self._slots.setdefault(self._key(name, runtime), _Slot())
        with slot.loading:
            if slot.loaded is None:
                model = self._registry.load(name, runtime, on_progress=on_progress)
                verified = self._registry.is_verified(name, runtime.precision)
                slot.loaded = LoadedModel(model, BatchingQueue(model, self._on_batch), verified)
                self.on_loaded()
        return slot.loaded

    def _key(self, name: str, runtime: Runtime) -> _Key:
        """Returns the key of a model; requests that give the same engine and precision in different ways share it."""
        return name, self._registry.effective_runtime(name, runtime)


def _downloading(name: str, progress: DownloadProgress) -> AcquisitionStatus:
    total = progress.total_bytes
    fraction = progress.done_bytes / total if total else None
    return AcquisitionStatus(
        name, AcquisitionState.DOWNLOADING, fraction, progress.done_bytes, total, hub=progress.hub.display_name
    )
