"""Runs the network on a device: transfers of inputs and outputs, number formats, and memory.

A GPU is idle while the CPU prepares its work, so the CPU does little: samples are copied once, into pinned memory that
the device reads asynchronously; the device normalises them; all logits are copied back together, and the next batch
starts before that; and a single short clip, which takes two hundred small kernels, is one CUDA graph
(``cuda_graphs.py``).
"""

import ctypes
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from webui.arrays import FloatArray
from webui.engine.emotion2vec.cuda_graphs import CudaGraphCache
from webui.engine.emotion2vec.network import LAYER_NORM_EPS, Emotion2vec
from webui.engine.emotion2vec.prepack import prepack_for_cpu, prepack_for_gpu

if TYPE_CHECKING:
    from webui.engine.protocol import Window

FP32_TENSORS: Final = frozenset(  # these stay in fp32: half precision can't represent all distances, or the logits
    {"alibi.scale", "head.weight", "head.bias"}
)
TRIM_S: Final = 10.0  # the heap is trimmed after longer windows: it takes 20 ms, and the window took seconds


class DeviceRunner:
    """Runs the network on one device, in one number format. It is not thread-safe.

    Attributes:
        network: the network on the device, in the number format, prepacked.
        device: the device that it runs on.

    Args:
        network: the network on the CPU, in fp32, not prepacked. It is prepacked in place if it runs on the CPU in fp32;
            otherwise a copy is made and ``network`` is not changed.
        device: device to run on.
        dtype: number format of weights and activations; sums inside products and norms are always computed in fp32.
        normalize: whether waveforms are normalised.
        cuda_graphs: whether to use CUDA graphs for single windows, if the device supports them.
    """

    def __init__(
        self,
        network: Emotion2vec,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        normalize: bool = True,
        cuda_graphs: bool = True,
    ) -> None:
        on_cpu = device.type == "cpu"
        self.device = device
        self.network = network if on_cpu and dtype is torch.float32 else copy_to(network, device, dtype)
        (prepack_for_cpu if on_cpu else prepack_for_gpu)(self.network)
        self._normalize = normalize
        self._dtype = dtype
        self._graphs = CudaGraphCache(self._compute, device) if cuda_graphs and device.type == "cuda" else None

    @torch.inference_mode()
    def start(self, windows: Sequence["Window"], *, with_features: bool = False) -> "PendingBatch":
        """Starts the computation of a batch of windows, of any lengths. On a GPU it returns before the end.

        Raises:
            RuntimeError: the device failed, or its memory is too small for the batch (``torch.OutOfMemoryError``).
        """
        lengths = [len(window.samples) for window in windows]
        longest = max(lengths)
        graphs = self._graphs if len(windows) == 1 else None
        size = longest if graphs is None else graphs.padded_size(longest)
        cuda = self.device.type == "cuda"
        raw = torch.empty(len(windows), size, pin_memory=cuda)  # (B, S)
        for row, window in zip(raw.numpy(), windows, strict=True):
            row[: len(window.samples)] = window.samples
            row[len(window.samples) :] = 0.0
        samples = torch.tensor(lengths, pin_memory=cuda)  # (B,)
        statistics = torch.tensor(self._statistics(windows), dtype=torch.float32, pin_memory=cuda)  # (2, B)
        inputs = (raw, samples, statistics)
        outputs = graphs.run(*inputs) if graphs is not None else None
        if outputs is None:
            padded = size > min(lengths)
            raw, on_device, statistics = (tensor.to(self.device, non_blocking=True) for tensor in inputs)
            outputs = self._compute(raw, on_device if padded else None, statistics)
        features, logits = outputs
        return PendingBatch(self.network.count_frames(samples), logits, features if with_features else None)

    def release_memory(self) -> bool:
        """Frees memory of the device that is not in use; returns whether CUDA graphs were dropped to do so."""
        dropped = self._graphs is not None and self._graphs.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return dropped

    def _compute(self, raw: Tensor, samples: Tensor | None, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Maps samples ``(B, S)`` that are not normalised to features ``(B, T, D)`` and logits ``(B, T, L)``."""
        mean, scale = statistics[:, :, None]  # (B, 1) each
        waveforms = (raw - mean) * scale if self._normalize else raw
        if samples is not None and self._normalize:
            waveforms = waveforms * (torch.arange(raw.shape[1], device=raw.device) < samples[:, None])
        features, logits = self.network(waveforms.to(self._dtype), samples)
        return features, logits

    @staticmethod
    def _statistics(windows: Sequence["Window"]) -> list[list[float]]:
        """Returns the means, and the reciprocals of the standard deviations."""
        scales = [1.0 / float(np.sqrt(window.variance + LAYER_NORM_EPS)) for window in windows]
        return [[window.mean for window in windows], scales]


class PendingBatch:
    """A batch whose computation was started.

    Args:
        frames: number of frames of each window, shape ``(B,)``.
        logits: frame logits on the device, shape ``(B, T, L)``.
        features: frame features on the device, shape ``(B, T, D)``, or None.
    """

    def __init__(self, frames: Tensor, logits: Tensor, features: Tensor | None) -> None:
        self._frames = frames
        self._logits = _start_copy(logits)
        self._features = None if features is None else _start_copy(features)
        self._copied = torch.cuda.Event() if logits.is_cuda else None  # type: ignore[no-untyped-call]
        if self._copied is not None:
            self._copied.record()

    def finish(self) -> list[tuple[FloatArray, FloatArray | None]]:
        """Waits for the end and returns logits ``(frames, labels)`` and features ``(frames, dim)`` of each window.

        Raises:
            RuntimeError: the device failed.
        """
        if self._copied is not None:
            self._copied.synchronize()
        logits = self._per_window(self._logits)
        features = [None] * len(logits) if self._features is None else self._per_window(self._features)
        return list(zip(logits, features, strict=True))

    def _per_window(self, values: Tensor) -> list[FloatArray]:
        return [row[:count].float().numpy().copy() for row, count in zip(values, self._frames.tolist(), strict=True)]


def _start_copy(values: Tensor) -> Tensor:
    """Starts copying a tensor to the CPU's memory and returns the copy."""
    if not values.is_cuda:
        return values.cpu()
    copy = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return copy.copy_(values, non_blocking=True)


def copy_to(network: Emotion2vec, device: torch.device, dtype: torch.dtype) -> Emotion2vec:
    """Returns a copy of a network that is not prepacked, for inference on ``device`` with weights in ``dtype``."""
    with torch.device("meta"):  # allocates no memory and draws no random weights
        copy = Emotion2vec(network.config)
    weights = {
        name: tensor.to(device, torch.float32 if name in FP32_TENSORS else dtype)
        for name, tensor in network.state_dict().items()
    }
    copy.load_state_dict(weights, assign=True)
    return copy.to(device).eval().requires_grad_(False)


def trim_heap() -> None:
    """Returns free memory of the heap to the operating system: about 250 MB after a long window in fp32.

    Otherwise the C library would keep such memory for each thread that has run a model.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)
