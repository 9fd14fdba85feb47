"""The built-in model: small, ours, always installed; a fallback that is named in each of its results.

It is not Emotion2Vec+ Large; ``models/builtin/README.md`` describes what it can and can't do.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from webui.arrays import FloatArray
from webui.engine.builtin.checkpoint import (
    WEIGHTS_NAME,
    BuiltinConfig,
    fill_network,
    read_config,
    read_weights,
)
from webui.engine.builtin.family import BUILTIN
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.errors import DeviceUnavailableError, InferenceError
from webui.labels import LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Device

if TYPE_CHECKING:
    import torch

    from webui.engine.builtin.network import BuiltinNetwork

VARIANCE_FLOOR: Final = 1e-10  # -100 dB: silence stays silence, and a whisper recorded at -60 dB is normalised
MAX_BATCH_S: Final = 120.0  # of audio in one batch; about 2 MB of activations per second


def load_builtin(
    directory: Path, *, device: Device = Device.AUTO, threads: int = 0, name: str = BUILTIN
) -> EmotionModel:
    """Loads the built-in model, or another that was trained by the same programs.

    Args:
        directory: holds ``config.json`` and ``model.safetensors``.
        device: where the model shall run; ``auto`` takes CUDA, then Apple's MPS, then the CPU.
        threads: CPU threads. PyTorch has one number for the whole process: a positive value sets it, for every model
            and in every thread; 0 leaves it as it is, which is one per core unless other code changed it.
        name: the model's name, for results.

    Raises:
        ModelNotFoundError: a file is missing.
        CheckpointError: the files are not what they should be.
        DeviceUnavailableError: the device is not there or does not work.
    """
    config = read_config(directory)
    tensors = read_weights(directory)

    import torch  # imported late: it takes seconds

    from webui.engine.builtin.network import BuiltinNetwork
    from webui.engine.devices import choose_device

    if threads > 0:
        torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):  # layers draw initial weights: keep the caller's random state
        network = BuiltinNetwork(config.network_config())
    fill_network(network, tensors, directory / WEIGHTS_NAME)
    network.eval().requires_grad_(False)
    chosen = choose_device(device)
    try:
        return BuiltinModel(network.to(chosen), config, chosen, name)
    except (RuntimeError, AssertionError) as err:
        raise DeviceUnavailableError("engine.device_failed", found=str(chosen), reason=str(err)) from err


class BuiltinModel:
    """The network behind the engine protocol. ``predict`` changes nothing, so threads may share it."""

    def __init__(
        self, network: "BuiltinNetwork", config: BuiltinConfig, device: "torch.device", name: str = BUILTIN
    ) -> None:
        self._network = network
        self._temperature = config.temperature
        self._sizes = network.config
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
        """What goes into every result."""
        return self._info

    @property
    def notices(self) -> tuple[Notice, ...]:
        """That the built-in model answered, and what its licence forbids; nothing of one's own training."""
        if self._info.name != BUILTIN:
            return ()
        return (Notice(code="request.builtin_answered", values={"license": self._info.license}),)

    @property
    def labels(self) -> LabelSet:
        """The classes in the order of the logits; "unknown" is none of them."""
        return self._labels

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._sizes.front_end.sample_rate

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self._sizes.front_end.sample_rate / self._sizes.front_end.hop_samples

    @property
    def embedding_dim(self) -> int:
        """Length of a feature vector."""
        return self._sizes.feature_size

    @property
    def min_samples(self) -> int:
        """Fewest samples that give one frame."""
        return self._sizes.front_end.frame_samples

    @property
    def context_samples(self) -> int:
        """How far to each side a frame depends on samples."""
        front_end = self._sizes.front_end
        return self._sizes.context_frames * front_end.hop_samples + front_end.reach_samples

    @property
    def max_batch_s(self) -> float:
        """0 on a CPU, where a batch is no faster than its windows one by one."""
        return 0.0 if self._device.type == "cpu" else MAX_BATCH_S

    @property
    def concurrency(self) -> int:
        """What keeps the device busy."""
        from webui.engine.devices import concurrency_of

        return concurrency_of(self._device)

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order; windows of equal length share a batch, nothing is padded.

        Raises:
            InferenceError: a window is too short or not one row of finite numbers, or the network failed.
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
    """Returns the samples with the mean and variance of their recording brought to 0 and 1."""
    scale = 1 / np.sqrt(window.variance + VARIANCE_FLOOR)
    return np.asarray((window.samples - np.float32(window.mean)) * np.float32(scale), dtype=np.float32)
