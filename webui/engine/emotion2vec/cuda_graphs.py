"""Single windows on an NVIDIA GPU as CUDA graphs: captured once per length, and replayed.

A short clip is some 200 small kernels, and launching them one by one takes the computer longer than the GPU needs to
run them; a CUDA graph launches all of them at once (docs/BENCHMARKS.md, gpu). A graph is for one shape, so windows are
padded with silence that the network masks, to the next multiple of ``STEP_SAMPLES``.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from webui.errors import first_line
from webui.units import SPEECH_RATE

logger = logging.getLogger(__name__)

Compute = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
STEP_SAMPLES: Final = SPEECH_RATE  # 1 s
MAX_SAMPLES: Final = 30 * SPEECH_RATE  # beyond that the GPU is busy longer than the computer
MAX_GRAPHS: Final = 32


@dataclass(frozen=True, slots=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, Tensor]


class CudaGraphCache:
    """Replays a computation. Its outputs are overwritten by the next replay, in the order of the device's work.

    Args:
        compute: from samples ``(1, S)``, their number ``(1,)`` and statistics ``(2, 1)`` to features and logits.
        device: a CUDA device.
    """

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self._compute = compute
        self._device = device
        self._pool: Any = None  # memory that all graphs share: one runs at a time
        self._graphs: OrderedDict[int, _Graph] = OrderedDict()
        self._seen: set[int] = set()
        self._enabled = True

    def padded_size(self, samples: int) -> int:
        """Returns the length a window of ``samples`` is padded to."""
        if not self._enabled or samples > MAX_SAMPLES:
            return samples
        return -(-samples // STEP_SAMPLES) * STEP_SAMPLES

    def run(self, *inputs: Tensor) -> tuple[Tensor, Tensor] | None:
        """Returns features and logits; None where there is no graph, as at the first window of a length."""
        length = inputs[0].shape[1]
        if not self._enabled or length > MAX_SAMPLES:
            return None
        if length not in self._seen:  # most lengths come once, and the first run initialises the libraries
            self._seen.add(length)
            return None
        try:
            graph = self._graphs.get(length) or self._capture(length, inputs)
        except RuntimeError as err:
            logger.warning("CUDA graphs disabled: %s", first_line(err))
            self._enabled = False
            self.clear()
            return None
        self._graphs.move_to_end(length)
        for target, source in zip(graph.inputs, inputs, strict=True):
            target.copy_(source, non_blocking=True)
        graph.graph.replay()
        return graph.outputs

    def clear(self) -> bool:
        """Drops all graphs and frees their memory; returns whether there were any."""
        dropped = bool(self._graphs)
        self._graphs.clear()
        self._pool = None
        return dropped

    def _capture(self, length: int, inputs: tuple[Tensor, ...]) -> _Graph:
        while len(self._graphs) >= MAX_GRAPHS:
            self._graphs.popitem(last=False)
        static_inputs = tuple(tensor.to(self._device) for tensor in inputs)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            self._compute(*static_inputs)  # warm-up on the stream of the capture: the libraries initialise there
        torch.cuda.current_stream(self._device).wait_stream(stream)
        with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
            outputs = self._compute(*static_inputs)
        self._graphs[length] = _Graph(graph, static_inputs, outputs)
        return self._graphs[length]
