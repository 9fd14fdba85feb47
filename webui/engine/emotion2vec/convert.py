"""Converts a published ``model.pt`` (1.95 GB) to a slim safetensors file (649 MB).

The slim file contains only the network's tensors, as float32 and under their published names. Its metadata identifies
the published file. It is written atomically: if the conversion fails, there is no file.
"""

import logging
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from webui.engine.emotion2vec.checkpoint import SMALL_FILES, match_tensors, read_info, read_published, rename
from webui.engine.emotion2vec.files import SLIM_FILE, SOURCE_HASH
from webui.engine.emotion2vec.network import Emotion2vec
from webui.errors import CheckpointError, OutputError
from webui.files import DRAFT_SUFFIX, hash_file, replace_file
from webui.units import BYTES_PER_MB

logger = logging.getLogger(__name__)

SOURCE_BYTES: Final = "source_bytes"  # key of the metadata
LOCK_FILE: Final = ".convert.lock"
SPARE_BYTES: Final = 50_000_000  # disk space that has to remain free after a conversion


def convert_checkpoint(
    directory: Path, pickle_path: Path, target: Path, *, on_progress: Callable[[float], None] = lambda _fraction: None
) -> Path:
    """Writes ``model.safetensors`` into ``target``, with copies of ``config.yaml`` and ``tokens.txt``.

    Args:
        directory: folder of the published small files.
        pickle_path: the published ``model.pt``; it is not changed.
        target: folder of the slim checkpoint; may be ``directory``.
        on_progress: called with the fraction done, from 0 to 1. It may raise an exception to stop the conversion; no
            incomplete file remains.

    Returns:
        The path of the slim file.

    Raises:
        CheckpointError: the weights are damaged or do not fit the configuration; nothing is written.
        OutputError: the disk is full, or the folder can't be written.
    """
    info = read_info(directory)
    on_progress(0.0)
    digest = _hash(pickle_path, lambda fraction: on_progress(0.6 * fraction))
    published = read_published(pickle_path)
    with torch.device("meta"):
        network = Emotion2vec(info.config)
    network_tensors = match_tensors(published, network, file_name=pickle_path.name)
    kept = {name: network_tensors[rename(name)].contiguous() for name in published if rename(name) in network_tensors}
    for name, tensor in kept.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError("checkpoint.not_finite", file=pickle_path.name, name=name)
    on_progress(0.8)
    metadata = {"format": "pt", SOURCE_HASH: digest, SOURCE_BYTES: str(pickle_path.stat().st_size)}
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / LOCK_FILE):
            _write(kept, metadata, directory, target)
    except (OSError, SafetensorError) as err:
        raise OutputError("checkpoint.not_written", folder=str(target), reason=str(err)) from err
    on_progress(1.0)
    logger.info("checkpoint: %s converted to %s", pickle_path.name, SLIM_FILE)
    return target / SLIM_FILE


def _write(tensors: Mapping[str, Tensor], metadata: dict[str, str], directory: Path, target: Path) -> None:
    """Writes the slim file and the small files. The caller holds the lock, so existing drafts are obsolete."""
    for leftover in target.glob(f".*{DRAFT_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    needed = sum(tensor.nbytes for tensor in tensors.values()) + SPARE_BYTES
    check_space(target, needed)
    for name in SMALL_FILES:
        if directory != target and (directory / name).is_file():
            replace_file(target / name, partial(shutil.copyfile, directory / name))
    replace_file(target / SLIM_FILE, partial(save_file, dict(tensors), metadata=metadata))


def check_space(folder: Path, needed_bytes: int) -> None:
    """Checks that a disk has enough free space.

    Raises:
        OutputError: less than ``needed_bytes`` is free on the disk of ``folder``.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise OutputError(
            "checkpoint.no_space",
            folder=str(folder),
            free_mb=free / BYTES_PER_MB,
            needed_mb=needed_bytes / BYTES_PER_MB,
        )


def _hash(path: Path, on_progress: Callable[[float], None] = lambda _fraction: None) -> str:
    """Returns the SHA-256 of a file in hex.

    Raises:
        CheckpointError: the file can't be read.
    """
    try:
        return hash_file(path, on_progress)
    except OSError as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


def source_hash(weights: Path) -> str:
    """Returns the SHA-256 of the published file that ``weights`` is or was made from; it identifies a checkpoint.

    Raises:
        CheckpointError: the file can't be read.
    """
    if weights.suffix == ".safetensors":
        try:
            with safe_open(weights, framework="pt") as file:
                metadata = file.metadata() or {}
        except (SafetensorError, OSError) as err:
            raise CheckpointError("checkpoint.damaged", file=weights.name, reason=str(err)) from err
        if SOURCE_HASH in metadata:
            return str(metadata[SOURCE_HASH])
    return _hash(weights)
