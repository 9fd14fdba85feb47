"""The native engine: Emotion2vec in plain PyTorch behind the engine protocol."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from webui.engine.checkpoint import CheckpointInfo, load_network
from webui.engine.devices import choose_device
from webui.engine.family import Emotion2vecSizes
from webui.engine.model import LAYER_NORM_EPS, Emotion2vec
from webui.engine.protocol import EmotionModel, FloatArray, Prediction, Window, check_window
from webui.errors import InferenceError
from webui.results import ModelInfo, Notice
from webui.settings import Device, Precision

logger = logging.getLogger(__name__)

MAX_BATCH_S: Final = 240.0  # of padded audio in one pass on a GPU: about 10 GB with plus_large


def load_native(
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
    return NativeModel(name, network, info, license=license, place=place, precision=precision)


class NativeModel(Emotion2vecSizes):
    """The network on a device. One caller at a time: the service keeps a lock per model.

    A GPU that fails or runs out of memory is left for the CPU, for good, and ``notices`` says so from then on; the
    request that met the failure is answered all the same.
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
        self._network = _prepare(network, place, precision)
        super().__init__(info)
        self._license = license
        self._place = place
        self._notices: tuple[Notice, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """What goes into every result."""
        return ModelInfo(
            name=self._name,
            engine="native",
            precision=self._precision.value,
            device=str(self._place),
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
        for batch in self._batches(windows):
            answers |= zip(batch, self._run([windows[index] for index in batch], with_features), strict=True)
        return [answers[index] for index in range(len(windows))]

    def predict_together(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns what ``predict`` does, from one padded batch, however much memory that takes.

        Raises:
            InferenceError: see ``predict``.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return self._run(windows, with_features)

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Yields indices that run together: one by one on the CPU, where a batch is no faster; by length on a GPU."""
        longest_first = sorted(range(len(windows)), key=lambda index: -len(windows[index].samples))
        limit = int(MAX_BATCH_S * self.sample_rate)
        while longest_first:
            longest = len(windows[longest_first[0]].samples)
            size = 1 if self._place.type == "cpu" else max(1, limit // longest)
            yield longest_first[:size]
            longest_first = longest_first[size:]

    def _run(self, windows: Sequence[Window], with_features: bool) -> list[Prediction]:
        try:
            return self._forward(windows, with_features)
        except torch.OutOfMemoryError as err:
            if len(windows) > 1:
                torch.cuda.empty_cache()
                half = len(windows) // 2
                return self._run(windows[:half], with_features) + self._run(windows[half:], with_features)
            self._fall_back(err)
        except (RuntimeError, MemoryError) as err:
            self._fall_back(err)
        return self._run(windows, with_features)

    def _fall_back(self, err: Exception) -> None:
        reason = (str(err).splitlines() or [type(err).__name__])[0]
        if self._place.type == "cpu":
            raise InferenceError("engine.failed", model=self._name, reason=reason) from err
        logger.warning("%s failed (%s); %s goes on with the CPU", self._place, reason, self._name)
        self._notices = (Notice(code="engine.fell_back", values={"device": str(self._place), "reason": reason}),)
        self._place = torch.device("cpu")
        self._precision = Precision.FP32
        self._network = _prepare(self._network, self._place, self._precision)

    @torch.inference_mode()
    def _forward(self, windows: Sequence[Window], with_features: bool) -> list[Prediction]:
        lengths = [len(window.samples) for window in windows]
        batch = np.zeros((len(windows), max(lengths)), dtype=np.float32)  # (B, S)
        for row, window in zip(batch, windows, strict=True):
            row[: len(window.samples)] = self._normalize(window)
        padded = len(set(lengths)) > 1
        samples = torch.tensor(lengths, device=self._place)
        waveforms = torch.from_numpy(batch)
        if self._place.type == "cuda":
            waveforms = waveforms.pin_memory()  # the copy need not wait then
        waveforms = waveforms.to(self._place, non_blocking=True)
        with self._products():
            features, logits = self._network(waveforms, samples if padded else None)
        frames = self._network.count_frames(samples).tolist()
        return [
            Prediction(
                self._to_numpy(logits[row, :count]), self._to_numpy(features[row, :count]) if with_features else None
            )
            for row, count in enumerate(frames)
        ]

    def _products(self) -> AbstractContextManager[object]:
        """What makes matrix products run in the precision; norms, sums and the softmax stay in fp32."""
        if self._precision is Precision.FP32:
            return nullcontext()
        dtype = torch.float16 if self._precision is Precision.FP16 else torch.bfloat16
        return torch.autocast(self._place.type, dtype=dtype)

    def _normalize(self, window: Window) -> FloatArray:
        if not self._checkpoint.normalize:
            return window.samples
        scale = 1.0 / np.sqrt(window.variance + LAYER_NORM_EPS)
        return ((window.samples - np.float32(window.mean)) * np.float32(scale)).astype(np.float32)

    def _to_numpy(self, values: Tensor) -> FloatArray:
        array: FloatArray = values.float().cpu().numpy()
        if not np.isfinite(array).all():
            raise InferenceError("engine.not_a_number", model=self._name)
        return array


def _prepare(network: Emotion2vec, place: torch.device, precision: Precision) -> Emotion2vec:
    network = network.to(place)
    if place.type == "cpu" and precision is Precision.FP32:
        network.pack()
    return network
