"""Reads the tensors of a torch pickle without executing code from the file.

``torch.load(weights_only=True)`` is tried first. It rejects published checkpoints that contain objects other than
the weights (an ``argparse.Namespace``, an OmegaConf tree). For these a second reader loads only tensors and plain
containers, and puts an inert placeholder in place of any other object.
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
    {name: value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}  # immutable singletons
)
# all errors that torch and pickle were observed to raise for damaged or malicious files
_DAMAGED: Final = (
    RuntimeError, EOFError, ValueError, OSError, KeyError, TypeError, AttributeError, IndexError, AssertionError,
    MemoryError, OverflowError, ImportError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class _Immutable(type):
    """Metaclass of a class whose attributes can't be changed."""

    def __setattr__(cls, name: str, _value: object) -> None:
        """Raises an error. Pickle's BUILD instruction sets attributes of any object, classes included."""
        raise pickle.UnpicklingError(f"it sets {name!r} of a class")

    def __delattr__(cls, name: str) -> None:
        """Raises an error."""
        raise pickle.UnpicklingError(f"it deletes {name!r} of a class")


class Placeholder(metaclass=_Immutable):
    """Replaces an object of any class that is not loaded. It ignores everything that a pickle does to the object."""

    __slots__ = ()

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        """Accepts any arguments."""
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Accepts any arguments."""

    def __call__(self, *_args: object, **_kwargs: object) -> Self:
        """Returns the placeholder itself."""
        return self

    def __setattr__(self, _name: str, _value: object) -> None:
        """Ignores an attribute."""

    def __setstate__(self, _state: object) -> None:
        """Ignores the object's state."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Ignores an entry of a mapping."""

    def append(self, _item: object) -> None:
        """Ignores an item of a list."""

    def extend(self, _items: object) -> None:
        """Ignores items of a list."""

    def add(self, _item: object) -> None:
        """Ignores an item of a set."""


class _Call:
    """Base of objects that a pickle can only call: they have no attributes and reject a state."""

    __slots__ = ()

    def __setattr__(self, name: str, _value: object) -> None:
        """Raises an error."""
        raise pickle.UnpicklingError(f"it sets {name!r} of a function")

    def __setstate__(self, _state: object) -> None:
        """Raises an error."""
        raise pickle.UnpicklingError("it sets the state of a function")


class _NewDict(_Call):
    __slots__ = ()

    def __call__(self, *items: Any) -> OrderedDict[Any, Any]:  # noqa: ANN401 - any content of the file
        return OrderedDict(*items)


class _NewSize(_Call):
    __slots__ = ()

    def __call__(self, *sizes: Any) -> torch.Size:  # noqa: ANN401 - any content of the file
        return torch.Size(*sizes)


class _NewTensor(_Call):
    """Makes a tensor from a storage. The file's values for gradients and hooks are ignored."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: int, size: Any, stride: Any, *_rest: object) -> torch.Tensor:  # noqa: ANN401
        rebuild: Callable[..., torch.Tensor] = torch._utils._rebuild_tensor_v2
        return rebuild(storage, offset, size, stride, False, OrderedDict())


class _Parameter(_Call):
    """Returns the tensor of a parameter."""

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
    """An unpickler that loads only tensors and containers. ``torch.load`` subclasses it to load the storages.

    A pickle can call every object that ``find_class`` returns and set its attributes. So it returns no function or
    class of this process, but immutable objects that are made for one file.
    """

    def __init__(self, file: BinaryIO, **options: Any) -> None:  # noqa: ANN401 - pickle's own signature
        super().__init__(file, **options)
        self._placeholder = _Immutable(Placeholder.__name__, (Placeholder,), {"__slots__": ()})

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) in _CALLS:
            return _CALLS[module, name]()
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        logger.info("checkpoint: skipped an object of class %s.%s", module, name)
        return self._placeholder


def _load_all(file: BinaryIO, **_options: object) -> Any:  # noqa: ANN401 - pickle's own signature
    return _TensorUnpickler(file).load()


_TENSORS_ONLY: Final = SimpleNamespace(__name__=__name__, Unpickler=_TensorUnpickler, load=_load_all)


def read_pickle(path: Path) -> Any:  # noqa: ANN401 - any content of the file
    """Returns the content of a torch pickle. Tensors are memory-mapped if the file's format allows that.

    Raises:
        CheckpointError: the file is damaged, or is not a torch pickle.
    """
    try:
        if not zipfile.is_zipfile(path):  # the format before torch 1.6, which can't be mapped and is never TorchScript
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
        logger.info("checkpoint: torch.load(weights_only=True) rejects %s; reading only its tensors", path.name)
        logger.debug("checkpoint: %s", err)
    return torch.load(path, map_location="cpu", mmap=mmap, weights_only=False, pickle_module=_TENSORS_ONLY)
