"""The native engine: Emotion2vec in plain PyTorch behind the engine protocol."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch

from webui.arrays import FloatArray
from webui.engine.devices import choose_device
from webui.engine.emotion2vec.checkpoint import CheckpointInfo, load_network
from webui.engine.emotion2vec.heap import LONG_S, trim_heap
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.runner import DeviceRunner
from webui.engine.emotion2vec.sizes import Emotion2vecSizes
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.errors import InferenceError, first_line
from webui.results import ModelInfo, Notice
from webui.settings import Device, Precision

logger = logging.getLogger(__name__)

DTYPES: Final = {Precision.FP32: torch.float32, Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}
NO_MEMORY: Final = re.compile("out of memory|ALLOC_FAILED")  # the libraries of products say it so
T = TypeVar("T")
Finish = Callable[[], list[Prediction]]
MAX_BATCH_S: Final = 240.0  # of padded audio in one pass on a GPU: about 10 GB with plus_large


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
        name: the model's name, as results say it.
        directory: holds ``config.yaml`` and ``tokens.txt``.
        weights: ``model.safetensors`` or the published ``model.pt``.
        license: of the weights.
        device: where it shall run; ``auto`` takes a GPU that works, else the CPU.
        threads: CPU threads of the whole process; 0 leaves PyTorch's choice, one per core.
        precision: of its matrix products; int8 is the engine onnx's.

    Raises:
        CheckpointError: the files are not what they should be.
        DeviceUnavailableError: the device is not there or does not work.
    """
    if threads > 0:
        torch.set_num_threads(threads)
    place = choose_device(device)
    network, info = load_network(directory, weights)
    return TorchModel(name, network, info, license=license, place=place, precision=precision)


class TorchModel(Emotion2vecSizes):
    """The network on a device. One caller at a time: the service keeps a lock per model.

    A GPU that fails or runs out of memory is left for the CPU, for good, and ``notices`` says so from then on; the
    request that met the failure is answered all the same.

    Attributes:
        batch_s: seconds of padded audio that share a pass on a GPU.
    """

    def __init__(
        self,
        name: str,
        network: Emotion2vec,
        info: CheckpointInfo,
        *,
        license: str,
        place: torch.device,
        precision: Precision = Precision.FP32,
    ) -> None:
        self._name = name
        self._precision = precision
        super().__init__(info)
        self._network = network  # for the CPU, if the device fails: the weights lie in a mapped file and cost nothing
        self._passes = DeviceRunner(network, place, DTYPES[precision], normalize=info.normalize)
        self._license = license
        self.batch_s = MAX_BATCH_S
        self._notices: tuple[Notice, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """What goes into every result."""
        return ModelInfo(
            name=self._name,
            engine="native",
            precision=self._precision.value,
            device=str(self._passes.place),
            labels=self.labels.names,
            license=self._license,
        )

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Why it runs where it runs, if that is not where it was asked to."""
        return self._notices

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. On a GPU windows of similar length share a padded batch.

        Raises:
            InferenceError: a window is too short or holds numbers that are not finite, or the network failed.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        answers: dict[int, Prediction] = {}
        before: tuple[list[int], Finish] | None = None
        for batch in self._batches(windows):
            finish = self._start([windows[index] for index in batch], with_features)
            if before is not None:  # a GPU is at the next batch already
                answers |= zip(before[0], before[1](), strict=True)
            before = batch, finish
        if before is not None:
            answers |= zip(before[0], before[1](), strict=True)
        if self._passes.place.type == "cpu" and any(len(one.samples) > LONG_S * self.sample_rate for one in windows):
            trim_heap()
        return [answers[index] for index in range(len(windows))]

    def predict_together(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns what ``predict`` does, from one padded batch, however much memory that takes.

        Raises:
            InferenceError: see ``predict``.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return self._start(windows, with_features)()

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Yields indices that run together: one by one on the CPU, where a batch is no faster; by length on a GPU."""
        longest_first = sorted(range(len(windows)), key=lambda index: -len(windows[index].samples))
        limit = int(self.batch_s * self.sample_rate)
        while longest_first:
            longest = len(windows[longest_first[0]].samples)
            size = 1 if self._passes.place.type == "cpu" else max(1, limit // longest)
            yield longest_first[:size]
            longest_first = longest_first[size:]

    def _start(self, windows: Sequence[Window], with_features: bool) -> Finish:
        """Starts a pass, and returns what waits for its end; a pass that fails is run again, smaller or elsewhere."""
        passes = self._passes
        started = _attempt(lambda: passes.start(windows, with_features=with_features))
        if isinstance(started, Exception):
            answers = self._run_again(windows, with_features, passes, started)
            return lambda: answers

        def finish() -> list[Prediction]:
            arrays = _attempt(started.finish)
            if isinstance(arrays, Exception):
                return self._run_again(windows, with_features, passes, arrays)
            return self._to_predictions(arrays)

        return finish

    def _run_again(
        self, windows: Sequence[Window], with_features: bool, failed: DeviceRunner, err: Exception
    ) -> list[Prediction]:
        if isinstance(err, torch.OutOfMemoryError) or NO_MEMORY.search(str(err)):
            if failed.forget():
                return self._start(windows, with_features)()
            if len(windows) > 1:
                half = len(windows) // 2
                first = self._start(windows[:half], with_features)()
                return first + self._start(windows[half:], with_features)()
        if self._passes is failed:  # else another batch has left the device already
            self._fall_back(err)
        return self._start(windows, with_features)()

    def _fall_back(self, err: Exception) -> None:
        place, reason = self._passes.place, first_line(err)
        if place.type == "cpu":
            raise InferenceError("engine.failed", model=self._name, reason=reason) from err
        logger.warning("%s failed (%s); %s goes on with the CPU", place, reason, self._name)
        self._notices = (Notice(code="engine.fell_back", values={"device": str(place), "reason": reason}),)
        self._precision = Precision.FP32
        self._passes = DeviceRunner(self._network, torch.device("cpu"), normalize=self._checkpoint.normalize)

    def _to_predictions(self, answers: list[tuple[FloatArray, FloatArray | None]]) -> list[Prediction]:
        for answer in answers:
            if not all(np.isfinite(values).all() for values in answer if values is not None):
                raise InferenceError("engine.not_a_number", model=self._name)
        return [Prediction(logits, features) for logits, features in answers]


def _attempt(work: Callable[[], T]) -> T | Exception:
    """Returns what ``work`` does, or how it failed, without the traceback: that would keep the device's memory."""
    try:
        return work()
    except (RuntimeError, MemoryError) as err:
        return err.with_traceback(None)
