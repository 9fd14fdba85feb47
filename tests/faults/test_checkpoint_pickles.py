"""Hand-written pickles that try to change objects of the process: nothing changes."""

import collections
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import webui.engine.emotion2vec.unpickle as reader
from webui.engine.emotion2vec.unpickle import read_pickle
from webui.errors import CheckpointError

NAMED = [
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_tensor_v3"),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch", "Size"),
    ("torch", "float32"),
    ("torch", "Tensor"),
    ("torch", "FloatStorage"),
    ("torch.storage", "TypedStorage"),
    ("torch.nn.parameter", "Parameter"),
    ("torch.serialization", "_get_layout"),
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("_codecs", "encode"),
    ("builtins", "set"),
    ("builtins", "print"),
    ("argparse", "Namespace"),
    ("webui.engine.emotion2vec.unpickle", "Placeholder"),
    ("webui.engine.emotion2vec.unpickle", "_TensorUnpickler"),
]


def name(module: str, attribute: str) -> bytes:
    return b"c" + f"{module}\n{attribute}\n".encode()


def word(letters: str) -> bytes:
    return b"X" + struct.pack("<I", len(letters)) + letters.encode()


def entry(key: str, value: bytes) -> bytes:
    """Returns instructions for a dictionary with one entry, all of which torch's reader supports."""
    return b"}" + word(key) + value + b"s"


TORCH_SETS = {"has_warned", "cache"}  # torch sets these on its own functions
EVIL = b"(K\x07K\x08t"  # a tuple that would change tensors as the defaults of a function
STATES = [  # for BUILD: entries of ``__dict__``, attributes to set, or both
    entry("evil", EVIL),
    b"(N" + entry("__defaults__", EVIL) + b"t",
    b"(N" + entry("__code__", EVIL) + b"t",
    b"(N" + entry("__class__", name("argparse", "Namespace")) + b"t",
    b"(" + entry("evil", EVIL) + entry("evil", EVIL) + b"t",
]
MADE = {
    "found": b"",
    "called": b")R",
    "called with arguments": b"(K\x01K\x02tR",
    "new": b")\x81",
}


def hostile() -> Iterator[bytes]:
    for module, attribute in NAMED:
        for made in MADE.values():
            for state in STATES:
                yield name(module, attribute) + made + state + b"b"  # BUILD
            yield name(module, attribute) + made + word("evil") + EVIL + b"s"  # SETITEM
            yield name(module, attribute) + made + EVIL + b"a"  # APPEND
            yield name(module, attribute) + made + b"(" + EVIL + b"e"  # APPENDS
            yield b"\x8f" + name(module, attribute) + made + b"(" + EVIL + b"\x90"  # ADDITEMS


def write(path: Path, body: bytes) -> Path:
    """Writes a file in the format of ``torch.save`` with one tensor's data and these instructions."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("a/byteorder", b"little")
        archive.writestr("a/version", b"3\n")
        archive.writestr("a/data/0", struct.pack("<2f", 1, 2))
    return path


def process_state() -> dict[str, Any]:
    """Returns the state that a pickle might change: functions, classes and module attributes."""
    found: dict[str, Any] = {}
    modules = (torch, torch._utils, torch._tensor, torch.serialization, torch.storage, collections, reader, pickle)
    for module in modules:
        for key, value in vars(module).items():
            if key.startswith("__") or key == "_sparse_tensors_to_validate":
                continue
            found[f"{module.__name__}.{key}"] = id(value)
            if hasattr(value, "__defaults__"):
                found[f"{module.__name__}.{key}()"] = (
                    value.__defaults__, value.__kwdefaults__, id(value.__code__), value.__name__,
                    {name: id(member) for name, member in vars(value).items() if name not in TORCH_SETS},
                )  # fmt: skip
            elif isinstance(value, type):
                found[f"{module.__name__}.{key}{{}}"] = {name: id(member) for name, member in vars(value).items()}
    return found


def read_strictly(path: Path) -> Any:  # noqa: ANN401
    """Reads with torch's safe reader."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


@pytest.mark.parametrize("read", [read_pickle, read_strictly])
@pytest.mark.filterwarnings("ignore")
def test_the_process_does_not_change(read: Callable[[Path], Any], tmp_path: Path) -> None:
    bodies = sorted(set(hostile()))
    assert len(bodies) > 500
    before = process_state()
    refused = 0
    for body in bodies:
        path = write(tmp_path / "model.pt", body)
        try:
            read(path)
        except CheckpointError:
            refused += 1
    after = process_state()
    assert {key: value for key, value in after.items() if before.get(key) != value} == {}
    assert before.keys() == after.keys()
    assert refused > 300


TENSOR = (
    name("torch._utils", "_rebuild_tensor_v2")
    + b"(("
    + word("storage") + name("torch", "FloatStorage") + word("0") + word("cpu") + b"K\x02tQK\x00K\x02\x85K\x01\x85\x89"
    + name("collections", "OrderedDict") + b")RtR"
)  # fmt: skip


def test_a_refused_file_does_not_affect_the_next(tmp_path: Path) -> None:
    """A known attack: new defaults for the function that creates tensors, and then another file."""
    shape = torch._utils._rebuild_tensor_v2.__defaults__
    state = b"(N" + entry("__defaults__", EVIL) + b"t"
    hostile = write(tmp_path / "hostile.pt", name("torch._utils", "_rebuild_tensor_v2") + state + b"b")
    with pytest.raises(CheckpointError, match="the state of a function"):
        read_pickle(hostile)
    assert torch._utils._rebuild_tensor_v2.__defaults__ == shape == (None,)
    odd = name("argparse", "Namespace") + b")\x81" + entry("lr", b"K\x01") + b"b"
    mixed = write(tmp_path / "mixed.pt", b"}" + word("w") + TENSOR + b"s" + word("args") + odd + b"s")
    read = read_pickle(mixed)
    assert read["w"].tolist() == [1.0, 2.0]
    assert not hasattr(read["args"], "lr")


def test_the_old_format_with_a_class_and_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch writes a patch file if the source of a class has changed and the class has ``dump_patches``."""
    monkeypatch.chdir(tmp_path)
    module = b"(" + word("module") + name("evil", "Network") + word("evil.py") + word("pass") + b"tQ"
    changed = name("evil", "Network") + b"(N" + entry("dump_patches", b"\x88") + b"tb0"
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path = tmp_path / "model.pt"
    for body in (module, changed + module, module + b"(N" + entry("dump_patches", b"\x88") + b"tb"):
        path.write_bytes(b"".join(head) + b"\x80\x02" + body + b"." + pickle.dumps([], 2))
        with pytest.raises(CheckpointError):
            read_pickle(path)
    assert [found.name for found in tmp_path.iterdir()] == ["model.pt"]
