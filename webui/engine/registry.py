"""Which models there are on this machine, and the one that answers ``auto``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from webui.engine.builtin.family import BUILTIN
from webui.engine.catalog import folder_of
from webui.engine.emotion2vec.family import LARGE
from webui.engine.families import card_of, cards, exportable_names, family_of, find_published
from webui.engine.family import ExportingFamily, Family, LoadRequest, OnProgress
from webui.engine.hub.download import Cancelled, OnDownload, download_weights
from webui.engine.precision import Runtime
from webui.engine.protocol import EmotionModel
from webui.engine.sample_rate import check_sample_rate
from webui.engine.weights import LocatedWeights, Origin, own_folders
from webui.errors import ModelNotFoundError
from webui.results import Notice
from webui.settings import Engine, Precision, Settings

__all__ = ["AUTO", "FALLBACK", "LARGE", "ModelListing", "ModelRegistry", "OnProgress", "ResolvedModel"]

AUTO: Final = "auto"
FALLBACK: Final = BUILTIN  # answers ``auto`` while no better model can
ANY_REPOSITORY: Final = "owner/name"  # in messages


@dataclass(frozen=True, slots=True)
class ModelListing:
    """One model as ``models`` lists it.

    Attributes:
        name: the model's name, as ``--model`` takes it.
        engine: the implementation that runs it.
        license: the licence of the weights.
        path: the folder where its weights lie, or would lie.
        size_bytes: the size of its files on disk; 0 if they aren't there.
        ready: whether it can be loaded without the network.
    """

    name: str
    engine: str
    license: str
    path: Path
    size_bytes: int
    ready: bool


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The model that a name stands for.

    Attributes:
        name: a model's name, never ``auto``.
        notices: why this model answers and no other, for its results.
    """

    name: str
    notices: tuple[Notice, ...] = ()


