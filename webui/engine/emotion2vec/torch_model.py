"""The native engine: Emotion2vec in plain PyTorch behind the engine protocol."""

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
        directory: holds ``config.yaml`` and ``tokens.txt``.
        weights: ``model.safetensors`` or the published ``model.pt``.
        license: of the weights.
        device: where the model shall run; ``auto`` takes a GPU that works, else the CPU.
        threads: CPU threads of the whole process; 0 leaves PyTorch's choice, one per core.
        precision: number format of the matrix products; int8 is the engine onnx's.

    Raises:
        CheckpointError: the files are not what they should be.
        DeviceUnavailableError: the device is not there or does not work.
    """
    if threads > 0:
        torch.set_num_threads(threads)
    chosen = choose_device(device)
    network, info = load_network(directory, weights)
    return TorchModel(name, network, info, license=license, device=chosen, precision=precision)


class TorchModel(Emotion2vecSizes):
    """The network on a device. One caller at a time: the service keeps a lock per model.

    After a failure of the GPU, or when its memory runs out, the model stays on the CPU, and ``notices`` says so from
    then on; the request that met the failure is answered all the same.

    Attributes:
        gpu_batch_s: seconds of padded audio in one batch on a GPU.
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
        self._network = network  # for the CPU, if the device fails: the weights lie in a mapped file and cost nothing
        self._runner = DeviceRunner(network, device, DTYPES[precision], normalize=info.normalize)
        self._license = license
        self.gpu_batch_s = GPU_BATCH_S
        self._notices: tuple[Notice, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """What goes into every result."""
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
        """Why the model left the device it was loaded for, if it did."""
        return self._notices

    @property
    def max_batch_s(self) -> float:
        """0 on the CPU, where a batch is no faster than its windows one by one."""
        return 0.0 if self._on_cpu else self.gpu_batch_s

    @property
    def concurrency(self) -> int:
        """What keeps the device busy."""
        return concurrency_of(self._runner.device)

    @property
    def _on_cpu(self) -> bool:
        return self._runner.device.type == "cpu"

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. On a GPU windows of similar length share a padded batch.

        Raises:
            InferenceError: a window is too short or holds numbers that are not finite, or the network failed.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        predictions: dict[int, Prediction] = {}
        before: tuple[list[int], Finish] | None = None
        for batch in self._batches(windows):
            finish = self._start([windows[index] for index in batch], with_features)
            if before is not None:  # a GPU computes the next batch meanwhile
                predictions |= zip(before[0], before[1](), strict=True)
            before = batch, finish
        if before is not None:
            predictions |= zip(before[0], before[1](), strict=True)
        if self._on_cpu and any(len(window.samples) > TRIM_S * self.sample_rate for window in windows):
            trim_heap()
        return [predictions[index] for index in range(len(windows))]

    def predict_together(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns what ``predict`` does, from one padded batch, however much memory that takes.

        Raises:
            InferenceError: see ``predict``.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return self._start(windows, with_features)()

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Yields indices that run together: by length on a GPU; one by one on the CPU."""
        longest_first = sorted(range(len(windows)), key=lambda index: -len(windows[index].samples))
        while longest_first:
            limit = int(self.max_batch_s * self.sample_rate)  # a batch before this one may have left the GPU
            size = max(1, limit // len(windows[longest_first[0]].samples))
            yield longest_first[:size]
            longest_first = longest_first[size:]

    def _start(self, windows: Sequence[Window], with_features: bool) -> Finish:
        """Starts a batch, and returns what waits for its end; one that fails runs again, smaller or on the CPU."""
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
        if self._runner is failed:  # else the model has fallen back already, because of another batch
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
    """Returns what ``work`` does, or how it failed, without the traceback: that would keep the device's memory."""
    try:
        return work()
    except (RuntimeError, MemoryError) as err:
        return err.with_traceback(None)
