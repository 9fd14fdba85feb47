"""Which models there are on this machine, and the one that answers ``auto``."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from webui.engine.emotion2vec.verification_record import has_record, read_record
from webui.engine.hub.download import Cancelled, OnDownload, download_weights
from webui.engine.precision import Runtime, engine_for
from webui.engine.protocol import EmotionModel
from webui.engine.weights import (
    KNOWN_MODELS,
    PEERS,
    Found,
    Origin,
    find_cut_short,
    find_exported,
    find_peer,
    find_weights,
    folder_of,
    is_trained,
    other_folders,
    published,
    read_source_hash,
)
from webui.errors import ModelNotFoundError, RequestError
from webui.results import Notice
from webui.settings import PROJECT_DIR, Engine, Precision, Settings

AUTO: Final = "auto"
BUILTIN: Final = "builtin"
BUILTIN_DIR: Final = PROJECT_DIR / "models" / BUILTIN  # part of the program, wherever downloads go
BUILTIN_LICENSE: Final = "CC BY-NC-SA 4.0"
TRANSFORMERS: Final = "transformers"
UNKNOWN_LICENSE: Final = "see the model's page"
TRAINED_LICENSE: Final = "see its LICENSE"
LARGE: Final = "emotion2vec_plus_large"

OnProgress = Callable[[float], None]


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
class Choice:
    """The model that a name stands for.

    Attributes:
        name: a model's name, never ``auto``.
        notices: what its answers have to say about why it and no other.
    """

    name: str
    notices: tuple[Notice, ...] = ()


class ModelRegistry:
    """Knows every model by name and loads it. Loading is not cached here: the service keeps what it uses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> tuple[str, ...]:
        """Returns the names that ``load`` takes, besides ``auto``; best first."""
        return (*KNOWN_MODELS, BUILTIN, *PEERS, *self._others())

    def statuses(self) -> list[ModelStatus]:
        """Returns every known model, best first."""
        peers = [self._peer_status(name) for name in (*PEERS, *self._others())]
        return [*(self._status_of(name) for name in KNOWN_MODELS), self._builtin_status(), *peers]

    def choose(self, name: str) -> Choice:
        """Returns the model that ``name`` stands for; ``auto`` is the best one whose weights are here.

        Raises:
            ModelNotFoundError: no model of that name, or nothing may answer ``auto``.
        """
        if name == AUTO:
            return self._best()
        name = folder_of(name)
        if name not in self.names():
            known = ", ".join((AUTO, *self.names()))
            raise ModelNotFoundError("request.unknown_model", found=name, expected=known)
        return Choice(name)

    def find(self, name: str) -> Found | None:
        """Returns where a model's weights lie on this machine, or None; the built-in one has no place of its own."""
        if name in KNOWN_MODELS:
            return find_weights(name, self._settings)
        folder = find_peer(name, self._settings) if name != BUILTIN else None
        return Found(folder, folder, Origin.MODELS) if folder is not None else None

    def download(
        self,
        name: str,
        *,
        on_progress: OnDownload = lambda _progress: None,
        cancelled: Cancelled = lambda: False,
    ) -> Found:
        """Fetches a model's weights into ``models/``, unless they are on this machine already.

        Args:
            name: a model's name, or a repository ``owner/name`` with a classifier of transformers; its folder, and so
                its name from then on, is ``owner--name``.
            on_progress: told how far it is.
            cancelled: asked several times a second; True ends the download.

        Raises:
            ModelNotFoundError: no hub publishes a model of that name.
            DownloadError: cancelled, no hub could be reached, or none delivered.
            OutputError: no space, or not writable.
        """
        source = published(name)
        if source is None:
            known = ", ".join((*KNOWN_MODELS, *PEERS, "owner/name"))
            raise ModelNotFoundError("request.not_published", found=name, expected=known)
        found = self.find(source.name)
        if found is None:
            target = self._settings.models_dir / source.name
            complete = partial(self._is_here, source.name)
            download_weights(name, target, on_progress=on_progress, cancelled=cancelled, complete=complete)
            found = self.find(source.name)
        if found is None:
            raise self._absent(source.name)
        return found

    def load(
        self,
        name: str,
        runtime: Runtime | None = None,
        *,
        on_progress: OnProgress = lambda _fraction: None,
    ) -> EmotionModel:
        """Loads a model; takes what its weights take to read, and the first time what converting them takes.

        Args:
            name: a model's name.
            runtime: how it shall run; None takes the settings' values.
            on_progress: told the fraction done of a conversion.

        Raises:
            ModelNotFoundError: no such model, or its weights are not here.
            CheckpointError: its weights are not what they should be.
            DeviceUnavailableError: the device doesn't work.
            OutputError: the converted weights can't be written.
            RequestError: the engine doesn't have the precision.
        """
        runtime = runtime if runtime is not None else Runtime.of(self._settings)
        if name == BUILTIN:
            from webui.engine.builtin.model import load_builtin  # imported late: torch takes seconds

            return load_builtin(BUILTIN_DIR, device=runtime.device, threads=self._settings.threads)
        if name not in KNOWN_MODELS:
            return self._load_peer(name, runtime)
        engine = self._engine_of(name, runtime)
        if engine is Engine.ONNX:
            return self._load_onnx(name, runtime, on_progress)
        found = self.find(name)
        if found is None:
            raise self._absent(name)
        return self._load_emotion2vec(name, found, runtime, engine, on_progress)

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
            name: of an Emotion2Vec model whose weights are here.
            target: folder of the file.
            precision: of its weights; None takes the settings' value.
            on_progress: told the fraction done of a conversion that has to come first.

        Returns:
            The file.

        Raises:
            ModelNotFoundError: its weights are not here.
            CheckpointError: they are not what they should be.
            OutputError: not writable, or no space.
            RequestError: there is no such file in that precision.
        """
        precision = precision if precision is not None else self._settings.precision
        if precision is Precision.BF16:
            raise RequestError("engine.no_such_export", found=precision.value)
        from webui.engine.emotion2vec.onnx.export import export_onnx  # imported late: torch takes seconds

        found, weights = self._found(name, on_progress)
        return export_onnx(found.directory, weights, target, precision)

    def export_weights(self, name: str, target: Path, *, on_progress: OnProgress = lambda _fraction: None) -> Path:
        """Writes a model's slim weights as safetensors, in the settings' precision; see ``export``.

        Raises:
            RequestError: there are no such weights in that precision.
        """
        from webui.engine.emotion2vec.onnx.export import export_safetensors  # imported late: torch takes seconds

        _found, weights = self._found(name, on_progress)
        return export_safetensors(weights, target, self._settings.precision)

    def can_be_fetched(self, name: str) -> bool:
        """Returns whether a hub publishes the model, and it is not on this machine yet."""
        return (name in KNOWN_MODELS or name in PEERS) and self.find(name) is None

    def is_verified(self, name: str, precision: Precision | None = None) -> bool | None:
        """Returns whether ``verify`` found this very checkpoint's numbers to be upstream's; None: nothing to verify.

        ``precision`` None takes the settings' value; lower ones were compared with fp32, see ``VerificationRecord``.

        Once a model has been loaded this reads two small files.

        Raises:
            CheckpointError: its weights can't be read.
        """
        found = self.find(name) if name in KNOWN_MODELS else None
        if found is None:
            return None
        precision = precision if precision is not None else self._settings.precision
        if not has_record(found.directory, precision):
            return False
        digest = read_source_hash(found.weights)
        if digest is None:
            from webui.engine.emotion2vec.convert import source_hash  # imported late: torch takes seconds

            digest = source_hash(found.weights)
        verdict = read_record(found.directory, checkpoint_sha256=digest, precision=precision)
        return verdict is not None and verdict.verified

    def _others(self) -> list[str]:
        return [name for name in other_folders(self._settings) if name != BUILTIN]

    def _is_here(self, name: str) -> bool:
        return self.find(name) is not None

    def _absent(self, name: str) -> ModelNotFoundError:
        if name not in KNOWN_MODELS:
            place = str(self._settings.models_dir / name)
            repository = PEERS[name].huggingface_id if name in PEERS else name
            return ModelNotFoundError("request.peer_absent", model=name, found=repository, folder=place)
        cut = find_cut_short(name, self._settings)
        if cut is None:
            return ModelNotFoundError("request.weights_absent", model=name)
        return ModelNotFoundError("request.weights_cut_short", **self._cut_short(name, cut))

    def _cut_short(self, name: str, path: Path) -> dict[str, float | int | str]:
        published = KNOWN_MODELS[name].model_bytes
        expected = f"{published:,}" if published is not None else "?"
        return {"model": name, "file": str(path), "found": f"{path.stat().st_size:,}", "expected": expected}

    def _best(self) -> Choice:
        for name in KNOWN_MODELS:
            if self.find(name) is not None or self._answers_exported(name):
                return Choice(name)
        if self._settings.builtin:
            cut = find_cut_short(LARGE, self._settings)
            if cut is not None:
                return Choice(BUILTIN, (Notice(code="request.weights_cut_short", values=self._cut_short(LARGE, cut)),))
            return Choice(BUILTIN, (Notice(code="request.large_absent", values={"model": LARGE}),))
        raise ModelNotFoundError("request.nothing_answers", model=LARGE)

    def _load_emotion2vec(
        self, name: str, found: Found, runtime: Runtime, engine: Engine, on_progress: OnProgress
    ) -> EmotionModel:
        from webui.engine.emotion2vec.torch_model import load_torch_model  # imported late: torch takes seconds

        weights = self._slim(name, found, on_progress)
        license = KNOWN_MODELS[name].license
        device, threads = runtime.device, self._settings.threads
        if engine is Engine.FUNASR:
            from webui.engine.emotion2vec.funasr_model import load_funasr_model

            return load_funasr_model(name, found.directory, weights, license=license, device=device, threads=threads)
        return load_torch_model(
            name,
            found.directory,
            weights,
            license=license,
            device=device,
            threads=threads,
            precision=runtime.precision,
        )

    def _load_peer(self, name: str, runtime: Runtime) -> EmotionModel:
        """Loads a classifier: a published one of transformers, or one that lies in a folder of its own."""
        if name not in self.names():
            raise ModelNotFoundError("request.unknown_model", found=name, expected=", ".join(self.names()))
        folder = find_peer(name, self._settings)
        if folder is None:
            raise self._absent(name)
        if is_trained(folder):
            from webui.engine.builtin.model import load_builtin  # imported late: torch takes seconds

            return load_builtin(folder, device=runtime.device, threads=self._settings.threads, name=name)
        from webui.engine.transformers.model import load_transformers  # imported late: seconds

        license = PEERS[name].license if name in PEERS else UNKNOWN_LICENSE
        return load_transformers(name, folder, license=license, device=runtime.device, threads=self._settings.threads)

    def _engine_of(self, name: str, runtime: Runtime) -> Engine:
        engine = engine_for(runtime)
        if engine is not Engine.NATIVE or runtime.engine is not Engine.AUTO or self.find(name) is not None:
            return engine
        exported = self._exported(name, runtime.precision)
        return engine if exported is None else Engine.ONNX  # without the weights there is nothing else

    def _load_onnx(self, name: str, runtime: Runtime, on_progress: OnProgress) -> EmotionModel:
        """Loads the exported model, after exporting it if it isn't there or came from other weights."""
        from webui.engine.emotion2vec.onnx.model import load_onnx  # imported late: it takes half a second

        load = partial(
            load_onnx, name, license=KNOWN_MODELS[name].license, device=runtime.device, threads=self._settings.threads
        )
        found, path = self.find(name), self._exported(name, runtime.precision)
        if path is not None:
            model = load(path)
            digest = read_source_hash(found.weights) if found is not None else None
            if digest is None or digest == model.about.source_sha256:
                return model
        folder = self._settings.models_dir / name
        return load(self.export(name, folder, precision=runtime.precision, on_progress=on_progress))

    def _exported(self, name: str, precision: Precision) -> Path | None:
        return find_exported(name, self._settings, precision)

    def _answers_exported(self, name: str) -> bool:
        """Whether an exported file can answer by itself, as the settings are."""
        engine = self._settings.engine
        return engine in {Engine.AUTO, Engine.ONNX} and self._exported(name, self._settings.precision) is not None

    def _found(self, name: str, on_progress: OnProgress) -> tuple[Found, Path]:
        """Returns where a checkpoint lies, and its slim weights."""
        if name not in KNOWN_MODELS:
            raise ModelNotFoundError("request.unknown_model", found=name, expected=", ".join(KNOWN_MODELS))
        found = self.find(name)
        if found is None:
            raise self._absent(name)
        return found, self._slim(name, found, on_progress)

    def _slim(self, name: str, found: Found, on_progress: OnProgress) -> Path:
        """Returns the slim weights, converting the published ones the first time."""
        if found.weights.suffix == ".safetensors":
            return found.weights
        from webui.engine.emotion2vec.convert import convert_checkpoint

        target = self._settings.models_dir / name
        slim = convert_checkpoint(found.directory, found.weights, target, on_progress=on_progress)
        if found.directory == target and not self._settings.keep_original:
            found.weights.unlink(missing_ok=True)
        return slim

    def _status_of(self, name: str) -> ModelStatus:
        found = self.find(name)
        return ModelStatus(
            name=name,
            engine=self._engine_of(name, Runtime.of(self._settings)).value,
            license=KNOWN_MODELS[name].license,
            path=found.directory if found is not None else self._settings.models_dir / name,
            size_bytes=os.stat(found.weights).st_size if found is not None else 0,  # noqa: PTH116 - follows the hub's links
            ready=found is not None,
        )

    def _peer_status(self, name: str) -> ModelStatus:
        folder = find_peer(name, self._settings)
        files = [path for path in folder.iterdir() if path.is_file()] if folder is not None else []
        trained = folder is not None and is_trained(folder)
        unknown = TRAINED_LICENSE if trained else UNKNOWN_LICENSE
        return ModelStatus(
            name=name,
            engine=BUILTIN if trained else TRANSFORMERS,
            license=PEERS[name].license if name in PEERS else unknown,
            path=folder if folder is not None else self._settings.models_dir / name,
            size_bytes=sum(path.stat().st_size for path in files),
            ready=folder is not None,
        )

    def _builtin_status(self) -> ModelStatus:
        files = [path for path in BUILTIN_DIR.glob("*") if path.is_file()]
        return ModelStatus(
            name=BUILTIN,
            engine=BUILTIN,
            license=BUILTIN_LICENSE,
            path=BUILTIN_DIR,
            size_bytes=sum(path.stat().st_size for path in files),
            ready=(BUILTIN_DIR / "model.safetensors").is_file(),
        )
