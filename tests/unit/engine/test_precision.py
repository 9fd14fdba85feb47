"""Which engine runs which precision, and how exact each is."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.checkpoints import TINY, make_checkpoint, make_clip
from tests.support.parity_pairs import softmax, whole
from tests.support.verification import int8_record
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.emotion2vec.torch_model import TorchModel
from webui.engine.emotion2vec.verification_record import write_record
from webui.engine.precision import Runtime, engine_for
from webui.engine.registry import LARGE, ModelRegistry
from webui.errors import RequestError
from webui.service import RecognitionService
from webui.settings import Device, Engine, Precision, Settings


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    published = make_checkpoint(folder / LARGE, TINY, clips=9, seconds=0.5)
    convert_checkpoint(folder / LARGE, published, folder / LARGE)
    return folder


@pytest.mark.parametrize(
    ("device", "engine", "precision", "expected"),
    [
        (Device.AUTO, Engine.AUTO, Precision.FP32, Engine.NATIVE),
        (Device.AUTO, Engine.AUTO, Precision.FP16, Engine.NATIVE),
        (Device.CPU, Engine.AUTO, Precision.FP16, Engine.ONNX),
        (Device.CPU, Engine.AUTO, Precision.BF16, Engine.NATIVE),
        (Device.CPU, Engine.AUTO, Precision.INT8, Engine.ONNX),
        (Device.CPU, Engine.ONNX, Precision.FP32, Engine.ONNX),
        (Device.CPU, Engine.FUNASR, Precision.FP32, Engine.FUNASR),
    ],
)
def test_the_engine_follows_the_precision(
    device: Device, engine: Engine, precision: Precision, expected: Engine
) -> None:
    assert engine_for(Runtime(device, engine, precision)) is expected


@pytest.mark.parametrize(
    ("engine", "precision", "supported"),
    [
        (Engine.NATIVE, Precision.INT8, "fp32, fp16, bf16"),
        (Engine.ONNX, Precision.BF16, "fp32, fp16, int8"),
        (Engine.FUNASR, Precision.FP16, "fp32"),
    ],
)
def test_a_precision_that_an_engine_lacks(engine: Engine, precision: Precision, supported: str) -> None:
    with pytest.raises(RequestError, match=f"does not support precision {precision.value}; it supports {supported}"):
        engine_for(Runtime(Device.CPU, engine, precision))


def test_without_torch_everything_is_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.engine.precision.find_spec", lambda _name: None)
    assert engine_for(Runtime(Device.AUTO, Engine.AUTO, Precision.FP32)) is Engine.ONNX


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16])
def test_half_precision_is_close_to_single(models_dir: Path, precision: Precision) -> None:
    registry = ModelRegistry(Settings(models_dir=models_dir, device=Device.CPU))
    exact = registry.load(LARGE)
    half = registry.load(LARGE, Runtime(Device.CPU, Engine.NATIVE, precision))
    assert isinstance(half, TorchModel)
    assert half.info.precision == precision.value
    windows = [whole(make_clip(number, 1.0 + 0.3 * number)) for number in range(9)]
    pairs = zip(exact.predict(windows), half.predict(windows, with_features=True), strict=True)
    gaps = [np.abs(softmax(full.logits.mean(0)) - softmax(rounded.logits.mean(0))).max() for full, rounded in pairs]
    assert 1e-6 < max(gaps) < 0.2, "rounded, but not wrong"


def test_int8_is_offered_after_verification_of_these_weights(models_dir: Path) -> None:
    settings = Settings(models_dir=models_dir, model=LARGE, device=Device.CPU, auto_download=False)
    service = RecognitionService(settings)
    service.load()
    assert service.models.status().offers == ()
    record = int8_record(models_dir / LARGE)
    for changed, offered in (
        ({"checkpoint_sha256": "of another file"}, ()),
        ({"verified": False}, ()),
        ({}, (Precision.INT8,)),
    ):
        write_record(models_dir / LARGE, record.model_copy(update=changed))
        assert service.models.status().offers == offered
    loaded = service.load(runtime=Runtime(Device.CPU, Engine.AUTO, Precision.INT8))
    assert (loaded.info.engine, loaded.info.precision) == ("onnx", "int8")
    assert service.models.status().active.precision == "fp32"
