"""The Emotion2Vec+ family: the published models, where their files are found, and which engine runs them."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from webui.engine.catalog import ABOUT_FILES, ModelCard, ModelFiles
from webui.engine.emotion2vec import files as checkpoint_files
from webui.engine.emotion2vec.verification_record import has_record, read_record
from webui.engine.family import ExportingFamily, LoadRequest
from webui.engine.precision import Runtime, engine_for, has_torch
from webui.engine.protocol import EmotionModel
from webui.engine.weights import LocatedWeights, Origin, candidate_folders
from webui.errors import ModelNotFoundError, RequestError
from webui.results import Notice
from webui.settings import Engine, Precision, Settings
from webui.units import SPEECH_RATE

LICENSE: Final = "FunASR MODEL_LICENSE v1.1 (see the model's page)"
LARGE: Final = "emotion2vec_plus_large"
_ANY_EXPORT: Final = (Precision.FP32, Precision.INT8, Precision.FP16)


def _card(size: str, *, weights_bytes: int | None = None, sha256: str | None = None) -> ModelCard:
    name = f"emotion2vec_plus_{size}"
    return ModelCard(
        name=name,
        license=LICENSE,
        title=f"Emotion2Vec+ {size.capitalize()}",
        languages=("zh", "en"),
        huggingface_id=f"emotion2vec/{name}",
        modelscope_id=f"iic/{name}",
        weights_bytes=weights_bytes,
        sha256=sha256,
        answers_auto=True,
        compared=name == LARGE,
        accuracy_note="evaluate.emobox_training_data",
    )


LARGE_SHA256: Final = "be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4"
_CATALOG: Final = (
    _card("large", weights_bytes=1_945_790_254, sha256=LARGE_SHA256),
    _card("base"),
    _card("seed"),
)


class Emotion2vecFamily(ExportingFamily):
    """The models of the Emotion2Vec+ series, identified by their published names only."""

    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {
        Engine.NATIVE.value: ("torch",),
        Engine.ONNX.value: ("onnxruntime",),
        Engine.FUNASR.value: ("funasr", "torch"),
    }
    files = ModelFiles(
        wanted=(
            checkpoint_files.CONFIG_FILE,
            "configuration.json",
            checkpoint_files.TOKENS_FILE,
            checkpoint_files.PICKLE_FILE,
            "example/*.wav",
            *ABOUT_FILES,
        ),
        needed=(checkpoint_files.CONFIG_FILE, checkpoint_files.TOKENS_FILE, checkpoint_files.PICKLE_FILE),
        converted_share=1 / 3,  # two thirds of the published file are optimizer state
        generated=("*.safetensors",),
    )

    def catalog(self) -> tuple[ModelCard, ...]:
        """Returns the cards of large, base and seed."""
        return _CATALOG

    def recognizes(self, folder: Path) -> bool:
        """Returns False, because only folders with a published name count as models of this family."""
        return False

    def folders(self, name: str, settings: Settings) -> Iterator[tuple[Path, Origin]]:
        """Yields the folders to search; the setting ``model_dir`` comes first for the model that it applies to."""
        if settings.model_dir is not None and self._is_of_setting(name, settings):
            yield settings.model_dir, Origin.SETTING
        yield from candidate_folders(name, self.card(name), settings)

    def locate(self, folder: Path, origin: Origin) -> LocatedWeights | None:
        """Returns the weights of a complete checkpoint; a truncated file doesn't count."""
        weights = checkpoint_files.weights_in(folder)
        return LocatedWeights(folder, weights, origin) if weights is not None else None

    def can_answer(self, name: str, settings: Settings) -> bool:
        """Returns whether the weights are on this machine, or an exported file that runs without them."""
        if self.find(name, settings) is not None and has_torch():
            return True
        return self.exported(name, settings) is not None

    def exported(self, name: str, settings: Settings) -> Path | None:
        """Returns the exported file that an engine of these settings can run, or None."""
        runs_exported = settings.engine in {Engine.AUTO, Engine.ONNX}
        return self._exported(name, settings.precision, settings) if runs_exported else None

    def engine_name(self, name: str, runtime: Runtime, settings: Settings) -> str:
        """Returns the engine for the precision; ONNX Runtime if only an exported file is on this machine."""
        return self._engine(name, runtime, settings).value

    def effective_runtime(self, runtime: Runtime) -> Runtime:
        """Returns ``runtime`` unchanged, because engine and precision matter to this family."""
        return runtime

    def sample_rate(self, name: str, located: LocatedWeights | None) -> int:
        """Returns 16 kHz, the rate of all models of the series."""
        return SPEECH_RATE

    def defect(self, name: str, settings: Settings) -> Notice | None:
        """Returns a notice about a ``model.pt`` that is truncated, for instance because copying it was interrupted."""
        card = self.card(name)
        for folder, _origin in self.folders(name, settings):
            path = folder / checkpoint_files.PICKLE_FILE
            if path.is_file() and checkpoint_files.is_truncated(path):
                published = card.weights_bytes if card is not None else None
                values: dict[str, str] = {
                    "model": name,
                    "file": str(path),
                    "found": f"{path.stat().st_size:,}",
                    "expected": f"{published:,}" if published is not None else "?",
                }
                return Notice(code="request.weights_cut_short", values=values)
        return None

    def absent(self, name: str, settings: Settings) -> ModelNotFoundError:
        """Returns the error for weights that are not on this machine or are truncated.

        Without PyTorch only an exported file can be used, so the error names that.
        """
        if not has_torch():
            path = self._exported_paths(name, settings.precision, settings)[0]
            return ModelNotFoundError("engine.no_export", model=name, file=str(path), folder=str(path.parent))
        defect = self.defect(name, settings)
        if defect is not None:
            return ModelNotFoundError(defect.code, **defect.values)
        return ModelNotFoundError("request.weights_absent", model=name)

    def load(self, request: LoadRequest) -> EmotionModel:
        """Loads a model. The first time, the published weights are converted."""
        engine = self._engine(request.name, request.runtime, request.settings)
        if engine is Engine.ONNX:
            return self._load_onnx(request)
        located = self._required(request)
        weights = self._slim(request, located)
        license = self.license(request.name)
        device, threads = request.runtime.device, request.settings.threads
        if engine is Engine.FUNASR:
            from webui.engine.emotion2vec.funasr_model import load_funasr_model  # imported late: torch takes seconds

            return load_funasr_model(
                request.name, located.directory, weights, license=license, device=device, threads=threads
            )
        from webui.engine.emotion2vec.torch_model import load_torch_model  # imported late: torch takes seconds

        return load_torch_model(
            request.name,
            located.directory,
            weights,
            license=license,
            device=device,
            threads=threads,
            precision=request.runtime.precision,
        )

    def export(self, request: LoadRequest, target: Path) -> Path:
        """Writes a model as ONNX."""
        precision = request.runtime.precision
        if precision is Precision.BF16:
            raise RequestError("engine.no_such_export", found=precision.value)
        from webui.engine.emotion2vec.onnx.export import export_onnx  # imported late: torch takes seconds

        located = self._required(request)
        return export_onnx(located.directory, self._slim(request, located), target, precision)

    def export_weights(self, request: LoadRequest, target: Path) -> Path:
        """Writes the slim weights."""
        from webui.engine.emotion2vec.onnx.export import export_safetensors  # imported late: torch takes seconds

        weights = self._slim(request, self._required(request))
        return export_safetensors(weights, target, request.runtime.precision)

    def is_verified(self, located: LocatedWeights, precision: Precision) -> bool:
        """Returns whether this checkpoint passed ``verify``; usually only two small files have to be read."""
        if not has_record(located.directory, precision):
            return False
        digest = checkpoint_files.read_source_hash(located.weights)
        if digest is None:
            from webui.engine.emotion2vec.convert import source_hash  # imported late: torch takes seconds

            digest = source_hash(located.weights)
        record = read_record(located.directory, checkpoint_sha256=digest, precision=precision)
        return record is not None and record.verified

    def _engine(self, name: str, runtime: Runtime, settings: Settings) -> Engine:
        engine = engine_for(runtime)
        if engine is not Engine.NATIVE or runtime.engine is not Engine.AUTO or self.find(name, settings) is not None:
            return engine
        return engine if self._exported(name, runtime.precision, settings) is None else Engine.ONNX

    def _load_onnx(self, request: LoadRequest) -> EmotionModel:
        """Loads the exported model. It is exported first if it doesn't exist or was made from other weights."""
        from webui.engine.emotion2vec.onnx.model import load_onnx  # imported late: it takes half a second

        name, settings, located = request.name, request.settings, request.located
        device, threads = request.runtime.device, settings.threads
        load = partial(load_onnx, name, license=self.license(name), device=device, threads=threads)
        path = self._exported(name, request.runtime.precision, settings)
        if path is not None:
            model = load(path)
            digest = checkpoint_files.read_source_hash(located.weights) if located is not None and has_torch() else None
            if digest is None or digest == model.about.source_sha256:
                return model
        if not has_torch():
            raise self.absent(name, settings)
        return load(self.export(request, settings.models_dir / name))

    def _required(self, request: LoadRequest) -> LocatedWeights:
        if request.located is None:
            raise self.absent(request.name, request.settings)
        return request.located

    def _slim(self, request: LoadRequest, located: LocatedWeights) -> Path:
        """Returns the path of the slim weights. The first time, they are converted from the published weights."""
        if located.weights.suffix == ".safetensors":
            return located.weights
        from webui.engine.emotion2vec.convert import convert_checkpoint

        target = request.settings.models_dir / request.name
        slim = convert_checkpoint(located.directory, located.weights, target, on_progress=request.on_progress)
        if located.directory == target and not request.settings.keep_original:
            located.weights.unlink(missing_ok=True)
        return slim

    def _exported(self, name: str, precision: Precision, settings: Settings) -> Path | None:
        """Returns the exported model in a precision, or None. It can be used without the weights."""
        paths = self._exported_paths(name, precision, settings)
        return next((path for path in paths if path.is_file()), None)

    def _exported_paths(self, name: str, precision: Precision, settings: Settings) -> list[Path]:
        """Returns where the exported model may be stored.

        Without PyTorch nothing can be exported, so the default precision then stands for any exported one; int8, which
        such devices usually have, comes before fp16.
        """
        is_any = precision is Precision.FP32 and not has_torch()
        names = [checkpoint_files.exported_name(one) for one in (_ANY_EXPORT if is_any else (precision,))]
        folders = [settings.models_dir / name]
        if settings.model_dir is not None and self._is_of_setting(name, settings):
            folders.insert(0, settings.model_dir)
        return [folder / file for folder in folders for file in names]

    def _is_of_setting(self, name: str, settings: Settings) -> bool:
        """Returns whether ``model_dir`` applies to this model: to the one in the settings, or else to the best."""
        chosen = settings.model if self.card(settings.model) is not None else _CATALOG[0].name
        return name == chosen


EMOTION2VEC: Final = Emotion2vecFamily()
