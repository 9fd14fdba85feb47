"""Invalid weights and configurations of the built-in model are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.paths import ROOT
from webui.engine.builtin.model import load_builtin
from webui.engine.protocol import Window
from webui.errors import CheckpointError, ModelNotFoundError

DIRECTORY = ROOT / "models" / "builtin"
HEAD = "members.0.head.weight"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(DIRECTORY / name, tmp_path / name)
    return tmp_path


def change_weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    (directory / "model.safetensors").unlink()
    save_file(tensors, directory / "model.safetensors")


def change_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(directory: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        load_builtin(directory)
    assert str(directory) in str(caught.value)
    return caught.value


def test_an_unchanged_copy_is_accepted(copy: Path) -> None:
    assert load_builtin(copy).info.name == "builtin"


def test_a_missing_tensor(copy: Path) -> None:
    change_weights(copy, lambda tensors: tensors.pop(HEAD))
    error = refused(copy)
    assert error.code == "engine.missing_tensors"
    assert HEAD in str(error)


def test_an_extra_tensor(copy: Path) -> None:
    change_weights(copy, lambda tensors: tensors.update(unknown_tensor=torch.zeros(3)))
    error = refused(copy)
    assert error.code == "engine.extra_tensors"
    assert "unknown_tensor" in str(error)


def test_a_misshapen_tensor(copy: Path) -> None:
    change_weights(copy, lambda tensors: tensors.update({HEAD: torch.zeros(9, tensors[HEAD].shape[1])}))
    error = refused(copy)
    assert error.code == "engine.bad_tensor"
    assert "(9, 192)" in str(error)
    assert "(8, 192)" in str(error)


def test_another_number_format(copy: Path) -> None:
    change_weights(copy, lambda tensors: tensors.update({HEAD: tensors[HEAD].double()}))
    assert "float64" in str(refused(copy))


def test_half_precision_weights_are_computed_in_single_precision(copy: Path) -> None:
    window = Window(np.random.default_rng(0).standard_normal(8000).astype(np.float32), 0.0, 1.0)

    def predict(kind: torch.dtype) -> np.ndarray:
        change_weights(copy, lambda tensors: tensors.update({k: v.to(kind) for k, v in tensors.items()}))
        return load_builtin(copy).predict([window])[0].logits

    change_weights(copy, lambda tensors: tensors.update({k: v.float() + 1e-5 for k, v in tensors.items()}))
    whole, half = predict(torch.float32), predict(torch.float16)
    assert whole.dtype == half.dtype == np.float32
    assert 0 < np.abs(whole - half).max() < 0.02


def test_a_tensor_with_nan(copy: Path) -> None:
    change_weights(copy, lambda tensors: tensors[HEAD].fill_(float("nan")))
    assert refused(copy).code == "engine.not_finite"


def test_a_truncated_file(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])
    assert refused(copy).code == "engine.unreadable"


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["angry", "bored"]},
        {"labels": ["angry", "angry"]},
        {"labels": ["angry"]},
        {"temperature": 0},
        {"format": "something-else/1"},
        {"surprise": 1},
        {"network": {"members": 1}},
    ],
    ids=str,
)
def test_invalid_configurations(copy: Path, changes: dict[str, object]) -> None:
    change_config(copy, **changes)
    error = refused(copy)
    assert error.code == "engine.bad_config"
    assert next(iter(changes)) in str(error)


@pytest.mark.parametrize(("name", "value"), [("heads", 7), ("time_strides", [1, 2]), ("width", 0)])
def test_invalid_network_sizes(copy: Path, name: str, value: object) -> None:
    sizes = json.loads((copy / "config.json").read_text())["network"]
    change_config(copy, network=sizes | {name: value})
    assert refused(copy).code == "engine.bad_config"


def test_a_configuration_of_other_weights(copy: Path) -> None:
    change_config(copy, labels=["angry", "happy", "sad"])
    assert refused(copy).code == "engine.bad_tensor"


def test_a_configuration_that_is_not_json(copy: Path) -> None:
    (copy / "config.json").write_text('{"labels": [')
    assert refused(copy).code == "engine.bad_config"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelNotFoundError, match=name) as caught:
        load_builtin(copy)
    assert caught.value.code == "engine.not_found"


def test_the_labels_come_from_the_configuration(copy: Path) -> None:
    names = json.loads((copy / "config.json").read_text())["labels"]
    change_config(copy, labels=names[::-1])
    assert load_builtin(copy).labels.names == tuple(names[::-1])


def test_the_temperature_divides_the_logits(copy: Path) -> None:
    window = Window(np.random.default_rng(0).standard_normal(8000).astype(np.float32), 0.0, 1.0)
    before = load_builtin(copy)
    old = json.loads((copy / "config.json").read_text())["temperature"]
    expected = before.predict([window])[0].logits / 2
    change_config(copy, temperature=old * 2)
    np.testing.assert_allclose(load_builtin(copy).predict([window])[0].logits, expected, rtol=1e-5, atol=1e-6)
