"""A pass of the network on a device: what goes there, in which number format, and what comes back.

On a GPU the computer's own work is what would keep it waiting, so there is little of it: samples are copied once, to
memory that the device fetches by itself; the device normalises them; answers come back in one piece, which nobody
waits for before the next pass is under way; and a single short clip, which is two hundred small steps, is one step
that was recorded before (``recorded.py``).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from webui.arrays import FloatArray
from webui.engine.emotion2vec.cuda_graphs import CudaGraphCache
from webui.engine.emotion2vec.network import LAYER_NORM_EPS, Emotion2vec

if TYPE_CHECKING:
    from webui.engine.protocol import Window

FULL: Final = frozenset(  # what stays in fp32: scales of distances, which half precision can't count; and the last sum
    {"alibi_scale", "head.weight", "head.bias"}
)


class DeviceRunner:
    """Runs the network on one device, in one number format. One caller at a time.

    Attributes:
        network: on the device, in the format.
        place: the device.

    Args:
        network: on the CPU, in fp32. For the CPU in fp32 it is used as it is; otherwise copied, and left as it is.
        place: where it shall run.
        dtype: of weights and of what lies between layers; the sums inside products and norms are in fp32 all the same.
        normalize: whether waveforms are normalised.
        record: whether single windows are recorded, on a device that can.
    """

    def __init__(
        self,
        network: Emotion2vec,
        place: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        normalize: bool = True,
        record: bool = True,
    ) -> None:
        self.place = place
        self._normalize = normalize
        if place.type == "cpu" and dtype is torch.float32:
            self.network = network
            network.pack()
        else:
            self.network = copy_to(network, place, dtype)
        self._dtype = dtype
        self._recorder = CudaGraphCache(self._compute, place) if record and place.type == "cuda" else None

    @torch.inference_mode()
    def start(self, windows: Sequence["Window"], *, with_features: bool = False) -> "PendingBatch":
        """Starts a pass over windows of any lengths; on a GPU it does not wait for the end.

        Raises:
            RuntimeError: the device failed, or has no memory for so much (``torch.OutOfMemoryError``).
        """
        lengths = [len(window.samples) for window in windows]
        longest = max(lengths)
        recorder = self._recorder if len(windows) == 1 else None
        size = longest if recorder is None else recorder.size(longest)
        cuda = self.place.type == "cuda"
        raw = torch.empty(len(windows), size, pin_memory=cuda)  # (B, S); fetched by the device itself, if pinned
        for row, window in zip(raw.numpy(), windows, strict=True):
            row[: len(window.samples)] = window.samples
            row[len(window.samples) :] = 0.0
        samples = torch.tensor(lengths, pin_memory=cuda)  # (B,)
        statistics = torch.tensor(self._statistics(windows), dtype=torch.float32, pin_memory=cuda)  # (2, B)
        given = (raw, samples, statistics)
        outputs = recorder.run(*given) if recorder is not None else None
        if outputs is None:
            padded = size > min(lengths)
            there = [tensor.to(self.place, non_blocking=True) for tensor in given]
            outputs = self._compute(there[0], there[1] if padded else None, there[2])
        features, logits = outputs
        return PendingBatch(self.network.count_frames(samples), logits, features if with_features else None)

    def forget(self) -> bool:
        """Gives back the device's memory that is not in use; returns whether recordings had held some."""
        held = self._recorder is not None and self._recorder.forget()
        if self.place.type == "cuda":
            torch.cuda.empty_cache()
        return held

    def _compute(self, raw: Tensor, samples: Tensor | None, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Maps samples ``(B, S)`` as they were read to features ``(B, T, D)`` and logits ``(B, T, L)``."""
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
    """A pass that was started.

    Args:
        frames: how many frames each window has.
        logits: ``(B, T, L)`` on the device.
        features: ``(B, T, D)`` on the device, or None.
    """

    def __init__(self, frames: Tensor, logits: Tensor, features: Tensor | None) -> None:
        self._frames = frames
        self._logits = _fetch(logits)
        self._features = None if features is None else _fetch(features)
        self._end = torch.cuda.Event() if logits.is_cuda else None  # type: ignore[no-untyped-call]
        if self._end is not None:
            self._end.record()

    def finish(self) -> list[tuple[FloatArray, FloatArray | None]]:
        """Waits for the end, and returns logits ``(frames, labels)`` and features ``(frames, dim)`` per window.

        Raises:
            RuntimeError: the device failed.
        """
        if self._end is not None:
            self._end.synchronize()
        answers = []
        for row, count in enumerate(self._frames.tolist()):
            logits, features = (
                None if whole is None else whole[row, :count].float().numpy().copy()
                for whole in (self._logits, self._features)
            )
            assert logits is not None
            answers.append((logits, features))
        return answers


def _fetch(values: Tensor) -> Tensor:
    """Starts copying to the computer's memory."""
    if not values.is_cuda:
        return values.cpu()
    kept = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return kept.copy_(values, non_blocking=True)


def copy_to(network: Emotion2vec, place: torch.device, dtype: torch.dtype) -> Emotion2vec:
    """Returns a copy of a network for inference on ``place``; its weights in ``dtype``."""
    with torch.device("meta"):  # no memory, no dice
        copy = Emotion2vec(network.config)
    weights = {
        name: tensor.to(place, torch.float32 if name in FULL else dtype)
        for name, tensor in network.state_dict().items()
    }
    copy.load_state_dict(weights, assign=True)
    copy.reset_slopes()
    copy.slopes = copy.slopes.to(place)
    copy.eval().requires_grad_(False)
    if place.type != "cpu":
        copy.lay_out()
    return copy
