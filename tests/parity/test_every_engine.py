"""Every engine in every precision against native fp32: single clips, a batch and a recording of several windows."""

import numpy as np
import pytest

from tests.support.checkpoints import TINY, make_checkpoint, make_clip
from tests.support.parity_pairs import softmax, whole
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.precision import Runtime
from webui.engine.protocol import EmotionModel
from webui.engine.registry import LARGE, ModelRegistry
from webui.service.recognition.windows import predict_recording
from webui.settings import Device, Engine, Precision, Settings

MAX_DIFFERENCE = {Precision.FP32: 1e-5, Precision.FP16: 2e-2, Precision.BF16: 6e-2, Precision.INT8: 2e-1}  # of scores
EXACT = 1e-5
WINDOW_S = 2.0
each = pytest.mark.parametrize(
    ("engine", "precision"),
    [
        *((Engine.NATIVE, precision) for precision in (Precision.FP32, Precision.FP16, Precision.BF16)),
        *((Engine.ONNX, precision) for precision in (Precision.FP32, Precision.FP16, Precision.INT8)),
        (Engine.FUNASR, Precision.FP32),
    ],
    ids=lambda choice: choice.value,
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    folder = tmp_path_factory.mktemp("models")
    published = make_checkpoint(folder / LARGE, TINY, clips=9, seconds=0.5)
    convert_checkpoint(folder / LARGE, published, folder / LARGE)
    return ModelRegistry(Settings(models_dir=folder))


@pytest.fixture(scope="module")
def plain(registry: ModelRegistry) -> EmotionModel:
    return registry.load(LARGE, Runtime(Device.CPU, Engine.NATIVE, Precision.FP32))


def scores(logits: np.ndarray) -> np.ndarray:
    return softmax(logits.mean(axis=0, dtype=np.float64))


@each
def test_single_batch_and_long(
    registry: ModelRegistry, plain: EmotionModel, engine: Engine, precision: Precision
) -> None:
    model = registry.load(LARGE, Runtime(Device.CPU, engine, precision))
    assert (model.info.engine, model.info.precision) == (engine.value, precision.value)
    windows = [whole(make_clip(number, seconds)) for number, seconds in enumerate((0.7, 2.3, 0.025, 1.1))]
    single = [model.predict([window])[0] for window in windows]
    for window, answer in zip(windows, single, strict=True):
        expected = plain.predict([window])[0].logits
        assert answer.logits.shape == expected.shape
        np.testing.assert_allclose(scores(answer.logits), scores(expected), atol=MAX_DIFFERENCE[precision])
    for together, alone in zip(model.predict(windows), single, strict=True):
        np.testing.assert_allclose(scores(together.logits), scores(alone.logits), atol=EXACT)
    recording = make_clip(5, 9.0)
    ours, expected_long = (
        predict_recording(engine_model, recording, window_s=WINDOW_S) for engine_model in (model, plain)
    )
    assert ours.windows == expected_long.windows > 3
    assert ours.logits.shape == expected_long.logits.shape
    np.testing.assert_allclose(scores(ours.logits), scores(expected_long.logits), atol=MAX_DIFFERENCE[precision])
