"""A device that fails during work: PyTorch's ``meta`` accepts input but cannot compute with real weights."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.support.checkpoints import TINY, make_checkpoint, make_clip
from tests.support.fake_model import FakeRegistry
from webui.engine.emotion2vec.checkpoint import load_network
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.emotion2vec.runner import DeviceRunner
from webui.engine.emotion2vec.torch_model import TorchModel, load_torch_model
from webui.engine.protocol import Window
from webui.errors import InferenceError
from webui.service import RecognitionService
from webui.settings import Device, Settings


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    make_checkpoint(folder, TINY, clips=9, seconds=0.5)
    convert_checkpoint(folder, folder / "model.pt", folder)
    return folder


@pytest.fixture
def model(checkpoint: Path) -> TorchModel:
    loaded = load_torch_model("tiny", checkpoint, checkpoint / "model.safetensors", license="none", device=Device.CPU)
    assert isinstance(loaded, TorchModel)
    return loaded


def move_to_a_device_that_fails(model: TorchModel, checkpoint: Path) -> None:
    """Replaces the weights with those of the file, as on a GPU: those for the CPU are prepacked."""
    model._network, _info = load_network(checkpoint, checkpoint / "model.safetensors")
    model._runner = DeviceRunner(model._network, torch.device("meta"))


def windows() -> list[Window]:
    clips = [make_clip(seed, seconds) for seed, seconds in ((1, 0.4), (2, 1.3), (3, 0.9), (4, 0.05))]
    return [Window(clip, float(clip.mean()), float(clip.var())) for clip in clips]


def test_after_a_failure_the_cpu_computes_everything(model: TorchModel, checkpoint: Path) -> None:
    expected = model.predict(windows())
    assert model.notices == ()
    move_to_a_device_that_fails(model, checkpoint)
    answers = model.predict(windows())
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer.logits, right.logits, atol=1e-4)  # a padded batch rounds differently
    assert model.info.device == "cpu"
    (notice,) = model.notices
    assert (notice.code, notice.values["device"]) == ("engine.fell_back", "meta")
    assert "meta tensor" in str(notice.values["reason"])


def test_out_of_memory_halves_the_batch(model: TorchModel, checkpoint: Path) -> None:
    expected = model.predict(windows())
    sizes: list[int] = []

    def fail_for_batches(_network: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        sizes.append(len(given[0]))
        if len(given[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    move_to_a_device_that_fails(model, checkpoint)
    model._runner.network.register_forward_pre_hook(fail_for_batches)
    answers = model.predict(windows())
    assert sizes[:3] == [4, 2, 1]
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer.logits, right.logits, atol=1e-4)  # a padded batch rounds differently


def test_a_failure_on_the_cpu_is_an_error(model: TorchModel) -> None:
    def broken(_network: torch.nn.Module, _given: tuple[torch.Tensor, ...]) -> None:
        raise RuntimeError("failing on purpose\nwith a second line")

    model._runner.network.register_forward_pre_hook(broken)
    with pytest.raises(InferenceError, match="failing on purpose"):
        model.predict(windows()[:1])


def test_the_result_has_a_warning_about_the_failed_device(model: TorchModel, checkpoint: Path, tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path / "outputs", model="tiny", device=Device.CPU)
    service = RecognitionService(settings, FakeRegistry(settings, model))
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, make_clip(4, 1.0), 16_000)
    move_to_a_device_that_fails(model, checkpoint)
    result = service.recognize(clip).result
    assert result.model.device == "cpu"
    assert "engine.fell_back" in [warning.code for warning in result.warnings]
