"""Invalid weights: errors that name the cause, no incomplete files, and no code from a checkpoint ever runs."""

import argparse
import logging
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.checkpoints import AUDIO, TINY, make_checkpoint
from tests.support.paths import ROOT
from webui.engine.emotion2vec.checkpoint import load_network, read_published, read_safetensors
from webui.engine.emotion2vec.convert import convert_checkpoint, source_hash
from webui.engine.emotion2vec.unpickle import read_pickle
from webui.errors import CheckpointError, SpeechEmotionError


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny checkpoint as published."""
    directory = tmp_path_factory.mktemp("published")
    make_checkpoint(directory, TINY, clips=9, seconds=0.3)
    return directory


def save_changed(published: Path, target: Path, change: Callable[[dict[str, Tensor]], None]) -> Path:
    tensors = dict(read_published(published / "model.pt"))
    change(tensors)
    torch.save({"model": tensors}, target / "model.pt")
    return target / "model.pt"


def drop(name: str) -> Callable[[dict[str, Tensor]], None]:
    return lambda tensors: tensors.pop(name)


def put(name: str, *shape: int) -> Callable[[dict[str, Tensor]], None]:
    return lambda tensors: tensors.update({name: torch.zeros(*shape)})


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (drop(f"{AUDIO}.extra_tokens"), "checkpoint.missing", "extra_tokens"),
        (drop("proj.weight"), "checkpoint.missing", "head.weight"),
        (drop("d2v_model.blocks.1.norm2.bias"), "checkpoint.missing", "blocks.1.norm2.bias"),
        (put("d2v_model.blocks.2.norm1.weight", 48), "checkpoint.unexpected", "d2v_model.blocks.2.norm1.weight"),
        (put(f"{AUDIO}.relative_positional_encoder.6.0.bias", 48), "checkpoint.unexpected", "encoder.6.0.bias"),
        (put(f"{AUDIO}.local_encoder.conv_layers.0.0.bias", 24), "checkpoint.unexpected", "conv_layers.0.0.bias"),
        (put("something.else", 3), "checkpoint.unexpected", "something.else"),
        (put("proj.bias", 8), "checkpoint.misshapen", r"head.bias \(8,\) instead of \(9,\)"),
        (put(f"{AUDIO}.alibi_scale", 1, 1, 1, 1, 1), "checkpoint.misshapen", "alibi.scale"),
    ],
)
def test_tensors_that_do_not_fit(
    published: Path, tmp_path: Path, change: Callable[[dict[str, Tensor]], None], code: str, named: str
) -> None:
    weights = save_changed(published, tmp_path, change)
    with pytest.raises(CheckpointError, match=named) as caught:
        load_network(published, weights)
    assert caught.value.code == code
    with pytest.raises(CheckpointError, match=named):
        convert_checkpoint(published, weights, tmp_path / "slim")
    assert not (tmp_path / "slim").exists()


def test_dropping_training_state_is_logged(published: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="webui.engine.emotion2vec.checkpoint"):
        load_network(published, published / "model.pt")
    lines = [record.message for record in caplog.records if "training state" in record.message]
    assert len(lines) == 1
    assert lines[0].startswith("checkpoint: 10 tensors of training state dropped")


class Malicious:
    """Creates a file when an unsafe reader unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.system, (f"touch {self.path}",)


class Builder:
    """Unpickles through attributes, items and a call: everything a placeholder must support."""

    def __init__(self) -> None:
        self.inside = {"a": 1}

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:  # noqa: ANN401
        return _make_builder, (1, "b"), {"state": [1, 2]}, iter([1, 2]), iter([("k", "v")])


def _make_builder(*_args: object) -> Builder:
    raise AssertionError("code of a checkpoint ran")


def odd_objects(tmp_path: Path) -> dict[str, object]:
    from omegaconf import OmegaConf

    return {
        "args": argparse.Namespace(lr=1e-4, command=["train.py"]),
        "cfg": OmegaConf.create({"model": {"depth": 8}, "list": [1, 2]}),
        "evil": Malicious(tmp_path / "owned"),
        "builder": Builder(),
        "function": print,
        "path": Path("/"),
    }


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_no_code_of_a_checkpoint_runs(published: Path, tmp_path: Path, legacy: bool) -> None:
    tensors = read_published(published / "model.pt")
    path = tmp_path / "model.pt"
    content = odd_objects(tmp_path) | {"model": tensors}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(pickle.UnpicklingError):  # torch's safe reader refuses it
        torch.load(path, weights_only=True)
    read = read_published(path)
    assert not (tmp_path / "owned").exists()
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    network, _ = load_network(published, path)
    assert torch.equal(network.head.weight, tensors["proj.weight"])


