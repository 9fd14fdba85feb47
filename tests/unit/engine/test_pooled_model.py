"""Models on top of pretrained encoders: files, frames, batches, long recordings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.checkpoints import make_clip
from tests.support.parity_pairs import whole
from tests.support.pooled_models import SMALL_ENCODER, SMALL_POOLED, random_pooled, write_random_pooled
from webui.engine.builtin.model import load_builtin
from webui.engine.builtin.pooled import WindowStatistics
from webui.engine.protocol import EmotionModel, Window
from webui.engine.registry import ModelRegistry
from webui.errors import CheckpointError
from webui.service.recognition.windows import predict_recording
from webui.settings import Device, Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_pooled(tmp_path_factory.mktemp("models") / "pooled")


@pytest.fixture(scope="module")
def model(folder: Path) -> EmotionModel:
    return load_builtin(folder, device=Device.CPU, name="pooled")


def test_it_is_found_and_described_like_any_model(folder: Path) -> None:
    registry = ModelRegistry(Settings(models_dir=folder.parent, device=Device.CPU))
    assert registry.sample_rate("pooled") == 16_000
    model = registry.load("pooled")
    assert (model.info.name, model.info.engine, model.info.precision) == ("pooled", "builtin", "fp32")
    assert (model.sample_rate, model.frame_rate, model.min_samples) == (16_000, 50.0, 400)
    assert model.embedding_dim == 2 * 8
    assert model.notices == ()


@pytest.mark.parametrize(
    ("samples", "frames"), [(400, 1), (719, 1), (720, 2), (2_000, 6), (16_000, 49), (130_000, 406)]
)
def test_fifty_frames_a_second(model: EmotionModel, samples: int, frames: int) -> None:
    found = model.predict([whole(make_clip(1, samples / 16_000))], with_features=True)[0]
    assert found.logits.shape == (frames, 8)
    assert found.features is not None
    assert found.features.shape == (frames, model.embedding_dim)
    for first in range(0, frames, SMALL_POOLED.group_frames):  # the frames of a group have the same values
        assert np.ptp(found.logits[first : first + SMALL_POOLED.group_frames], axis=0).max() == 0
    assert np.isfinite(found.logits).all()


def test_a_batch_gives_the_same_as_single_windows(model: EmotionModel) -> None:
    windows = [whole(make_clip(n, s)) for n, s in enumerate((1.0, 3.2, 1.0, 0.5, 3.2, 1.0))]
    for window, found in zip(windows, model.predict(windows), strict=True):
        np.testing.assert_allclose(found.logits, model.predict([window])[0].logits, atol=1e-4)


def test_the_level_does_not_matter_and_silence_is_finite(model: EmotionModel) -> None:
    clip = make_clip(2, 1.5)
    loud, quiet = (model.predict([whole(level * clip)])[0].logits for level in (1.0, 0.01))
    np.testing.assert_allclose(loud, quiet, atol=2e-3)
    silence = np.zeros(16_000, dtype=np.float32)
    assert np.isfinite(model.predict([Window(silence, 0.0, 0.0)])[0].logits).all()


def test_a_long_recording_is_computed_in_windows(model: EmotionModel) -> None:
    clip = make_clip(3, 70.0)
    joined = predict_recording(model, clip)
    assert joined.windows > 2
    assert joined.logits.shape == ((len(clip) - 400) // 320 + 1, 8)
    assert np.isfinite(joined.logits).all()


def test_window_statistics_are_means_and_deviations() -> None:
    values = torch.randn(1, 60, 3)
    found = WindowStatistics(4)(values)[0]
    for group in (0, 3, 30, 59):
        part = values[0, max(0, group - 4) : group + 5]
        torch.testing.assert_close(found[group, :3], part.mean(0), atol=1e-5, rtol=0)
        expected = torch.sqrt(part.var(0, correction=0) + 1e-4)
        torch.testing.assert_close(found[group, 3:], expected, atol=1e-4, rtol=0)


def test_int8_matrices_are_multiplied_by_their_scales(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    packed = [name for name, tensor in tensors.items() if tensor.dtype == torch.int8]
    assert len(packed) == 2 * 2 + 3 * 4  # two convolutions of each encoder, four matrices of each block
    clip = whole(make_clip(1, 2.0))
    before = load_builtin(folder, device=Device.CPU).predict([clip])[0].logits
    plain = {name: tensor for name, tensor in tensors.items() if not name.endswith("_scale")}
    for name in packed:
        scale = tensors[f"{name}_scale"]
        plain[name] = tensors[name].float() * scale.view(-1, *[1] * (tensors[name].ndim - 1))
    save_file(plain, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    np.testing.assert_array_equal(load_builtin(tmp_path, device=Device.CPU).predict([clip])[0].logits, before)
    network = random_pooled()
    unpacked = load_builtin(folder, device=Device.CPU)._network  # type: ignore[attr-defined]
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(unpacked.state_dict()[name], tensor, atol=0.01, rtol=0)


def test_damaged_files_are_refused(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = "encoders.0.blocks.0.forward_in.weight"
    config = json.loads((folder / "config.json").read_text("utf-8"))

    def refused(tensors: dict[str, torch.Tensor], config: dict[str, object]) -> CheckpointError:
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        save_file(tensors, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError) as caught:
            load_builtin(tmp_path, device=Device.CPU)
        return caught.value

    assert refused({k: v for k, v in tensors.items() if k != f"{name}_scale"}, config).code == "engine.bad_tensor"
    assert refused({k: v for k, v in tensors.items() if k != name}, config).code == "engine.missing_tensors"
    assert refused(tensors, config | {"network": config["network"] | {"heads": 3}}).code == "engine.missing_tensors"
    for key, value in (("heads", 0), ("encoders", []), ("radius", -1)):
        error = refused(tensors, config | {"network": config["network"] | {key: value}})
        assert error.code == "engine.bad_config"
        assert f"network.{key}" in str(error)
    sizes = [replace(SMALL_ENCODER, mels=mels) for mels in (80, 40)]
    network = config["network"] | {
        "encoders": [{**config["network"]["encoders"][0], "mels": one.mels} for one in sizes]
    }
    assert refused(tensors, config | {"network": network}).code == "engine.bad_config"
