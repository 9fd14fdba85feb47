"""Where the weights of a model lie on this machine; what is here is never downloaded again.

Searched in this order: the folder that a setting names (Emotion2Vec only), ``models/<name>/``, then the caches that
users of ModelScope, FunASR and Hugging Face already have. Only files are examined: the hubs' clients take seconds to
import.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from webui.engine.catalog import ModelCard
from webui.settings import Settings

CONFIG_FILE: Final = "config.json"
SAFETENSORS_FILE: Final = "model.safetensors"
PICKLE_FILE: Final = "pytorch_model.bin"


class Origin(StrEnum):
    """Whose folder weights were found in."""

    PROGRAM = "program"
    SETTING = "setting"
    MODELS = "models"
    MODELSCOPE = "modelscope"
    HUGGINGFACE = "huggingface"


@dataclass(frozen=True, slots=True)
class LocatedWeights:
    """A checkpoint on this machine.

    Attributes:
        directory: the folder of the checkpoint's files.
        weights: the file of the weights; the folder itself where the files only make sense together.
        origin: whose folder it is.
    """

    directory: Path
    weights: Path
    origin: Origin

    @property
    def size_bytes(self) -> int:
        """Size of the weights, following the links of a hub's cache."""
        if self.weights.is_dir():
            return sum(path.stat().st_size for path in self.weights.iterdir() if path.is_file())
        return self.weights.stat().st_size


def candidate_folders(name: str, card: ModelCard | None, settings: Settings) -> Iterator[tuple[Path, Origin]]:
    """Yields the folders where a model's files may lie, in the order of preference.

    Args:
        name: the model's name; one that can't be a folder's name yields none under ``models/``.
        card: the model's card; None for a model that no hub publishes.
        settings: name the folders.
    """
    if is_folder_name(name):
        yield settings.models_dir / name, Origin.MODELS
    if card is not None and card.downloadable:
        for directory in _modelscope_folders(card.modelscope_id):
            yield directory, Origin.MODELSCOPE
        for directory in _huggingface_folders(card.huggingface_id):
            yield directory, Origin.HUGGINGFACE


def own_folders(settings: Settings) -> list[Path]:
    """Returns the folders under ``models/`` whose names can be models' names, by name."""
    try:
        return sorted(folder for folder in settings.models_dir.iterdir() if is_folder_name(folder.name))
    except OSError:
        return []


def is_folder_name(name: str) -> bool:
    """Returns whether a model's name can be a folder's under ``models/``, and leads nowhere else."""
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\:\0") and not name.startswith(".")


def read_config(folder: Path) -> dict[str, Any]:
    """Returns ``config.json`` of a folder that also holds weights; empty where either is missing or unreadable."""
    if not any((folder / name).is_file() for name in (SAFETENSORS_FILE, PICKLE_FILE)):
        return {}
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _modelscope_folders(repository: str) -> Iterator[Path]:
    """The layouts that ModelScope's client has used, newest first (``find_reusable_legacy_repo_dir`` lists them)."""
    named = os.environ.get("MODELSCOPE_CACHE")
    roots = [Path(named).expanduser()] if named else [Path.home() / ".cache" / "modelscope"]
    for root in (*roots, *(root / "hub" for root in roots)):
        yield from _snapshots(root / "models" / repository.replace("/", "--"))
        yield root / "models" / repository
        yield root / repository


def _huggingface_folders(repository: str) -> Iterator[Path]:
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
