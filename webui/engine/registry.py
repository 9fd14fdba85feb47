"""Access to all models by name: listing, choosing, finding, downloading, loading and exporting them."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from webui.engine.auto_choice import AUTO, FALLBACK, ResolvedModel, choose_auto
from webui.engine.catalog import TrainingData, folder_of
from webui.engine.emotion2vec.family import LARGE
from webui.engine.families import card_of, cards, exportable_names, family_of, find_published
from webui.engine.family import ExportingFamily, Family, LoadRequest, OnProgress
from webui.engine.hub.download import Cancelled, OnDownload, download_weights
from webui.engine.listing import ModelListing, list_model
from webui.engine.precision import Runtime, has_torch
from webui.engine.protocol import EmotionModel
from webui.engine.sample_rate import check_sample_rate
from webui.engine.weights import FileStates, LocatedWeights, file_states, own_folders
from webui.errors import ModelNotFoundError, missing_package
from webui.settings import Engine, Precision, Settings

__all__ = ["AUTO", "FALLBACK", "LARGE", "FileStates", "ModelListing", "ModelRegistry", "OnProgress", "ResolvedModel"]

ANY_REPOSITORY: Final = "owner/name"  # stands for any repository in messages


class ModelRegistry:
    """All models of one configuration.

    It does not keep loaded models; ``webui.service.models`` does.

    Args:
        settings: the program's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> tuple[str, ...]:
        """Returns the names that ``load`` accepts, best model first. ``auto`` is not among them."""
        published = [card.name for card in cards()]
        own = [folder.name for folder in own_folders(self._settings) if folder.name not in published]
        return (*published, *(name for name in own if self._family_of(name) is not None))

    def listings(self) -> list[ModelListing]:
        """Returns an entry for every known model, best first."""
        families = [(name, self._family_of(name)) for name in self.names()]
        return [list_model(name, family, self._settings) for name, family in families if family is not None]

    def choose(self, name: str) -> ResolvedModel:
        """Returns the model that ``name`` stands for; for ``auto``, the best one whose weights are on this machine.

        Raises:
            ModelNotFoundError: there is no model of that name, or none that ``auto`` may choose.
        """
        if name == AUTO:
            return choose_auto(self._settings)
        name = folder_of(name)
        if name not in self.names():
            raise _unknown(name, (AUTO, *self.names()))
        return ResolvedModel(name)

    def find(self, name: str) -> LocatedWeights | None:
        """Returns where a model's weights are stored on this machine, or None."""
        family = self._family_of(name)
        return family.find(name, self._settings) if family is not None else None

    def can_answer(self, name: str) -> bool:
        """Returns whether a model can be loaded with the settings without downloading anything."""
        family = self._family_of(name)
        return family is not None and family.can_answer(name, self._settings)

    def absent(self, name: str) -> ModelNotFoundError:
        """Returns the error for a model whose weights are not on this machine."""
        family = self._family_of(name)
        return family.absent(name, self._settings) if family is not None else _unknown(name, self.names())

    def file_states(self, name: str) -> FileStates:
        """Returns the state of all files in the folders searched for a model's weights; equal until a file changes."""
        family = self._family_of(name)
        return file_states(folder for folder, _ in family.folders(name, self._settings)) if family else frozenset()

    def download(
        self,
        name: str,
        *,
        on_progress: OnDownload = lambda _progress: None,
        cancelled: Cancelled = lambda: False,
    ) -> LocatedWeights:
        """Downloads a model's weights into ``models/``, unless they are on this machine already.

        Args:
            name: a model's name, or a repository ``owner/name`` of a model that any family can run. In the second
                case, ``owner--name`` is the name of the model's folder and of the model from then on.
            on_progress: called with the progress of the download.
            cancelled: called several times a second; the download ends when it returns True.

        Raises:
            ModelNotFoundError: no hub publishes a model of that name.
            DownloadError: the download was cancelled, or failed from every hub.
            OutputError: the disk is full, or the folder can't be written.
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
        """Loads a model. The first time, its weights may have to be converted, which takes longer.

        Args:
            name: a model's name.
            runtime: how to run it; None takes the values of the settings.
            on_progress: called with the fraction of a conversion that is done, from 0 to 1.

        Raises:
            ModelNotFoundError: there is no such model, or its weights or a package are not on this machine.
            CheckpointError: its weights are damaged or invalid.
            DeviceUnavailableError: the device does not exist or does not work.
            OutputError: the converted weights can't be written.
            RequestError: the engine doesn't support the precision.
        """
        family = self._family_of(name)
        if family is None:
            raise _unknown(name, self.names())
        request = self._request(name, family, runtime, on_progress)
        _stated_sample_rate(name, family, request.located)  # fail before loading, which takes seconds
        try:
            model = family.load(request)
        except ModuleNotFoundError as err:
            package = missing_package(err)
            if package is None:
                raise
            raise ModelNotFoundError(
                "engine.no_package", model=name, package=package if has_torch() else "torch"
            ) from err
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
            name: a model whose weights are on this machine and whose family can be exported.
            target: the folder of the file.
            precision: number format of the exported weights; None takes the value of the settings.
            on_progress: called with the fraction done of a conversion that may be necessary before the export.

        Returns:
            The path of the file.

        Raises:
            ModelNotFoundError: its weights are not on this machine.
            CheckpointError: its weights are damaged or invalid.
            OutputError: the file can't be written, or the disk is full.
            RequestError: the model can't be exported in that precision.
        """
        runtime = Runtime.of(self._settings, precision=precision)
        family = self._exporting_family(name)
        return family.export(self._request(name, family, runtime, on_progress), target)

    def export_weights(self, name: str, target: Path, *, on_progress: OnProgress = lambda _fraction: None) -> Path:
        """Writes a model's weights as safetensors, in the precision of the settings; see ``export``.

        Raises:
            RequestError: the weights can't be written in that precision.
        """
        family = self._exporting_family(name)
        return family.export_weights(self._request(name, family, None, on_progress), target)

    def can_be_fetched(self, name: str) -> bool:
        """Returns whether the model can be downloaded and is not on this machine yet."""
        card = card_of(name)
        return card is not None and card.downloadable and self.find(name) is None

    def is_verified(self, name: str, precision: Precision | None = None) -> bool | None:
        """Returns whether ``verify`` found that this checkpoint's results equal the reference implementation's.

        None means that there are no weights on this machine, or no reference implementation to compare with.

        Args:
            name: a model's name.
            precision: the precision to look up; None takes the value of the settings. Precisions below fp32 were
                compared with this program's own fp32 results, see ``VerificationRecord``.

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
        """Returns ``runtime`` with every value that this model ignores set to its default."""
        family = self._family_of(name)
        if family is None:
            return replace(runtime, engine=Engine.AUTO, precision=Precision.FP32)
        return family.effective_runtime(runtime)

    def sample_rate(self, name: str) -> int | None:
        """Returns the sample rate in Hz of a model's input, without loading it; None if its files don't state it.

        Raises:
            CheckpointError: the rate is implausible, or the model's files can't be read.
        """
        family = self._family_of(name)
        if family is None:
            return None
        return _stated_sample_rate(name, family, family.find(name, self._settings))

    def training_data(self, name: str) -> TrainingData:
        """Returns what a model was trained on, as far as it is known.

        Raises:
            CheckpointError: the model's files can't be read.
        """
        family = self._family_of(name)
        return family.training_data(name, self.find(name)) if family is not None else TrainingData()

    def _family_of(self, name: str) -> Family | None:
        return family_of(name, self._settings.models_dir)

    def _exporting_family(self, name: str) -> ExportingFamily:
        family = self._family_of(name)
        if isinstance(family, ExportingFamily):
            return family
        raise _unknown(name, exportable_names())

    def _request(self, name: str, family: Family, runtime: Runtime | None, on_progress: OnProgress) -> LoadRequest:
        return LoadRequest(
            name=name,
            located=family.find(name, self._settings),
            runtime=runtime if runtime is not None else Runtime.of(self._settings),
            settings=self._settings,
            on_progress=on_progress,
        )


def _stated_sample_rate(name: str, family: Family, located: LocatedWeights | None) -> int | None:
    """Returns the sample rate in Hz that a model's files state, checked; None if they state none."""
    stated = family.sample_rate(name, located)
    return check_sample_rate(name, stated) if stated is not None else None


def _unknown(name: str, known: tuple[str, ...]) -> ModelNotFoundError:
    return ModelNotFoundError("request.unknown_model", found=name, expected=", ".join(known))
