"""The native engine: implements ``EmotionModel`` with the Emotion2vec network in PyTorch."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch

from webui.arrays import FloatArray
from webui.engine.devices import choose_device, concurrency_of
from webui.engine.emotion2vec.checkpoint import CheckpointInfo, load_network
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.runner import TRIM_S, DeviceRunner, PendingBatch, trim_heap
from webui.engine.emotion2vec.sizes import Emotion2vecSizes
from webui.engine.protocol import GPU_BATCH_S, EmotionModel, Prediction, Window, check_window
from webui.errors import InferenceError, first_line
from webui.results import ModelInfo, Notice
from webui.settings import Device, Precision

logger = logging.getLogger(__name__)

DTYPES: Final = {Precision.FP32: torch.float32, Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}
NO_MEMORY: Final = re.compile("out of memory|ALLOC_FAILED")  # how CUDA libraries word an allocation failure
T = TypeVar("T")
Finish = Callable[[], list[Prediction]]


def load_torch_model(
    name: str,
    directory: Path,
    weights: Path,
    *,
    license: str,
    device: Device = Device.AUTO,
    threads: int = 0,
    precision: Precision = Precision.FP32,
) -> EmotionModel:
    """Loads an Emotion2vec checkpoint.

    Args:
        name: the model's name, for results.
        directory: folder of ``config.yaml`` and ``tokens.txt``.
        weights: ``model.safetensors`` or the published ``model.pt``.
        license: licence of the weights.
        device: device to run on; ``auto`` takes a GPU that works, or else the CPU.
        threads: number of CPU threads of the whole process; 0 leaves PyTorch's choice, one per core.
        precision: number format of weights and activations; int8 is only available in the ONNX engine.

    Raises:
        CheckpointError: the files are damaged or invalid.
        DeviceUnavailableError: the device does not exist or does not work.
    """
    if threads > 0:
        torch.set_num_threads(threads)
    chosen = choose_device(device)
    network, info = load_network(directory, weights)
    return TorchModel(name, network, info, license=license, device=chosen, precision=precision)


class TorchModel(Emotion2vecSizes):
    """The network on a device. It is not thread-safe: the service has a lock for each model.

    If the GPU fails, or a single window does not fit into its memory, the model switches to the CPU permanently, and
    ``notices`` reports that. The windows of the failed batch are computed again on the CPU.

    Attributes:
        gpu_batch_s: largest batch on a GPU, in seconds of padded audio.
    """

    def __init__(
        self,
        name: str,
        network: Emotion2vec,
        info: CheckpointInfo,
        *,
        license: str,
        device: torch.device,
        precision: Precision = Precision.FP32,
    ) -> None:
        self._name = name
        self._precision = precision
        super().__init__(info)
        self._network = network  # for a fallback to the CPU; it takes no memory, because the weights are mapped
        self._runner = DeviceRunner(network, device, DTYPES[precision], normalize=info.normalize)
        self._license = license
        self.gpu_batch_s = GPU_BATCH_S
        self._notices: tuple[Notice, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """The facts about the model that every result states."""
        return ModelInfo(
            name=self._name,
            engine="native",
            precision=self._precision.value,
            device=str(self._runner.device),
            labels=self.labels.names,
            license=self._license,
        )

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Why the model is not on the device it was loaded for; empty if it is."""
        return self._notices

    @property
    def max_batch_s(self) -> float:
        """Largest useful batch in seconds of audio; 0 on the CPU, where batching is no faster."""
        return 0.0 if self._on_cpu else self.gpu_batch_s

    @property
    def concurrency(self) -> int:
        """Number of requests that should be processed concurrently to keep the device busy."""
        return concurrency_of(self._runner.device)

    @property
    def _on_cpu(self) -> bool:
        return self._runner.device.type == "cpu"

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. On a GPU windows of similar length share a padded batch.

        Raises:
            InferenceError: a window is too short or has invalid statistics, or the network failed.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        predictions: dict[int, Prediction] = {}
        previous: tuple[list[int], Finish] | None = None
        for batch in self._batches(windows):
            finish = self._start([windows[index] for index in batch], with_features)
            if previous is not None:  # finish it while a GPU computes the next batch
                predictions |= zip(previous[0], previous[1](), strict=True)
            previous = batch, finish
        if previous is not None:
            predictions |= zip(previous[0], previous[1](), strict=True)
        if self._on_cpu and any(len(window.samples) > TRIM_S * self.sample_rate for window in windows):
            trim_heap()
        return [predictions[index] for index in range(len(windows))]

    def predict_together(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns the same as ``predict``, but computes all windows in one padded batch of any size.

        Raises:
            InferenceError: see ``predict``.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return self._start(windows, with_features)()

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Yields the windows' indices in batches: sorted by length on a GPU, one window per batch on the CPU."""
        longest_first = sorted(range(len(windows)), key=lambda index: -len(windows[index].samples))
        while longest_first:
            limit = int(self.max_batch_s * self.sample_rate)  # changes if an earlier batch fell back to the CPU
            size = max(1, limit // len(windows[longest_first[0]].samples))
            yield longest_first[:size]
            longest_first = longest_first[size:]

    def _start(self, windows: Sequence[Window], with_features: bool) -> Finish:
        """Starts a batch and returns a function that waits for its predictions.

        A batch that fails is computed again, in smaller batches or on the CPU.
        """
        runner = self._runner
        pending = _result_or_error(lambda: runner.start(windows, with_features=with_features))
        if not isinstance(pending, PendingBatch):
            predictions = self._run_again(windows, with_features, runner, pending)
            return lambda: predictions

        def finish() -> list[Prediction]:
            arrays = _result_or_error(pending.finish)
            if isinstance(arrays, Exception):
                return self._run_again(windows, with_features, runner, arrays)
            return self._to_predictions(arrays)

        return finish

    def _run_again(
        self, windows: Sequence[Window], with_features: bool, failed: DeviceRunner, err: Exception
    ) -> list[Prediction]:
        if isinstance(err, torch.OutOfMemoryError) or NO_MEMORY.search(str(err)):
            if failed.release_memory():
                return self._start(windows, with_features)()
            if len(windows) > 1:
                half = len(windows) // 2
                first = self._start(windows[:half], with_features)()
                return first + self._start(windows[half:], with_features)()
        if self._runner is failed:  # otherwise another batch has already made the model fall back
            self._fall_back(err)
        return self._start(windows, with_features)()

    def _fall_back(self, err: Exception) -> None:
        device, reason = self._runner.device, first_line(err)
        if self._on_cpu:
            raise InferenceError("engine.failed", model=self._name, reason=reason) from err
        logger.warning("%s failed (%s); %s falls back to the CPU", device, reason, self._name)
        self._notices = (Notice(code="engine.fell_back", values={"device": str(device), "reason": reason}),)
        self._precision = Precision.FP32
        self._runner = DeviceRunner(self._network, torch.device("cpu"), normalize=self._checkpoint.normalize)

    def _to_predictions(self, arrays: list[tuple[FloatArray, FloatArray | None]]) -> list[Prediction]:
        for pair in arrays:
            if not all(np.isfinite(values).all() for values in pair if values is not None):
                raise InferenceError("engine.not_a_number", model=self._name)
        return [Prediction(logits, features) for logits, features in arrays]


def _result_or_error(work: Callable[[], T]) -> T | Exception:
    """Returns the result of ``work``, or its error.

    The error's traceback is removed, because it would keep references to tensors in the device's memory.
    """
    try:
        return work()
    except (RuntimeError, MemoryError) as err:
        return err.with_traceback(None)
