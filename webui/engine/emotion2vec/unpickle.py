"""Reads the tensors of a torch pickle; no code of the file ever runs.

``torch.load(weights_only=True)`` is tried first. A published checkpoint may hold objects that it refuses (an
``argparse.Namespace``, an OmegaConf tree) beside the weights. Then a second reader takes tensors and plain containers
and puts an inert placeholder wherever the file names anything else.
"""

import logging
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Final

import torch

from webui.errors import CheckpointError, first_line

logger = logging.getLogger(__name__)

_ALLOWED: Final[dict[tuple[str, str], object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch", "Size"): torch.Size,
}
# every way in which torch and pickle were seen to fail on a damaged or hostile file
_DAMAGED: Final = (
    RuntimeError, EOFError, ValueError, OSError, KeyError, TypeError, AttributeError, IndexError, AssertionError,
    MemoryError, OverflowError, ImportError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class Placeholder:
    """Stands for an object of a class that is not read: takes whatever a pickle does to it, and does nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "Placeholder":
        """Takes any arguments."""
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Takes any arguments."""

    def __call__(self, *_args: object, **_kwargs: object) -> "Placeholder":
        """Is its own result."""
        return self

    def __setstate__(self, _state: object) -> None:
        """Takes the attributes of an object that is not read."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Takes an entry of a mapping that is not read."""

    def append(self, _item: object) -> None:
        """Takes an item of a list that is not read."""

    def extend(self, _items: object) -> None:
        """Takes items of a list that is not read."""

    def add(self, _item: object) -> None:
        """Takes an item of a set that is not read."""


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors and containers; torch wraps it and resolves the storages."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        logger.info("checkpoint: an object of %s.%s is not read", module, name)
        return Placeholder


def _load_all(file: BinaryIO, **_options: object) -> Any:  # noqa: ANN401 - pickle's own signature
    return _TensorUnpickler(file).load()


_TENSORS_ONLY: Final = SimpleNamespace(__name__=__name__, Unpickler=_TensorUnpickler, load=_load_all)


def read_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Returns what a torch pickle holds; tensors are mapped from the file where its format allows that.

    Raises:
        CheckpointError: it is not a torch pickle, or damaged.
    """
    try:
        if not zipfile.is_zipfile(path):  # written before torch 1.6: can't be mapped, and no TorchScript
            return _read(path, mmap=False)
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise CheckpointError("checkpoint.is_program", file=path.name)
        return _read(path, mmap=True)
    except _DAMAGED as err:
        reason = first_line(err)
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=reason) from err


def _read(path: Path, *, mmap: bool) -> Any:  # noqa: ANN401
    try:
        return torch.load(path, map_location="cpu", mmap=mmap, weights_only=True)
    except pickle.UnpicklingError as err:
        logger.info("checkpoint: torch's safe reader refuses %s; reading its tensors alone", path.name)
        logger.debug("checkpoint: %s", err)
    return torch.load(path, map_location="cpu", mmap=mmap, weights_only=False, pickle_module=_TENSORS_ONLY)
