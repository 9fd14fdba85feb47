"""The files of an Emotion2Vec checkpoint: their names, and checks that work without PyTorch."""

import json
import zipfile
from pathlib import Path
from typing import Final

from webui.settings import Precision

CONFIG_FILE: Final = "config.yaml"
TOKENS_FILE: Final = "tokens.txt"
PICKLE_FILE: Final = "model.pt"
SLIM_FILE: Final = "model.safetensors"
SOURCE_HASH: Final = "source_sha256"  # key of a slim file's metadata: SHA-256 of the published file
_ZIP_START: Final = b"PK\x03\x04"


def exported_name(precision: Precision) -> str:
    """Returns the file name of an exported model."""
    return f"model.{precision.value}.onnx"


def half_name() -> str:
    """Returns the file name of the slim weights in fp16."""
    return "model.fp16.safetensors"


def weights_in(folder: Path) -> Path | None:
    """Returns the weights of a checkpoint, preferring slim weights; None if any of its files is missing."""
    if not all((folder / name).is_file() for name in (CONFIG_FILE, TOKENS_FILE)):
        return None
    if (folder / SLIM_FILE).is_file():
        return folder / SLIM_FILE
    published = folder / PICKLE_FILE
    return published if published.is_file() and not is_truncated(published) else None


def is_truncated(path: Path) -> bool:
    """Returns whether a file of ``torch.save`` is truncated.

    Such a file is a zip archive, which has its directory at the end.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP_START))
        return not start or (start == _ZIP_START and not zipfile.is_zipfile(path))
    except OSError:
        return False  # loading it reports the reason


def read_source_hash(weights: Path) -> str | None:
    """Returns the SHA-256 of the published file that a slim file was made from, or None if it is not recorded."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return str(header["__metadata__"][SOURCE_HASH])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None
