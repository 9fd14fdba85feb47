"""Hand-written pickles that set attributes of what a reader hands out: the process is the same after as before."""

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
    """A dictionary of one entry, by instructions that torch's reader knows too."""
    return b"}" + word(key) + value + b"s"


TORCH_SETS = {"has_warned", "cache"}  # on its own functions, whatever is read
EVIL = b"(K\x07K\x08t"  # a tuple; as a function's defaults it would change what tensors are made of
STATES = [  # what BUILD is given: entries of ``__dict__``, attributes to set, or both
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
    """Writes what ``torch.save`` would: a dictionary of one tensor's place, and then the instructions."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("a/byteorder", b"little")
        archive.writestr("a/version", b"3\n")
        archive.writestr("a/data/0", struct.pack("<2f", 1, 2))
    return path


def seen() -> dict[str, Any]:
    """Everything of the process that a pickle was seen to change, or might: functions, classes, and modules' names."""
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
                    {name: id(one) for name, one in vars(value).items() if name not in TORCH_SETS},
                )  # fmt: skip
            elif isinstance(value, type):
                found[f"{module.__name__}.{key}{{}}"] = {name: id(one) for name, one in vars(value).items()}
    return found


def read_strictly(path: Path) -> Any:  # noqa: ANN401
    """Torch's own reader, alone."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


@pytest.mark.parametrize("read", [read_pickle, read_strictly])
@pytest.mark.filterwarnings("ignore")
def test_nothing_of_the_process_is_changed(read: Callable[[Path], Any], tmp_path: Path) -> None:
    bodies = sorted(set(hostile()))
    assert len(bodies) > 500
    before = seen()
    refused = 0
    for body in bodies:
        path = write(tmp_path / "model.pt", body)
        try:
            read(path)
        except CheckpointError:
            refused += 1
    after = seen()
    assert {key: value for key, value in after.items() if before.get(key) != value} == {}
    assert before.keys() == after.keys()
    assert refused > 300


TENSOR = (
    name("torch._utils", "_rebuild_tensor_v2")
    + b"(("
    + word("storage") + name("torch", "FloatStorage") + word("0") + word("cpu") + b"K\x02tQK\x00K\x02\x85K\x01\x85\x89"
    + name("collections", "OrderedDict") + b")RtR"
)  # fmt: skip


def test_a_tensor_is_read_after_what_was_refused(tmp_path: Path) -> None:
    """The attack that was seen: new defaults for the function that makes tensors, then a file of others."""
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


def test_an_old_file_with_a_class_and_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch writes a patch into the current folder where a class's source has changed and the class wants that."""
    monkeypatch.chdir(tmp_path)
    module = b"(" + word("module") + name("evil", "Network") + word("evil.py") + word("pass") + b"tQ"
    changed = name("evil", "Network") + b"(N" + entry("dump_patches", b"\x88") + b"tb0"
    head = [pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path = tmp_path / "model.pt"
    for body in (module, changed + module, module + b"(N" + entry("dump_patches", b"\x88") + b"tb"):
        path.write_bytes(b"".join(head) + b"\x80\x02" + body + b"." + pickle.dumps([], 2))
        with pytest.raises(CheckpointError):
            read_pickle(path)
    assert [found.name for found in tmp_path.iterdir()] == ["model.pt"]
