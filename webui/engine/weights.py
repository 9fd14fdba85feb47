"""Finds the weights of a model on this machine, so that nothing is downloaded twice.

The search order is: the folder that a setting names (Emotion2Vec only), ``models/<name>/``, then the caches of
ModelScope, FunASR and Hugging Face, which many users already have. Only the file system is read: importing the hubs'
client libraries takes seconds.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from webui.engine.catalog import ModelCard
from webui.settings import Settings

CONFIG_FILE: Final = "config.json"
SAFETENSORS_FILE: Final = "model.safetensors"
PICKLE_FILE: Final = "pytorch_model.bin"

FileStates = frozenset[tuple[str, int, int]]  # path, bytes and time of the last change, in ns


class Origin(StrEnum):
    """The kind of folder in which weights were found."""

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
        weights: the file of the weights; the folder itself if the family has no single file of weights.
        origin: the kind of folder.
    """

    directory: Path
    weights: Path
    origin: Origin

    @property
    def size_bytes(self) -> int:
        """Size of the weights. Symbolic links, as in a hub's cache, are followed."""
        if self.weights.is_dir():
            return sum(path.stat().st_size for path in self.weights.iterdir() if path.is_file())
        return self.weights.stat().st_size


def candidate_folders(name: str, card: ModelCard | None, settings: Settings) -> Iterator[tuple[Path, Origin]]:
    """Yields the folders in which a model's files may be stored, in the order in which they are searched.

    Args:
        name: the model's name; no folder under ``models/`` is yielded if it is not a valid folder name.
        card: the model's card; None for a model that no hub publishes.
        settings: the program's settings, for ``models_dir``.
    """
    if is_folder_name(name):
        yield settings.models_dir / name, Origin.MODELS
    if card is not None and card.downloadable:
        for directory in _modelscope_folders(card.modelscope_id):
            yield directory, Origin.MODELSCOPE
        for directory in _huggingface_folders(card.huggingface_id):
            yield directory, Origin.HUGGINGFACE


def own_folders(settings: Settings) -> list[Path]:
    """Returns the folders under ``models/`` whose names are valid model names, sorted by name."""
    try:
        return sorted(folder for folder in settings.models_dir.iterdir() if is_folder_name(folder.name))
    except OSError:
        return []


def file_states(folders: Iterable[Path]) -> FileStates:
    """Returns the state of the files in folders, without hidden files such as drafts and locks."""
    found = set()
    for folder in folders:
        try:
            for path in folder.iterdir():
                if not path.name.startswith("."):
                    about = path.stat()
                    found.add((str(path), about.st_size, about.st_mtime_ns))
        except OSError:  # there is no such folder, or a file has just been deleted
            continue
    return frozenset(found)


def is_folder_name(name: str) -> bool:
    """Returns whether a model's name is a valid folder name that can't lead out of ``models/``."""
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\:\0") and not name.startswith(".")


def read_config(folder: Path) -> dict[str, Any]:
    """Returns the content of ``config.json`` in a folder with weights; empty if either is missing or unreadable."""
    if not any((folder / name).is_file() for name in (SAFETENSORS_FILE, PICKLE_FILE)):
        return {}
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _modelscope_folders(repository: str) -> Iterator[Path]:
    """Yields the cache folders of all versions of ModelScope's client, newest first.

    ``find_reusable_legacy_repo_dir`` in that client lists the same layouts.
    """
    named = os.environ.get("MODELSCOPE_CACHE")
    roots = [Path(named).expanduser()] if named else [Path.home() / ".cache" / "modelscope"]
    for root in (*roots, *(root / "hub" for root in roots)):
        yield from _snapshots(root / "models" / repository.replace("/", "--"))
        yield root / "models" / repository
        yield root / repository


def _huggingface_folders(repository: str) -> Iterator[Path]:
    """Yields folders of the cache: ``HF_HUB_CACHE``, or else ``HF_HOME/hub``, or ``~/.cache/huggingface/hub``."""
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or str(Path(home) / "hub")
    yield from _snapshots(Path(cache).expanduser() / f"models--{repository.replace('/', '--')}")


def _snapshots(root: Path) -> Iterator[Path]:
    """Yields the snapshots of a repository in a cache, newest first."""
    try:
        snapshots = [path for path in (root / "snapshots").iterdir() if path.is_dir()]
    except OSError:
        return
    yield from sorted(snapshots, key=lambda path: path.stat().st_mtime, reverse=True)
