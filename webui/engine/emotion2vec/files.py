"""The files of an Emotion2Vec checkpoint: their names, and what is known of them without PyTorch."""

import json
import zipfile
from pathlib import Path
from typing import Final

from webui.settings import Precision

CONFIG_FILE: Final = "config.yaml"
TOKENS_FILE: Final = "tokens.txt"
PICKLE_FILE: Final = "model.pt"
SLIM_FILE: Final = "model.safetensors"
SOURCE_HASH: Final = "source_sha256"  # in the metadata of a slim file
_ZIP_START: Final = b"PK\x03\x04"


def exported_name(precision: Precision) -> str:
    """Returns the name of an exported model's file."""
    return f"model.{precision.value}.onnx"


def half_name() -> str:
    """Returns the name of the slim weights in half the size."""
    return "model.fp16.safetensors"


def weights_in(folder: Path) -> Path | None:
    """Returns the weights of a checkpoint, the slim ones where both are there; None where any file is missing."""
    if not all((folder / name).is_file() for name in (CONFIG_FILE, TOKENS_FILE)):
        return None
    if (folder / SLIM_FILE).is_file():
        return folder / SLIM_FILE
    published = folder / PICKLE_FILE
    return published if published.is_file() and not is_cut_short(published) else None


def is_cut_short(path: Path) -> bool:
    """Returns whether a file starts like those of ``torch.save``, zip archives, and lacks the directory at its end."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP_START))
        return not start or (start == _ZIP_START and not zipfile.is_zipfile(path))
    except OSError:
        return False  # loading it reports the reason


def read_source_hash(weights: Path) -> str | None:
    """Returns the digest of the published file that a slim file came from, by its header; None if it isn't there."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return str(header["__metadata__"][SOURCE_HASH])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None
