"""What the rest of the program knows of a model.

A model turns windows of samples into frame logits. Everything above that (whole-file statistics, cutting into windows,
joining, pooling, smoothing, the softmax) is done once for all models, in ``webui.service``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from webui.arrays import FloatArray
from webui.errors import InferenceError
from webui.labels import LabelSet
from webui.results import ModelInfo, Notice


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a recording, with the statistics of the whole recording.

    Emotion2Vec normalises a waveform over its whole length, so a window has to bring the recording's mean and variance.

    Attributes:
        samples: signal values in [-1, 1], shape ``(samples,)``, at the model's ``sample_rate``; not normalised.
        mean: mean of all samples of the recording.
        variance: population variance of all samples of the recording.
    """

    samples: FloatArray
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one window.

    Attributes:
        logits: shape ``(frames, labels)``; ``(1, labels)`` if the model has no frame logits.
        features: shape ``(frames, dim)``, or None if they were not asked for.
    """

    logits: FloatArray
    features: FloatArray | None = None


class EmotionModel(Protocol):
    """A model that is loaded and ready.

    Attributes:
        info: name, engine, precision, device and licence, as they go into every result. Read it after ``predict``:
            a model that had to fall back to another device says so from then on.
        notices: what its answers have to say about how it ran, for instance that a GPU failed and the CPU answered.
        labels: the classes in the order of the logits, mapped to the nine emotions.
        sample_rate: of the samples that ``predict`` takes, in Hz.
        frame_rate: frames per second.
        embedding_dim: length of a feature vector.
        min_samples: fewest samples that give one frame.
        context_samples: how many samples to the left and right of a frame can change its logits noticeably; windows of
            a long recording overlap by this much.
        has_frame_logits: False where the head is not linear on the mean of the features, so that only logits of a
            whole window exist.
    """

    @property
    def info(self) -> ModelInfo: ...  # noqa: D102
    @property
    def notices(self) -> tuple[Notice, ...]: ...  # noqa: D102
    @property
    def labels(self) -> LabelSet: ...  # noqa: D102
    @property
    def sample_rate(self) -> int: ...  # noqa: D102
    @property
    def frame_rate(self) -> float: ...  # noqa: D102
    @property
    def embedding_dim(self) -> int: ...  # noqa: D102
    @property
    def min_samples(self) -> int: ...  # noqa: D102
    @property
    def context_samples(self) -> int: ...  # noqa: D102
    @property
    def has_frame_logits(self) -> bool: ...  # noqa: D102

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order; a batch gives what its windows give one by one.

        The softmax of the mean of a recording's frame logits is its utterance scores.

        Args:
            windows: each at least ``min_samples`` long.
            with_features: whether predictions carry features.

        Raises:
            InferenceError: the model failed.
        """
        ...


def check_window(window: Window, *, min_samples: int) -> None:
    """Refuses a window that no model can answer.

    Raises:
        InferenceError: not one row of at least ``min_samples`` samples, or statistics that are not finite.
    """
    if window.samples.ndim != 1 or len(window.samples) < min_samples:
        found = "x".join(str(size) for size in window.samples.shape)
        raise InferenceError("engine.bad_window", found=found, expected=min_samples)
    if not np.isfinite(window.mean) or not np.isfinite(window.variance) or window.variance < 0:
        raise InferenceError("engine.bad_statistics", mean=window.mean, variance=window.variance)