class ModelRegistry:
    """Lists, finds, fetches and loads models by name. Loaded models are not kept here: the service keeps them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> tuple[str, ...]:
        """Returns the names that ``load`` takes, besides ``auto``; best first."""
        published = [card.name for card in cards()]
        own = [folder.name for folder in own_folders(self._settings) if folder.name not in published]
        return (*published, *(name for name in own if self._family_of(name) is not None))

    def listings(self) -> list[ModelListing]:
        """Returns every known model, best first."""
        families = [(name, self._family_of(name)) for name in self.names()]
        return [self._listing(name, family) for name, family in families if family is not None]

    def choose(self, name: str) -> ResolvedModel:
        """Returns the model that ``name`` stands for; ``auto`` is the best one whose weights are here.

        Raises:
            ModelNotFoundError: no model of that name, or none may answer ``auto``.
        """
        if name == AUTO:
            return self._best()
        name = folder_of(name)
        if name not in self.names():
            raise self._unknown(name, (AUTO, *self.names()))
        return ResolvedModel(name)

    def find(self, name: str) -> LocatedWeights | None:
        """Returns where a model's weights lie on this machine, or None."""
        family = self._family_of(name)
        return family.find(name, self._settings) if family is not None else None

    def download(
        self,
        name: str,
        *,
        on_progress: OnDownload = lambda _progress: None,
        cancelled: Cancelled = lambda: False,
    ) -> LocatedWeights:
        """Fetches a model's weights into ``models/``, unless they are on this machine already.

        Args:
            name: a model's name, or a repository ``owner/name`` of a model that any family can run; its folder, and so
                its name from then on, is ``owner--name``.
            on_progress: called with how far it is.
            cancelled: called several times a second; True ends the download.

        Raises:
            ModelNotFoundError: no hub publishes a model of that name.
            DownloadError: cancelled, no hub could be reached, or none delivered.
            OutputError: no space, or not writable.
        """
        published = find_published(name)
        if published is None:
            known = (*(card.name for card in cards() if card.downloadable), ANY_REPOSITORY)
            raise ModelNotFoundError("request.not_published", found=name, expected=", ".join(known))
        family, card = published
        located = self.find(card.name)
        if located is None:
            download_weights(
                card,
                family.files,
                self._settings.models_dir / card.name,
                on_progress=on_progress,
                cancelled=cancelled,
                is_complete=lambda: self.find(card.name) is not None,
            )
            located = self.find(card.name)
        if located is None:
            raise family.absent(card.name, self._settings)
        return located

    def load(
        self,
        name: str,
        runtime: Runtime | None = None,
        *,
        on_progress: OnProgress = lambda _fraction: None,
    ) -> EmotionModel:
        """Loads a model; takes as long as reading its weights, and the first time as long as converting them.

        Args:
            name: a model's name.
            runtime: how it shall run; None takes the settings' values.
            on_progress: called with the fraction done of a conversion.

        Raises:
            ModelNotFoundError: no such model, or its weights are not here.
            CheckpointError: its weights are not what they should be.
            DeviceUnavailableError: the device doesn't work.
            OutputError: the converted weights can't be written.
            RequestError: the engine doesn't have the precision.
        """
        family = self._family_of(name)
        if family is None:
            raise self._unknown(name, self.names())
        request = self._request(name, family, runtime, on_progress)
        stated = family.sample_rate(name, request.located)
        if stated is not None:  # before the seconds that loading takes
            check_sample_rate(name, stated)
        model = family.load(request)
        check_sample_rate(name, model.sample_rate)
        return model

    def export(
        self,
        name: str,
        target: Path,
        *,
        precision: Precision | None = None,
        on_progress: OnProgress = lambda _fraction: None,
    ) -> Path:
        """Writes a model as ONNX.

        Args:
            name: a model whose weights are here and whose family can be exported.
            target: the folder of the file.
            precision: number format of its weights; None takes the settings' value.
            on_progress: called with the fraction done of a conversion that has to come first.

        Returns:
            The file.

        Raises:
            ModelNotFoundError: its weights are not here.
            CheckpointError: they are not what they should be.
            OutputError: not writable, or no space.
            RequestError: there is no such file in that precision.
        """
        runtime = Runtime.of(self._settings, precision=precision)
        family = self._exporting_family(name)
        return family.export(self._request(name, family, runtime, on_progress), target)

    def export_weights(self, name: str, target: Path, *, on_progress: OnProgress = lambda _fraction: None) -> Path:
        """Writes a model's weights as safetensors, in the settings' precision; see ``export``.

        Raises:
            RequestError: there are no such weights in that precision.
        """
        family = self._exporting_family(name)
        return family.export_weights(self._request(name, family, None, on_progress), target)

    def can_be_fetched(self, name: str) -> bool:
        """Returns whether a hub publishes the model, and it is not on this machine yet."""
        card = card_of(name)
        return card is not None and card.downloadable and self.find(name) is None

    def is_verified(self, name: str, precision: Precision | None = None) -> bool | None:
        """Returns whether ``verify`` found this very checkpoint's numbers to be upstream's; None: nothing to compare.

        ``precision`` None takes the settings' value; lower ones were compared with fp32, see ``VerificationRecord``.

        Raises:
            CheckpointError: its weights can't be read.
        """
        family, located = self._family_of(name), self.find(name)
        if family is None or located is None:
            return None
        return family.is_verified(located, precision if precision is not None else self._settings.precision)

    def engine_name(self, name: str, runtime: Runtime) -> str:
        """Returns the engine that would run a model; empty if there is no such model."""
        family = self._family_of(name)
        return family.engine_name(name, runtime, self._settings) if family is not None else ""

    def effective_runtime(self, name: str, runtime: Runtime) -> Runtime:
        """Returns ``runtime`` with everything at its default that makes no difference to this model."""
        family = self._family_of(name)
        if family is None:
            return replace(runtime, engine=Engine.AUTO, precision=Precision.FP32)
        return family.effective_runtime(runtime)

    def sample_rate(self, name: str) -> int | None:
        """Returns the sample rate in Hz that a model takes, without loading it; None if its files don't state it.

        Raises:
            CheckpointError: the rate makes no sense, or the model's files can't be read.
        """
        family = self._family_of(name)
        stated = family.sample_rate(name, family.find(name, self._settings)) if family is not None else None
        return check_sample_rate(name, stated) if stated is not None else None

    def _family_of(self, name: str) -> Family | None:
        return family_of(name, self._settings.models_dir)

    def _exporting_family(self, name: str) -> ExportingFamily:
        family = self._family_of(name)
        if isinstance(family, ExportingFamily):
            return family
        raise self._unknown(name, exportable_names())

    def _request(self, name: str, family: Family, runtime: Runtime | None, on_progress: OnProgress) -> LoadRequest:
        return LoadRequest(
            name=name,
            located=family.find(name, self._settings),
            runtime=runtime if runtime is not None else Runtime.of(self._settings),
            settings=self._settings,
            on_progress=on_progress,
        )

    def _unknown(self, name: str, known: tuple[str, ...]) -> ModelNotFoundError:
        return ModelNotFoundError("request.unknown_model", found=name, expected=", ".join(known))

    def _best(self) -> ResolvedModel:
        for card in (card for card in cards() if card.answers_auto):
            family = self._family_of(card.name)
            if family is not None and family.can_answer(card.name, self._settings):
                return ResolvedModel(card.name)
        if not self._settings.builtin:
            raise ModelNotFoundError("request.nothing_answers", model=LARGE)
        return ResolvedModel(FALLBACK, (self._why_not(LARGE),))

    def _why_not(self, name: str) -> Notice:
        """Returns why a model that ``auto`` would prefer doesn't answer."""
        family = self._family_of(name)
        defect = family.defect(name, self._settings) if family is not None else None
        return defect if defect is not None else Notice(code="request.large_absent", values={"model": name})

    def _listing(self, name: str, family: Family) -> ModelListing:
        located = family.find(name, self._settings)
        own = {Origin.PROGRAM, Origin.MODELS}
        folders = (folder for folder, origin in family.folders(name, self._settings) if origin in own)
        return ModelListing(
            name=name,
            engine=family.engine_name(name, Runtime.of(self._settings), self._settings),
            license=family.license(name),
            path=located.directory if located is not None else next(folders, self._settings.models_dir / name),
            size_bytes=located.size_bytes if located is not None else 0,
            ready=located is not None,
        )
