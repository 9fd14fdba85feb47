"""CUDA graphs for single windows on an NVIDIA GPU: captured once per length, then replayed.

A short clip takes about 200 small kernels. Launching them one by one takes the CPU longer than the GPU needs to run
them; a CUDA graph launches all of them at once (docs/BENCHMARKS.md, gpu). A graph is valid for one shape only, so
windows are padded to the next multiple of ``STEP_SAMPLES``; the network masks the padding.
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
MAX_SAMPLES: Final = 30 * SPEECH_RATE  # for longer windows the launches take less time than the kernels
MAX_GRAPHS: Final = 32  # the least recently used graph is dropped


@dataclass(frozen=True, slots=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, Tensor]


class CudaGraphCache:
    """Captures and replays a computation for inputs of different lengths.

    All replays of a length write to the same output tensors. Work that is queued on the device before the next replay
    still reads the old values.

    Args:
        compute: maps samples ``(1, S)``, their number ``(1,)`` and statistics ``(2, 1)`` to features and logits.
        device: a CUDA device.
    """

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self._compute = compute
        self._device = device
        self._pool: Any = None  # memory pool shared by all graphs, since only one runs at a time
        self._graphs: OrderedDict[int, _Graph] = OrderedDict()
        self._seen: set[int] = set()
        self._enabled = True

    def padded_size(self, samples: int) -> int:
        """Returns the length to which a window of ``samples`` samples has to be padded."""
        if not self._enabled or samples > MAX_SAMPLES:
            return samples
        return -(-samples // STEP_SAMPLES) * STEP_SAMPLES

    def run(self, *inputs: Tensor) -> tuple[Tensor, Tensor] | None:
        """Returns features and logits, or None if there is no graph for this length yet."""
        length = inputs[0].shape[1]
        if not self._enabled or length > MAX_SAMPLES:
            return None
        if length not in self._seen:  # most lengths occur only once, and the first run initialises the libraries
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
        """Drops all graphs so that their memory can be freed; returns whether there were any."""
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
            self._compute(*static_inputs)  # warm-up: the libraries must be initialised on the stream of the capture
        torch.cuda.current_stream(self._device).wait_stream(stream)
        with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
            outputs = self._compute(*static_inputs)
        self._graphs[length] = _Graph(graph, static_inputs, outputs)
        return self._graphs[length]
