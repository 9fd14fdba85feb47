"""The built-in model: a small model of this project that is always installed and serves as the fallback.

It is far less accurate than Emotion2Vec+ Large, so each of its results names it. ``models/builtin/README.md`` describes
its accuracy and its limits.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from webui.arrays import FloatArray
from webui.engine.builtin.checkpoint import WEIGHTS_NAME, AnyModelConfig, fill_network, read_config, read_weights
from webui.engine.builtin.family import BUILTIN
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.errors import DeviceUnavailableError, InferenceError
from webui.labels import LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Device

if TYPE_CHECKING:
    import torch
    from torch import nn

    from webui.engine.builtin.network import NetworkConfig
    from webui.engine.builtin.pooled import PooledConfig

VARIANCE_FLOOR: Final = 1e-10  # -100 dB: silence is not amplified, but a whisper recorded at -60 dB is normalised
MAX_BATCH_S: Final = 120.0  # audio in one batch; the activations take about 2 MB per second


def load_builtin(
    directory: Path, *, device: Device = Device.AUTO, threads: int = 0, name: str = BUILTIN
) -> EmotionModel:
    """Loads the built-in model, or another model made with the same training code.

    Args:
        directory: folder of ``config.json`` and ``model.safetensors``.
        device: device to run on; ``auto`` takes CUDA, or else Apple's MPS, or else the CPU.
        threads: number of CPU threads. PyTorch has one number for the whole process, which a positive value changes
            for all models; 0 leaves it unchanged: one thread per core, unless other code has set it.
        name: the model's name, for results.

    Raises:
        ModelNotFoundError: a file is missing.
        CheckpointError: the files are damaged or invalid.
        DeviceUnavailableError: the device does not exist or does not work.
    """
    config = read_config(directory)
    tensors = read_weights(directory)

    import torch  # imported late: it takes seconds

    from webui.engine.devices import choose_device

    if threads > 0:
        torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):  # layers draw random initial weights: restore the caller's random state
        network = config.make_network()
    fill_network(network, tensors, directory / WEIGHTS_NAME)
    network.eval().requires_grad_(False)
    chosen = choose_device(device)
    try:
        return BuiltinModel(network.to(chosen), config, chosen, name)
    except (RuntimeError, AssertionError) as err:
        raise DeviceUnavailableError("engine.device_failed", found=str(chosen), reason=str(err)) from err


class BuiltinModel:
    """The network as an ``EmotionModel``. ``predict`` is thread-safe, because it changes no state."""

    def __init__(
        self, network: "nn.Module", config: AnyModelConfig, device: "torch.device", name: str = BUILTIN
    ) -> None:
        self._network = network
        self._temperature = config.temperature
        self._sizes: NetworkConfig | PooledConfig = config.network_config()
        self._device = device
        self._labels = config.label_set()
        self._info = ModelInfo(
            name=name,
            engine=BUILTIN,
            precision="fp32",
            device=str(device),
            labels=self._labels.names,
            license=config.license,
        )

    @property
    def info(self) -> ModelInfo:
        """The facts about the model that every result states."""
        return self._info

    @property
    def notices(self) -> tuple[Notice, ...]:
        """A notice that the built-in model was used, with its licence; empty for models that a user trained."""
        if self._info.name != BUILTIN:
            return ()
        return (Notice(code="request.builtin_answered", values={"license": self._info.license}),)

    @property
    def labels(self) -> LabelSet:
        """The classes in the order of the logits; "unknown" is not among them."""
        return self._labels

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the input, in Hz."""
        return self._sizes.sample_rate

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self._sizes.sample_rate / self._sizes.hop_samples

    @property
    def embedding_dim(self) -> int:
        """Length of a feature vector."""
        return self._sizes.feature_size

    @property
    def min_samples(self) -> int:
        """Length of the shortest input, in samples: one frame."""
        return self._sizes.min_samples

    @property
    def context_samples(self) -> int:
        """Number of samples on each side that a frame depends on."""
        return self._sizes.context_samples

    @property
    def max_batch_s(self) -> float:
        """Largest useful batch in seconds of audio; 0 on a CPU, where batching is no faster."""
        return 0.0 if self._device.type == "cpu" else MAX_BATCH_S

    @property
    def concurrency(self) -> int:
        """Number of requests that should be processed concurrently to keep the device busy."""
        from webui.engine.devices import concurrency_of

        return concurrency_of(self._device)

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. Only windows of equal length are batched, without padding.

        Raises:
            InferenceError: a window is too short or has invalid statistics, or the network failed.
        """
        groups: dict[int, list[int]] = defaultdict(list)
        for index, window in enumerate(windows):
            check_window(window, min_samples=self.min_samples)
            groups[len(window.samples)].append(index)
        predictions: dict[int, Prediction] = {}
        for samples, members in groups.items():
            size = max(1, int(MAX_BATCH_S * self.sample_rate) // samples)
            for start in range(0, len(members), size):
                chosen = members[start : start + size]
                predictions |= zip(chosen, self._run([windows[i] for i in chosen], with_features), strict=True)
        return [predictions[index] for index in range(len(windows))]

    def _run(self, windows: Sequence[Window], with_features: bool) -> list[Prediction]:
        import torch

        batch = torch.from_numpy(np.stack([_normalise(window) for window in windows]))  # (B, samples)
        try:
            with torch.inference_mode():
                logits, features = self._network(batch.to(self._device))  # (B, T, labels), (B, T, dim)
                scaled = (logits / self._temperature).float().cpu().numpy()
                kept = features.float().cpu().numpy() if with_features else None
        except (RuntimeError, MemoryError) as err:
            raise InferenceError("engine.failed", model=self._info.name, reason=str(err)) from err
        if not np.isfinite(scaled).all():
            raise InferenceError("engine.not_a_number", model=self._info.name)
        return [Prediction(scaled[i], None if kept is None else kept[i]) for i in range(len(windows))]


def _normalise(window: Window) -> FloatArray:
    """Returns the samples, normalised by the mean and variance of their recording."""
    scale = 1 / np.sqrt(window.variance + VARIANCE_FLOOR)
    return np.asarray((window.samples - np.float32(window.mean)) * np.float32(scale), dtype=np.float32)
