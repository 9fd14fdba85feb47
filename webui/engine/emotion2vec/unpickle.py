"""Reads the tensors of a torch pickle; no code of the file ever runs.

``torch.load(weights_only=True)`` is tried first. A published checkpoint may hold objects that it refuses (an
``argparse.Namespace``, an OmegaConf tree) beside the weights. Then a second reader takes tensors and plain containers
and puts an inert placeholder wherever the file names anything else.
"""

import logging
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, BinaryIO, Final, Self

import torch

from webui.errors import CheckpointError, first_line

logger = logging.getLogger(__name__)

_DTYPES: Final[Mapping[str, torch.dtype]] = MappingProxyType(
    {name: value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}  # singletons, unchangeable
)
# every way in which torch and pickle were seen to fail on a damaged or hostile file
_DAMAGED: Final = (
    RuntimeError, EOFError, ValueError, OSError, KeyError, TypeError, AttributeError, IndexError, AssertionError,
    MemoryError, OverflowError, ImportError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class _Unchangeable(type):
    """The type of a class whose attributes stay as they are."""

    def __setattr__(cls, name: str, _value: object) -> None:
        """Refuses: a pickle's BUILD instruction would set attributes of whatever it was given."""
        raise pickle.UnpicklingError(f"it sets {name!r} of a class")

    def __delattr__(cls, name: str) -> None:
        """Refuses."""
        raise pickle.UnpicklingError(f"it deletes {name!r} of a class")


class Placeholder(metaclass=_Unchangeable):
    """Stands for an object of a class that is not read: takes whatever a pickle does to it, and does nothing."""

    __slots__ = ()

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        """Takes any arguments."""
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Takes any arguments."""

    def __call__(self, *_args: object, **_kwargs: object) -> Self:
        """Is its own result."""
        return self

    def __setattr__(self, _name: str, _value: object) -> None:
        """Takes an attribute of an object that is not read."""

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


class _Call:
    """Can be called by a pickle, and nothing else: it has no attributes to set and refuses a state."""

    __slots__ = ()

    def __setattr__(self, name: str, _value: object) -> None:
        """Refuses."""
        raise pickle.UnpicklingError(f"it sets {name!r} of a function")

    def __setstate__(self, _state: object) -> None:
        """Refuses."""
        raise pickle.UnpicklingError("it sets the state of a function")


class _NewDict(_Call):
    __slots__ = ()

    def __call__(self, *items: Any) -> OrderedDict[Any, Any]:  # noqa: ANN401 - whatever the file holds
        return OrderedDict(*items)


class _NewSize(_Call):
    __slots__ = ()

    def __call__(self, *sizes: Any) -> torch.Size:  # noqa: ANN401 - whatever the file holds
        return torch.Size(*sizes)


class _NewTensor(_Call):
    """Makes a tensor of a storage; what a file says of gradients and of hooks on them is left out."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: int, size: Any, stride: Any, *_rest: object) -> torch.Tensor:  # noqa: ANN401
        rebuild: Callable[..., torch.Tensor] = torch._utils._rebuild_tensor_v2
        return rebuild(storage, offset, size, stride, False, OrderedDict())


class _Parameter(_Call):
    """A parameter is its tensor here."""

    __slots__ = ()

    def __call__(self, tensor: torch.Tensor, *_rest: object) -> torch.Tensor:
        return tensor


_CALLS: Final[Mapping[tuple[str, str], type[_Call]]] = MappingProxyType(
    {
        ("collections", "OrderedDict"): _NewDict,
        ("torch._utils", "_rebuild_tensor_v2"): _NewTensor,
        ("torch._utils", "_rebuild_parameter"): _Parameter,
        ("torch", "Size"): _NewSize,
    }
)


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors and containers; torch wraps it and resolves the storages.

    A pickle may set attributes of everything that is found here, and call it. So no function or class of this process
    is handed out, only things made for this one file that keep to what they are.
    """

    def __init__(self, file: BinaryIO, **options: Any) -> None:  # noqa: ANN401 - pickle's own signature
        super().__init__(file, **options)
        self._placeholder = _Unchangeable(Placeholder.__name__, (Placeholder,), {"__slots__": ()})

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) in _CALLS:
            return _CALLS[module, name]()
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        logger.info("checkpoint: an object of %s.%s is not read", module, name)
        return self._placeholder


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
