"""Turns a published ``model.pt`` (1.95 GB) once into a slim safetensors file (649 MB).

The slim file holds the network's tensors alone, as float32, under their published names; where it came from stands in
its metadata. It appears whole or not at all, however the conversion ends.
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

SOURCE_BYTES: Final = "source_bytes"
LOCK_FILE: Final = ".convert.lock"
SPARE_BYTES: Final = 50_000_000  # of disk that a conversion leaves free


def convert_checkpoint(
    directory: Path, pickle_path: Path, target: Path, *, on_progress: Callable[[float], None] = lambda _fraction: None
) -> Path:
    """Writes ``target/model.safetensors`` with ``config.yaml`` and ``tokens.txt`` beside it.

    Args:
        directory: holds the published small files.
        pickle_path: the published ``model.pt``; stays as it is.
        target: folder of the slim checkpoint; may be ``directory``.
        on_progress: called with the fraction done; may raise to stop, which leaves nothing half-made.

    Returns:
        The slim file.

    Raises:
        CheckpointError: the weights are damaged or do not fit the configuration; nothing is written then.
        OutputError: no space, or not writable.
    """
    info = read_info(directory)
    on_progress(0.0)
    digest = _hash(pickle_path, lambda fraction: on_progress(0.6 * fraction))
    published = read_published(pickle_path)
    with torch.device("meta"):
        network = Emotion2vec(info.config)
    ours = match_tensors(published, network, file_name=pickle_path.name)
    kept = {name: ours[rename(name)].contiguous() for name in published if rename(name) in ours}
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
    """Writes the slim file and the small ones; the caller holds the lock, so drafts found here are leftovers."""
    for leftover in target.glob(f".*{DRAFT_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    needed = sum(tensor.nbytes for tensor in tensors.values()) + SPARE_BYTES
    check_space(target, needed)
    for name in SMALL_FILES:
        if directory != target and (directory / name).is_file():
            replace_file(target / name, partial(shutil.copyfile, directory / name))
    replace_file(target / SLIM_FILE, partial(save_file, dict(tensors), metadata=metadata))


def check_space(folder: Path, needed_bytes: int) -> None:
    """Refuses to start what can't be finished.

    Raises:
        OutputError: fewer bytes are free on the disk of ``folder``.
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
        CheckpointError: it can't be read.
    """
    try:
        return hash_file(path, on_progress)
    except OSError as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


def source_hash(weights: Path) -> str:
    """Returns the SHA-256 of the published file that ``weights`` is or came from; identifies a checkpoint.

    Raises:
        CheckpointError: it can't be read.
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
