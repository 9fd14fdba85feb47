"""The interface of a loaded model to the rest of the program.

A model turns windows of samples into frame logits. All other steps (statistics of the whole recording, cutting it into
windows, joining the windows' logits, pooling, smoothing, the softmax) are the same for all models and are implemented
in ``webui.service``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from webui.arrays import FloatArray
from webui.errors import InferenceError
from webui.labels import LabelSet
from webui.results import ModelInfo, Notice

CPU_CONCURRENCY: Final = 2  # one request is computed while the next is decoded
GPU_CONCURRENCY: Final = 16  # requests whose windows can share a batch
GPU_BATCH_S: Final = 240.0  # padded audio in one batch: about 10 GB of memory with emotion2vec_plus_large


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a recording, with the statistics of the whole recording.

    Emotion2Vec normalises a waveform over its whole length, so a window carries the recording's mean and variance.

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
    """The model's output for one window.

    Attributes:
        logits: frame logits, shape ``(frames, labels)``.
        features: frame features, shape ``(frames, dim)``, or None if they were not requested.
    """

    logits: FloatArray
    features: FloatArray | None = None


class EmotionModel(Protocol):
    """A model that is loaded and ready.

    Attributes:
        info: name, engine, precision, device and licence, as they appear in every result. Read it after ``predict``:
            after a fallback it names the device that was actually used.
        notices: facts about the run that results have to mention, for instance that the GPU failed and the CPU was
            used instead.
        labels: the classes in the order of the logits, mapped to the nine emotions.
        sample_rate: sampling rate of the samples that ``predict`` takes, in Hz.
        frame_rate: frames per second.
        embedding_dim: length of a feature vector.
        min_samples: smallest number of samples that gives one frame.
        context_samples: number of samples on each side of a frame that can change its logits noticeably; windows of a
            long recording overlap by this much.
        max_batch_s: largest useful batch for ``predict``, in seconds of audio; 0 if batching is no faster, as on a
            CPU. It can change when ``info`` changes.
        concurrency: number of requests that should be processed concurrently, so that the device is busy while other
            requests are decoded: 2 on a CPU, 16 on a GPU. It can change when ``info`` changes.
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
    def max_batch_s(self) -> float: ...  # noqa: D102
    @property
    def concurrency(self) -> int: ...  # noqa: D102

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. Batching does not change the predictions.

        The utterance scores of a recording are the softmax of the mean of its frame logits.

        Args:
            windows: the windows, each at least ``min_samples`` long.
            with_features: whether predictions include features.

        Raises:
            InferenceError: the model failed.
        """
        ...


def check_window(window: Window, *, min_samples: int) -> None:
    """Rejects an invalid window.

    Raises:
        InferenceError: the samples are not one-dimensional or fewer than ``min_samples``, or the statistics are not
            finite.
    """
    if window.samples.ndim != 1 or len(window.samples) < min_samples:
        found = "x".join(str(size) for size in window.samples.shape)
        raise InferenceError("engine.bad_window", found=found, expected=min_samples)
    if not np.isfinite(window.mean) or not np.isfinite(window.variance) or window.variance < 0:
        raise InferenceError("engine.bad_statistics", mean=window.mean, variance=window.variance)