def test_an_unsafe_reader_runs_the_code(tmp_path: Path) -> None:
    torch.save({"evil": Malicious(tmp_path / "owned")}, tmp_path / "model.pt")
    torch.load(tmp_path / "model.pt", weights_only=False)
    assert (tmp_path / "owned").exists()


def test_a_bare_malicious_pickle(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Malicious(tmp_path / "owned")))
    with pytest.raises(CheckpointError):
        read_published(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="TorchScript program"):
        read_pickle(tmp_path / "model.pt")


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99, 0.9999])
def test_truncated_files(published: Path, tmp_path: Path, kept: float) -> None:
    whole = (published / "model.pt").read_bytes()
    path = tmp_path / "model.pt"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match="damaged"):
        load_network(published, path)


@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"version https://git-lfs.github.com/spec/v1\n", b"\x00" * 4096]
)
def test_files_that_are_not_weights(published: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_network(published, tmp_path / "model.pt")
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_network(published, tmp_path / "model.safetensors")


def test_a_zip_without_weights(published: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(CheckpointError, match="damaged"):
        load_network(published, tmp_path / "model.pt")


def test_a_list_instead_of_weights(published: Path, tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="found list"):
        load_network(published, tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["config.yaml", "tokens.txt"])
def test_missing_or_invalid_small_files(published: Path, tmp_path: Path, name: str) -> None:
    for other in ("config.yaml", "tokens.txt"):
        (tmp_path / other).write_bytes((published / other).read_bytes())
    (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_network(tmp_path, published / "model.pt")
    (tmp_path / name).write_bytes(b"\xff\xfe broken: [")
    with pytest.raises(CheckpointError):
        load_network(tmp_path, published / "model.pt")


def test_conversion_keeps_every_value(published: Path, tmp_path: Path) -> None:
    slim = convert_checkpoint(published, published / "model.pt", tmp_path)
    original = read_published(published / "model.pt")
    converted = read_safetensors(slim)
    assert set(original) - set(converted) == {name for name in original if ".decoder." in name}
    assert all(torch.equal(converted[name], original[name]) for name in converted)
    assert slim.stat().st_size < 0.5 * (published / "model.pt").stat().st_size
    assert source_hash(slim) == source_hash(published / "model.pt")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".convert.lock") == [
        "config.yaml", "configuration.json", "model.safetensors", "tokens.txt",
    ]  # fmt: skip
    ours, _ = load_network(tmp_path, slim)
    theirs, _ = load_network(published, published / "model.pt")
    clip = torch.randn(1, 8000)
    assert torch.equal(ours(clip)[1], theirs(clip)[1])


def test_an_interrupted_conversion_leaves_no_files(published: Path, tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        if fraction >= 0.8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_checkpoint(published, published / "model.pt", tmp_path, on_progress=stop)
    assert list(tmp_path.glob("*.safetensors")) == []
    assert list(tmp_path.glob(".*.partial")) == []


def test_a_killed_conversion_leaves_no_converted_file(published: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "import webui.engine.emotion2vec.convert as convert\n"
        "save = convert.save_file\n"
        "def half(tensors, path, metadata):\n"
        "    save(tensors, path, metadata=metadata)\n"
        "    os.truncate(path, path.stat().st_size // 2)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "convert.save_file = half\n"
        "convert.convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[1]) / 'model.pt', Path(sys.argv[2]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, published, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "model.safetensors").exists()
    assert len(list(tmp_path.glob(".*.partial"))) == 1
    assert convert_checkpoint(published, published / "model.pt", tmp_path).is_file()
    assert list(tmp_path.glob(".*.partial")) == []


def test_values_that_are_not_finite_are_refused(published: Path, tmp_path: Path) -> None:
    weights = save_changed(published, tmp_path, lambda tensors: tensors["proj.weight"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match=r"proj\.weight contains NaN or infinite values"):
        convert_checkpoint(published, weights, tmp_path / "slim")


def test_a_full_disk(published: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("tmpfs can't be mounted here")
    try:
        with pytest.raises(SpeechEmotionError, match="Not enough space"):
            convert_checkpoint(published, published / "model.pt", small)
        assert [path.name for path in small.iterdir()] == [".convert.lock"]
    finally:
        subprocess.run(["umount", small], check=True)
