"""Where the weights of Emotion2Vec lie on this machine; what is here is never downloaded again.

Looked at in this order: the folder that the settings name, ``models/<name>/``, then the caches that users of
ModelScope, FunASR and Hugging Face already have. Files alone are looked at: the hubs' clients take seconds to import.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from webui.settings import Precision, Settings

CONFIG_FILE: Final = "config.yaml"
PEER_CONFIG_FILE: Final = "config.json"
TRAINED_FORMAT: Final = "speech-emotion-builtin/"  # of builtin_checkpoint, whatever its version
TOKENS_FILE: Final = "tokens.txt"
PICKLE_FILE: Final = "model.pt"
SLIM_FILE: Final = "model.safetensors"
SOURCE_HASH: Final = "source_sha256"  # in the metadata of a slim file
_ZIP_START: Final = b"PK\x03\x04"
LICENSE: Final = "FunASR MODEL_LICENSE v1.1 (see the model's page)"


def exported_name(precision: Precision) -> str:
    """Returns the name of an exported model's file."""
    return f"model.{precision.value}.onnx"


def half_name() -> str:
    """Returns the name of the slim weights in half the size."""
    return "model.fp16.safetensors"


class Kind(StrEnum):
    """Which files a checkpoint is made of."""

    EMOTION2VEC = "emotion2vec"
    TRANSFORMERS = "transformers"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A published member of the family.

    Attributes:
        name: as ``--model`` takes it.
        model_bytes: size of the published ``model.pt``; None where it isn't known.
        sha256: of the published ``model.pt``; None where it isn't known.
        license: of the weights.
    """

    name: str
    model_bytes: int | None = None
    sha256: str | None = None
    license: str = LICENSE

    @property
    def kind(self) -> Kind:
        """Which files it is made of."""
        return Kind.EMOTION2VEC

    @property
    def modelscope_id(self) -> str:
        """Its name on ModelScope."""
        return f"iic/{self.name}"

    @property
    def huggingface_id(self) -> str:
        """Its name on Hugging Face."""
        return f"emotion2vec/{self.name}"


_KNOWN: Final = (
    KnownModel(
        name="emotion2vec_plus_large",
        model_bytes=1_945_790_254,
        sha256="be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4",
    ),
    KnownModel(name="emotion2vec_plus_base"),
    KnownModel(name="emotion2vec_plus_seed"),
)
KNOWN_MODELS: Final[Mapping[str, KnownModel]] = MappingProxyType({model.name: model for model in _KNOWN})  # best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A published classifier of another family, run by transformers.

    Attributes:
        name: as ``--model`` takes it, and of its folder under ``models/``.
        huggingface_id: its name on Hugging Face.
        license: of the weights.
    """

    name: str
    huggingface_id: str
    license: str = "see the model's page"

    @property
    def kind(self) -> Kind:
        """Which files it is made of."""
        return Kind.TRANSFORMERS

    @property
    def modelscope_id(self) -> str:
        """Its name on ModelScope: mirrors keep Hugging Face's."""
        return self.huggingface_id


_PEERS: Final = (
    Peer(name="wav2vec2_base_superb", huggingface_id="superb/wav2vec2-base-superb-er"),
    Peer(name="hubert_large_superb", huggingface_id="superb/hubert-large-superb-er"),
)
PEERS: Final[Mapping[str, Peer]] = MappingProxyType({peer.name: peer for peer in _PEERS})
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def folder_of(name: str) -> str:
    """Returns the name that a repository's folder under ``models/`` has; any other name stays as it is."""
    return name.replace("/", "--") if _REPOSITORY.fullmatch(name) else name


def published(name: str) -> "KnownModel | Peer | None":
    """Returns what a hub may have: a model known by name, or a repository ``owner/name`` of transformers; or None."""
    if name in KNOWN_MODELS:
        return KNOWN_MODELS[name]
    if name in PEERS:
        return PEERS[name]
    if _REPOSITORY.fullmatch(name):
        known = next((peer for peer in _PEERS if peer.huggingface_id == name), None)
        return known or Peer(name=folder_of(name), huggingface_id=name)
    return None


class Origin(StrEnum):
    """Where weights were found."""

    NAMED = "named"
    MODELS = "models"
    MODELSCOPE = "modelscope"
    HUGGINGFACE = "huggingface"


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint on this machine.

    Attributes:
        directory: holds ``config.yaml`` and ``tokens.txt``.
        weights: the slim ``model.safetensors``, or the published ``model.pt``.
        origin: whose folder it is.
    """

    directory: Path
    weights: Path
    origin: Origin


def find_weights(name: str, settings: Settings) -> Found | None:
    """Returns where the weights of ``name`` lie, or None. A file that was cut short doesn't count.

    Args:
        name: one of ``KNOWN_MODELS``.
        settings: name the folders.
    """
    for directory, origin in _places(KNOWN_MODELS[name], settings):
        found = _look_into(directory, origin)
        if found is not None:
            return found
    return None


def find_peer(name: str, settings: Settings) -> Path | None:
    """Returns the folder of a classifier on this machine, of transformers or of one's own training, or None.

    Args:
        name: one of ``PEERS``, or of a folder under ``models/``.
        settings: name the folders.
    """
    folders = [settings.models_dir / name] if is_folder_name(name) else []
    if name in PEERS:
        folders += _modelscope_places(PEERS[name].modelscope_id)
        folders += _huggingface_places(PEERS[name].huggingface_id)
    return next((folder for folder in folders if is_checkpoint(folder)), None)


def other_folders(settings: Settings) -> list[str]:
    """Returns the names of folders under ``models/`` with a classifier that nobody publishes here."""
    try:
        names = sorted(folder.name for folder in settings.models_dir.iterdir() if is_checkpoint(folder))
    except OSError:
        return []
    return [name for name in names if name not in PEERS and name not in KNOWN_MODELS]


def is_checkpoint(folder: Path) -> bool:
    """Returns whether a folder holds a checkpoint of transformers, or a model of one's own training."""
    config = _read_config(folder)
    return "model_type" in config or _is_trained(config)


