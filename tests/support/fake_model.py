"""An implementation of the engine protocol without weights: scores from loudness and pitch-like statistics.

Frame i depends only on samples ``320 * i`` to ``320 * i + 400``, so windows, batches and joins must be exact.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from webui.arrays import FloatArray
from webui.engine.precision import Runtime
from webui.engine.protocol import CPU_CONCURRENCY, GPU_BATCH_S, GPU_CONCURRENCY, EmotionModel, Prediction, Window
from webui.engine.registry import AUTO, ModelRegistry, OnProgress, ResolvedModel
from webui.errors import InferenceError
from webui.labels import Emotion, LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Settings

FRAME_SAMPLES: Final = 400
HOP_SAMPLES: Final = 320
FEATURES: Final = 4


class FakeModel:
    """A model with a sample rate of 16 kHz and 50 frames per second."""

    sample_rate = 16_000
    frame_rate = 50.0
    embedding_dim = FEATURES
    min_samples = FRAME_SAMPLES
    context_samples = 0
    notices: tuple[Notice, ...] = ()

    def __init__(self, labels: LabelSet | None = None, *, name: str = "fake") -> None:
        self.labels = labels if labels is not None else LabelSet.from_emotions(Emotion)
        self.info = ModelInfo(
            name=name, engine="fake", precision="fp32", device="cpu", labels=self.labels.names, license="none"
        )
        self.window_lengths: list[int] = []
        generator = np.random.default_rng(7)
        self.weights: FloatArray = generator.normal(size=(FEATURES, len(self.labels))).astype(np.float32)

    @property
    def max_batch_s(self) -> float:
        return 0.0 if self.info.device == "cpu" else GPU_BATCH_S

    @property
    def concurrency(self) -> int:
        return CPU_CONCURRENCY if self.info.device == "cpu" else GPU_CONCURRENCY

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        return [self._predict_one(window, with_features) for window in windows]

    def _predict_one(self, window: Window, with_features: bool) -> Prediction:
        if len(window.samples) < FRAME_SAMPLES:
            raise InferenceError("audio.too_short", found_ms=len(window.samples) / 16, expected_ms=25.0)
        self.window_lengths.append(len(window.samples))
        normalized = (window.samples - window.mean) / np.sqrt(window.variance + 1e-5)
        frames = np.lib.stride_tricks.sliding_window_view(normalized, FRAME_SAMPLES)[::HOP_SAMPLES]
        features = np.stack(
            [
                np.log(np.mean(frames**2, axis=1) + 1e-3),
                np.mean(np.abs(np.diff(np.sign(frames), axis=1)), axis=1),
                np.max(np.abs(frames), axis=1),
                np.mean(frames, axis=1),
            ],
            axis=1,
        ).astype(np.float32)
        return Prediction(features @ self.weights, features if with_features else None)


class FakeRegistry(ModelRegistry):
    """A registry whose only model is the given one."""

    def __init__(self, settings: Settings, model: EmotionModel | None = None) -> None:
        super().__init__(settings)
        self.model = model if model is not None else FakeModel()
        self.loads = 0

    def names(self) -> tuple[str, ...]:
        return (self.model.info.name,)

    def choose(self, name: str) -> ResolvedModel:
        return ResolvedModel(self.model.info.name) if name == AUTO else super().choose(name)

    def load(
        self,
        name: str,
        runtime: Runtime | None = None,
        *,
        on_progress: OnProgress = lambda _fraction: None,
    ) -> EmotionModel:
        self.choose(name)
        self.loads += 1
        return self.model
