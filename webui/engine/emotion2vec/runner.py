"""Runs the network on a device: what is copied there, in which number format, and what comes back.

A GPU waits for the computer's own work, so there is little of it: samples are copied once, to pinned memory that the
device reads by itself; the device normalises them; logits come back in one piece, and the next batch starts before they
do; and a single short clip, which is two hundred small kernels, is one CUDA graph (``cuda_graphs.py``).
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

FP32_TENSORS: Final = frozenset(  # scales of distances, which half precision can't count; and the last sum
    {"alibi.scale", "head.weight", "head.bias"}
)
TRIM_S: Final = 10.0  # after longer windows it pays to trim the heap: 20 ms beside seconds


class DeviceRunner:
    """Runs the network on one device, in one number format. One caller at a time.

    Attributes:
        network: on the device, in the format, prepacked.
        device: where it runs.

    Args:
        network: on the CPU, in fp32, not prepacked. For the CPU in fp32 it is prepacked itself; otherwise a copy is,
            and it stays as it is.
        device: where it shall run.
        dtype: of weights and of what lies between layers; the sums inside products and norms are in fp32 all the same.
        normalize: whether waveforms are normalised.
        cuda_graphs: whether single windows are captured as CUDA graphs, on a device that has them.
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
        """Starts a batch of windows of any lengths; on a GPU it does not wait for the end.

        Raises:
            RuntimeError: the device failed, or has no memory for so much (``torch.OutOfMemoryError``).
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
        """Frees the device's memory that is not in use; returns whether CUDA graphs were dropped for it."""
        dropped = self._graphs is not None and self._graphs.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return dropped

    def _compute(self, raw: Tensor, samples: Tensor | None, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Maps samples ``(B, S)`` as they were decoded to features ``(B, T, D)`` and logits ``(B, T, L)``."""
        mean, scale = statistics[:, :, None]  # (B, 1) each
        waveforms = (raw - mean) * scale if self._normalize else raw
        if samples is not None and self._normalize:
            waveforms = waveforms * (torch.arange(raw.shape[1], device=raw.device) < samples[:, None])
        features, logits = self.network(waveforms.to(self._dtype), samples)
        return features, logits

    @staticmethod
    def _statistics(windows: Sequence["Window"]) -> list[list[float]]:
        scales = [1.0 / float(np.sqrt(window.variance + LAYER_NORM_EPS)) for window in windows]
        return [[window.mean for window in windows], scales]


class PendingBatch:
    """A batch that was started.

    Args:
        frames: how many frames each window has.
        logits: ``(B, T, L)`` on the device.
        features: ``(B, T, D)`` on the device, or None.
    """

    def __init__(self, frames: Tensor, logits: Tensor, features: Tensor | None) -> None:
        self._frames = frames
        self._logits = _start_copy(logits)
        self._features = None if features is None else _start_copy(features)
        self._copied = torch.cuda.Event() if logits.is_cuda else None  # type: ignore[no-untyped-call]
        if self._copied is not None:
            self._copied.record()

    def finish(self) -> list[tuple[FloatArray, FloatArray | None]]:
        """Waits for the end, and returns logits ``(frames, labels)`` and features ``(frames, dim)`` per window.

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
    """Starts copying to the computer's memory."""
    if not values.is_cuda:
        return values.cpu()
    copy = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return copy.copy_(values, non_blocking=True)


def copy_to(network: Emotion2vec, device: torch.device, dtype: torch.dtype) -> Emotion2vec:
    """Returns a copy of a network that is not prepacked, for inference on ``device``; its weights in ``dtype``."""
    with torch.device("meta"):  # no memory, and the random state stays as it is
        copy = Emotion2vec(network.config)
    weights = {
        name: tensor.to(device, torch.float32 if name in FP32_TENSORS else dtype)
        for name, tensor in network.state_dict().items()
    }
    copy.load_state_dict(weights, assign=True)
    return copy.to(device).eval().requires_grad_(False)


def trim_heap() -> None:
    """Returns the heap's free memory to the system: about 250 MB after a long window in fp32.

    The C library keeps such memory for each thread that ever ran a model.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)