def is_trained(folder: Path) -> bool:
    """Returns whether a folder holds what ``bash run.sh train`` writes: a model like the built-in one."""
    return _is_trained(_read_config(folder))


def _is_trained(config: dict[str, Any]) -> bool:
    return str(config.get("format", "")).startswith(TRAINED_FORMAT)


def _read_config(folder: Path) -> dict[str, Any]:
    """Returns the configuration beside a classifier's weights; nothing if one of both is not there."""
    weights = ("model.safetensors", "pytorch_model.bin")
    if not any((folder / name).is_file() for name in weights):
        return {}
    try:
        config = json.loads((folder / PEER_CONFIG_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def is_folder_name(name: str) -> bool:
    """Returns whether a model's name can be a folder's under ``models/``, and leads nowhere else."""
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\:\0") and not name.startswith(".")


def find_exported(name: str, settings: Settings, precision: Precision) -> Path | None:
    """Returns the exported model of ``name`` in that precision, or None; it needs no weights beside it."""
    folders = [settings.models_dir / name]
    if settings.model_dir is not None and _is_meant(KNOWN_MODELS[name], settings):
        folders.insert(0, settings.model_dir)
    paths = [folder / exported_name(precision) for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def read_source_hash(weights: Path) -> str | None:
    """Returns which published file a slim file came from, by its header alone; None if it doesn't say."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return str(header["__metadata__"][SOURCE_HASH])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None


def find_cut_short(name: str, settings: Settings) -> Path | None:
    """Returns the first ``model.pt`` of ``name`` that is cut short, by a copy that ended early say; or None."""
    for directory, _origin in _places(KNOWN_MODELS[name], settings):
        path = directory / PICKLE_FILE
        if path.is_file() and _is_cut_short(path):
            return path
    return None


def _is_cut_short(path: Path) -> bool:
    """Whether a file starts like what ``torch.save`` writes, a zip archive, and lacks the directory at its end."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP_START))
        return not start or (start == _ZIP_START and not zipfile.is_zipfile(path))
    except OSError:
        return False  # reading it says what is wrong


def _places(model: KnownModel, settings: Settings) -> Iterator[tuple[Path, Origin]]:
    if settings.model_dir is not None and _is_meant(model, settings):
        yield settings.model_dir, Origin.NAMED
    yield settings.models_dir / model.name, Origin.MODELS
    for directory in _modelscope_places(model.modelscope_id):
        yield directory, Origin.MODELSCOPE
    for directory in _huggingface_places(model.huggingface_id):
        yield directory, Origin.HUGGINGFACE


def _is_meant(model: KnownModel, settings: Settings) -> bool:
    """Whether the settings' ``model_dir`` is this model's folder."""
    return model.name == (settings.model if settings.model in KNOWN_MODELS else _KNOWN[0].name)


def _look_into(directory: Path, origin: Origin) -> Found | None:
    if not all((directory / file).is_file() for file in (CONFIG_FILE, TOKENS_FILE)):
        return None
    for weights in (SLIM_FILE, PICKLE_FILE):
        path = directory / weights
        if path.is_file() and not (weights == PICKLE_FILE and _is_cut_short(path)):
            return Found(directory, directory / weights, origin)
    return None


def _modelscope_places(repository: str) -> Iterator[Path]:
    """The layouts that ModelScope's client has used, newest first (``find_reusable_legacy_repo_dir`` lists them)."""
    named = os.environ.get("MODELSCOPE_CACHE")
    roots = [Path(named).expanduser()] if named else [Path.home() / ".cache" / "modelscope"]
    for root in (*roots, *(root / "hub" for root in roots)):
        yield from _snapshots(root / "models" / repository.replace("/", "--"))
        yield root / "models" / repository
        yield root / repository


def _huggingface_places(repository: str) -> Iterator[Path]:
    """``HF_HUB_CACHE``, else ``HF_HOME/hub``, else ``~/.cache/huggingface/hub``."""
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or str(Path(home) / "hub")
    yield from _snapshots(Path(cache).expanduser() / f"models--{repository.replace('/', '--')}")


def _snapshots(root: Path) -> Iterator[Path]:
    """The snapshots of a repository in a cache, the youngest first."""
    try:
        snapshots = [path for path in (root / "snapshots").iterdir() if path.is_dir()]
    except OSError:
        return
    yield from sorted(snapshots, key=lambda path: path.stat().st_mtime, reverse=True)
